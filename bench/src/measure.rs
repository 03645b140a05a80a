//! Measuring fairly on a machine that others use too: the sides run in turn, medians are compared, processor time is counted
//! beside the clock, and a control that never changes says how much the machine did.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::usage;
use crate::work::Work;

/// One run of one side.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall-clock seconds.
    pub wall_s: f64,
    /// Processor seconds of the server's processes.
    pub server_cpu_s: f64,
    /// How many of them its first process used.
    pub own_cpu_s: f64,
}

/// A side of a comparison.
pub struct Side<'a> {
    /// The server's process.
    pub pid: u32,
    /// Does the work once.
    pub act: Box<dyn FnMut() -> Result<()> + 'a>,
    /// Makes it quiet again after a run: what was stored is still being looked at, say.
    pub settle: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// The medians of both sides over runs in alternation, ours first, after one warm-up of each that does not count.
pub fn alternate(runs: usize, ours: &mut Side<'_>, theirs: &mut Side<'_>) -> Result<[Run; 2]> {
    let (mut our_runs, mut their_runs) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (our_run, their_run) = (once(ours)?, once(theirs)?);
        if run > 0 {
            our_runs.push(our_run);
            their_runs.push(their_run);
        }
    }
    Ok([median(&our_runs), median(&their_runs)])
}

fn once(side: &mut Side<'_>) -> Result<Run> {
    let before = usage(side.pid)?;
    let begun = Instant::now();
    (side.act)()?;
    let wall_s = begun.elapsed().as_secs_f64();
    let after = usage(side.pid)?;
    (side.settle)()?;
    let server_cpu_s = after.cpu_s - before.cpu_s;
    Ok(Run { wall_s, server_cpu_s, own_cpu_s: after.own_cpu_s - before.own_cpu_s })
}

fn median(runs: &[Run]) -> Run {
    Run {
        wall_s: median_of(runs.iter().map(|run| run.wall_s)),
        server_cpu_s: median_of(runs.iter().map(|run| run.server_cpu_s)),
        own_cpu_s: median_of(runs.iter().map(|run| run.own_cpu_s)),
    }
}

/// The middle value; of two middle ones the lower.
pub fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// What the machine itself does at the moment: a loop of arithmetic, and a durable write of 4 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// Seconds of the loop.
    pub loop_s: f64,
    /// Median seconds of one write with fsync.
    pub fsync_s: f64,
}

impl Control {
    /// Takes a third of a second.
    pub fn take(work: &Work) -> Result<Control> {
        let loop_s = median_of((0..5).map(|_| {
            let begun = Instant::now();
            let sum = (0..30_000_000_u64).fold(1_u64, |sum, n| sum.rotate_left(5) ^ n.wrapping_mul(sum | 1));
            std::hint::black_box(sum);
            begun.elapsed().as_secs_f64()
        }));
        let mut file = fs::File::create(work.path().join("control"))?;
        let mut writes = Vec::new();
        for _ in 0..41 {
            let begun = Instant::now();
            file.write_all(&[7; 4096])?;
            file.sync_data()?;
            writes.push(begun.elapsed().as_secs_f64());
        }
        Ok(Control { loop_s, fsync_s: median_of(writes.into_iter()) })
    }
}

/// Waits for a condition, within a limit.
pub fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !condition()? {
        if begun.elapsed() > limit {
            return Err(format!("not in {} s: {what}", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median_of([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median_of([4.0, 1.0].into_iter()) - 1.0).abs() < 1e-9);
        assert!(median_of(std::iter::empty()).abs() < 1e-9);
    }

    #[test]
    fn sides_run_in_turn_and_the_first_of_each_does_not_count() {
        let order = std::cell::RefCell::new(String::new());
        let side = |name: char| Side {
            pid: std::process::id(),
            act: Box::new(|| Ok(())),
            settle: Box::new({
                let order = &order;
                move || {
                    order.borrow_mut().push(name);
                    Ok(())
                }
            }),
        };
        alternate(2, &mut side('a'), &mut side('b')).unwrap();
        assert_eq!(*order.borrow(), "ababab");
    }
}
