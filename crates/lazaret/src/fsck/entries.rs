//! The ledger's entries by themselves, and the registers that must follow from them.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use lazaret_store::View;
use lazaret_store::replay::{RegisterDigest, broken_leaves, digests, misplaced_entries, rebuild};

use super::{Report, Watch};

pub(super) fn check(view: &View<'_>, report: &mut Report, watch: Watch<'_>) {
    watch("entries", 0, 1);
    if let Some(head) = report.take("entries", view.head()) {
        report.counts.entries = head.map_or(0, |head| head.size);
    }
    if let Some(broken) = report.take("entries", broken_leaves(view)) {
        for (epoch, index) in broken {
            report.note(
                "entries",
                format!("entry {epoch}.{index}: its bytes are not its leaf, or one before it is missing"),
            );
        }
    }
    if let Some(misplaced) = report.take("entries", misplaced_entries(view)) {
        for (epoch, index) in misplaced {
            report.note(
                "entries",
                format!("entry {epoch}.{index}: its columns are not what its bytes say, or it does not follow"),
            );
        }
    }
    check_head(view, report);
    watch("registers", 0, 1);
    check_registers(view, report);
}

/// The head says how long the ledger is; the entries must go exactly so far.
fn check_head(view: &View<'_>, report: &mut Report) {
    let Some(Some(head)) = report.take("entries", view.head()) else { return };
    let last = head.size.checked_sub(1).map(|index| view.leaves(head.epoch, index, 2));
    match last.map(|rows| report.take("entries", rows)) {
        Some(Some(rows)) if rows.len() == 1 => {}
        Some(Some(rows)) if rows.is_empty() => report.note("entries", "entries are missing at the end of the ledger"),
        Some(Some(_)) => report.note("entries", "there are entries behind the end of the ledger"),
        Some(None) | None => {}
    }
}

fn check_registers(view: &View<'_>, report: &mut Report) {
    let Some(stand) = report.take("registers", digests(view)) else { return };
    report.counts.registers = stand.len() as u64;
    match quietly(|| rebuild(view)) {
        Some(rebuilt) => {
            let Some(rebuilt) = report.take("registers", rebuilt) else { return };
            compare(&stand, &rebuilt, report);
        }
        None => report.note("registers", "the entries cannot be replayed: one of them does not fit those before it"),
    }
}

fn compare(stand: &[RegisterDigest], rebuilt: &[RegisterDigest], report: &mut Report) {
    for (stands, follows) in stand.iter().zip(rebuilt).filter(|(stands, follows)| stands != follows) {
        let (rows, due) = (stands.rows, follows.rows);
        let count = if rows == due {
            format!("{rows} rows, one or more changed")
        } else {
            format!("{rows} rows, due are {due}")
        };
        report.note("registers", format!("{} is not what the ledger says: {count}", stands.register));
    }
}

/// A fact that does not fit is a bug where it is recorded, and stops the writer. Here it is what is being looked for.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    let told = take_hook();
    set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    set_hook(told);
    done
}
