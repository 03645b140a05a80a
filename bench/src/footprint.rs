//! What the gate costs: memory at rest and during one very large upload, the time from start to service, and how long a
//! developer waits for a build.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Result;
use crate::client::Target;
use crate::gate::{Gate, ROOT};
use crate::https::{mib, unique};
use crate::measure::median_of;
use crate::plan::Plan;
use crate::process::{command, run};
use crate::table::Report;
use crate::work::Work;

/// A gate that has served is at rest after this long.
const REST: Duration = Duration::from_secs(3);
const SAMPLE: Duration = Duration::from_millis(100);

/// Looks at all of it.
pub fn look(plan: &Plan, work: &Work, report: &mut Report) -> Result<()> {
    memory(plan, work, report)?;
    let dir = work.path().join("gate");
    let starts = (0..plan.runs).map(|_| start(plan, &dir)).collect::<Result<Vec<_>>>()?;
    report.figure("start to ready file, gate that exists", median_of(starts.into_iter()) * 1e3, "ms", "")?;
    cycle(plan, report)
}

fn memory(plan: &Plan, work: &Work, report: &mut Report) -> Result<()> {
    let gate = Gate::start(plan, work)?;
    std::thread::sleep(REST);
    let idle = gate.usage()?.resident_bytes;
    report.figure(
        "memory at rest, workers included",
        mib(idle),
        "MiB",
        "resident, shared pages counted in each process",
    )?;
    let (target, done) = (Target::of(&gate)?, AtomicBool::new(false));
    let (highest, took) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| -> Result<u64> {
            let mut highest = 0;
            while !done.load(Ordering::Relaxed) {
                highest = highest.max(gate.usage()?.resident_bytes);
                std::thread::sleep(SAMPLE);
            }
            Ok(highest)
        });
        let begun = Instant::now();
        let sent = target.put_stream(plan.stream_bytes, &unique());
        let took = begun.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        let highest = watcher.join().map_err(|_| "the watcher ended early")??;
        sent.map(|()| (highest, took))
    })?;
    let size = mib(plan.stream_bytes);
    report.figure(
        &format!("memory above rest, upload of {size:.0} MiB"),
        mib(highest.saturating_sub(idle)),
        "MiB",
        "highest of samples",
    )?;
    report.figure("the same upload, made as it is sent", size / took, "MiB/s", "client in Rust, HTTP/1.1")?;
    gate.end();
    Ok(())
}

fn start(plan: &Plan, dir: &Path) -> Result<f64> {
    let begun = Instant::now();
    let gate = Gate::start_in(plan, dir)?;
    let took = begun.elapsed().as_secs_f64();
    gate.end();
    Ok(took)
}

/// One change in the binary, then `cargo build`. The first build brings everything else up to date.
fn cycle(plan: &Plan, report: &mut Report) -> Result<()> {
    if plan.quick {
        return report.skip("edit and build", "not with --quick");
    }
    let build = || run(command("cargo").args(["build", "--locked", "--quiet", "-p", "lazaret"]).current_dir(ROOT));
    build()?;
    let mut times = Vec::new();
    for _ in 0..3 {
        let main = Path::new(ROOT).join("crates/lazaret/src/main.rs");
        let now = fs::FileTimes::new().set_modified(now());
        fs::File::options().append(true).open(&main)?.set_times(now)?;
        let begun = Instant::now();
        build()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    report.figure("edit the binary, build (debug)", median_of(times.into_iter()), "s", "touch main.rs; cargo build")
}

#[expect(clippy::disallowed_methods, reason = "a file is touched, as an editor would")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
