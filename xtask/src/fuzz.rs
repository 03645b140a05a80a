//! Fuzzing: builds every target with coverage counters and runs each for a number of inputs.
//!
//! The targets link libFuzzer. The counters are LLVM's own pass, which the stable compiler runs when asked, so neither
//! another toolchain nor cargo-fuzz is needed; the folder has cargo-fuzz's layout, so it works all the same. There is no
//! address sanitizer: our code has no `unsafe`, and what is looked for are panics, overflows, broken promises and slowness.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::steps::say;

/// Inputs for each target, where nothing else is said.
pub const RUNS: u64 = 1_000_000;
/// Longest input in bytes, and the time that one may take.
const INPUT_BYTES_MAX: u32 = 4_096;
const INPUT_MAX: Duration = Duration::from_secs(1);
/// A machine that is busy can make any input slow: the fuzzer gives up an input after this long, and notes it after
/// [`INPUT_MAX`]. What was noted is tried again alone.
const HANG_S: u32 = 20;
const MEMORY_MIB_MAX: u32 = 2_048;
/// The platform is named so that build scripts and macros, which run here, are built without counters.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Targets; all, when empty.
    pub targets: Vec<String>,
    /// Inputs for each.
    pub runs: u64,
    /// Time for each; 0 is no limit.
    pub seconds: u64,
    /// Targets at once; 0 is one a processor.
    pub jobs: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { targets: Vec::new(), runs: RUNS, seconds: 0, jobs: 0 }
    }
}

/// What became of one target.
#[derive(Debug)]
struct Outcome {
    target: String,
    inputs: u64,
    took: Duration,
    /// Why it failed, with the last words of the fuzzer.
    failure: Option<String>,
}

/// Builds and runs; whether no target failed.
///
/// # Errors
/// A program that cannot be started, an unknown target, a target without seeds.
pub fn run(root: &Path, plan: &Plan) -> io::Result<bool> {
    let targets = wanted(root, &plan.targets)?;
    let begun = Instant::now();
    if !build(root, &targets)? {
        return Ok(false);
    }
    say(&format!("built {} targets in {:.0} s", targets.len(), begun.elapsed().as_secs_f64()))?;
    let waiting = Mutex::new(VecDeque::from(targets));
    let jobs = if plan.jobs > 0 { plan.jobs } else { thread::available_parallelism().map_or(1, usize::from) };
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| work(root, plan, &waiting))).collect();
        workers.into_iter().try_fold(0, |failed, worker| {
            Ok::<usize, io::Error>(failed + worker.join().map_err(|_| io::Error::other("a worker ended early"))??)
        })
    })?;
    say(&format!("fuzzing took {:.0} s, {failed} targets failed", begun.elapsed().as_secs_f64()))?;
    Ok(failed == 0)
}

fn wanted(root: &Path, only: &[String]) -> io::Result<Vec<String>> {
    let mut known = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        known.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    known.sort();
    if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
        return Err(io::Error::other(format!("no target is called {unknown}; there are {}", known.join(", "))));
    }
    known.retain(|name| only.is_empty() || only.contains(name));
    let bare = known.iter().find(|name| !seeds(root, name).is_dir());
    match bare {
        Some(bare) => Err(io::Error::other(format!("{} has no seeds", seeds(root, bare).display()))),
        None => Ok(known),
    }
}

fn seeds(root: &Path, target: &str) -> PathBuf {
    root.join("fuzz/corpus").join(target)
}

