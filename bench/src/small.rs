//! Many small objects, each durable before its answer, against single-row commits of the same size.

use crate::Result;
use crate::client::Target;
use crate::gate::Gate;
use crate::https::unique;
use crate::measure::{Side, alternate};
use crate::plan::Plan;
use crate::postgres::Postgres;
use crate::table::{Compared, Report};
use crate::work::Work;

const FILE_BYTES: usize = 4096;

/// Runs the comparison.
pub fn compare(plan: &Plan, work: &Work, report: &mut Report) -> Result<()> {
    let postgres = Postgres::start(work)?;
    let gate = Gate::start(plan, work)?;
    let target = Target::of(&gate)?;
    let mut ours = Side {
        pid: gate.pid(),
        act: Box::new(|| target.put_many(plan.files, FILE_BYTES, plan.connections, &unique())),
        settle: Box::new(|| gate.settle()),
    };
    let mut theirs = Side {
        pid: postgres.pid(),
        act: Box::new(|| postgres.commit_many(plan.files, FILE_BYTES, plan.connections)),
        settle: Box::new(|| Ok(())),
    };
    let measured = alternate(plan.runs, &mut ours, &mut theirs)?;
    drop((ours, theirs));
    let compared = Compared {
        what: &format!("{} × 4 KiB, {} connections, durable", plan.files, plan.connections),
        peer: "PostgreSQL single-row commits",
        amount: (small(plan.files), "files/s"),
        goal: Some(3.0),
        note: "pgbench, fsync on, without TLS; ours are inspected meanwhile",
    };
    report.compared(&compared, measured)?;
    gate.end();
    Ok(())
}

/// A count as a number to divide.
pub fn small(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