fn build(root: &Path, targets: &[String]) -> io::Result<bool> {
    let mut cargo = command(root, "cargo");
    cargo.args(["build", "--quiet", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    cargo.args(["--target-dir", "fuzz/target", "--target", PLATFORM]).env("RUSTFLAGS", RUSTFLAGS);
    for target in targets {
        cargo.args(["--bin", target]);
    }
    Ok(cargo.status()?.success())
}

fn work(root: &Path, plan: &Plan, waiting: &Mutex<VecDeque<String>>) -> io::Result<usize> {
    let mut failed = 0;
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(target) = next else { return Ok(failed) };
        let outcome = fuzz(root, plan, target)?;
        failed += usize::from(outcome.failure.is_some());
        say(&line(&outcome))?;
    }
}

fn line(outcome: &Outcome) -> String {
    let Outcome { target, inputs, took, failure } = outcome;
    let seconds = took.as_secs_f64();
    match failure {
        None => format!("{target:20} {inputs:>9} inputs {seconds:>6.1} s"),
        Some(why) => format!("{target:20} FAILED after {seconds:.1} s\n{why}"),
    }
}

fn fuzz(root: &Path, plan: &Plan, target: String) -> io::Result<Outcome> {
    let found = root.join("fuzz/target/corpus").join(&target);
    let artifacts = root.join("fuzz/artifacts").join(&target);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let before = listed(&artifacts)?;
    let begun = Instant::now();
    let mut fuzzer = program(root, &target);
    // The first folder takes what is new, the second is only read.
    fuzzer.args([&found, &seeds(root, &target)]);
    fuzzer.arg(format!("-runs={}", plan.runs)).arg(format!("-max_total_time={}", plan.seconds));
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display())).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    fuzzer.arg(format!("-timeout={HANG_S}")).arg(format!("-report_slow_units={}", INPUT_MAX.as_secs()));
    fuzzer.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}")).args(["-print_final_stats=1", "-verbosity=1"]);
    let (status, words) = listen(fuzzer)?;
    let new: Vec<PathBuf> = listed(&artifacts)?.into_iter().filter(|path| !before.contains(path)).collect();
    let failure = if status.success() { slow(root, &target, &new)? } else { Some(last_words(&target, &words, &new)) };
    Ok(Outcome { inputs: inputs(&words).unwrap_or(0), target, took: begun.elapsed(), failure })
}

fn program(root: &Path, target: &str) -> Command {
    command(root, root.join("fuzz/target").join(PLATFORM).join("release").join(target))
}

fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Inputs that were noted as slow, if one of them is slow by itself too.
fn slow(root: &Path, target: &str, noted: &[PathBuf]) -> io::Result<Option<String>> {
    for path in noted {
        let begun = Instant::now();
        let (status, _) = listen({
            let mut alone = program(root, target);
            alone.arg(path);
            alone
        })?;
        let took = begun.elapsed();
        if !status.success() || took > INPUT_MAX {
            let text = format!("{} takes {:.1} s alone\n{}", path.display(), took.as_secs_f64(), again(target, path));
            return Ok(Some(text));
        }
        fs::remove_file(path)?;
    }
    Ok(None)
}

fn last_words(target: &str, words: &[String], new: &[PathBuf]) -> String {
    let from = words.iter().position(|word| word.contains("panicked at")).unwrap_or(words.len().saturating_sub(20));
    let mut text = words.iter().skip(from).take(20).map(|word| format!("    {word}\n")).collect::<String>();
    text.extend(new.iter().map(|path| again(target, path)));
    text
}

fn again(target: &str, input: &Path) -> String {
    format!("    again: fuzz/target/{PLATFORM}/release/{target} {}\n", input.display())
}

/// Runs a program to its end and keeps the last lines of what it says.
fn listen(mut program: Command) -> io::Result<(ExitStatus, Vec<String>)> {
    const LINES_KEPT: usize = 200;
    let mut child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut words = VecDeque::new();
    if let Some(stream) = child.stderr.take() {
        for line in BufReader::new(stream).split(b'\n') {
            if words.len() == LINES_KEPT {
                words.pop_front();
            }
            words.push_back(String::from_utf8_lossy(&line?).into_owned());
        }
    }
    Ok((child.wait()?, words.into()))
}

/// How many inputs were run, by the fuzzer's last statistics.
fn inputs(words: &[String]) -> Option<u64> {
    words.iter().find_map(|word| word.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

fn command(root: &Path, program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a developer command runs the tools of the trade")]
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_counted_from_the_fuzzers_own_statistics() {
        let words = ["#1 pulse", "stat::number_of_executed_units: 1000000", "stat::peak_rss_mb: 5"].map(str::to_owned);
        assert_eq!(inputs(&words), Some(1_000_000));
        assert_eq!(inputs(&[]), None);
    }

    #[test]
    fn an_unknown_target_is_refused() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        assert!(wanted(root, &["nonsense".to_owned()]).is_err());
        assert!(wanted(root, &[]).is_ok_and(|all| all.contains(&"core_event".to_owned())));
    }
}
