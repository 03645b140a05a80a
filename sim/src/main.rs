//! `cargo xtask sim --seed N [--steps M]`: one seed, one history of a hospital; `--seeds K` runs K of them from there on.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use lazaret_sim::history::{Summary, run};

const STEPS: u64 = 300;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match simulate(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn simulate(args: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let seed = option(args, "--seed")?.ok_or("cargo xtask sim --seed N [--seeds K] [--steps M]")?;
    let (seeds, steps) = (option(args, "--seeds")?.unwrap_or(1), option(args, "--steps")?.unwrap_or(STEPS));
    for seed in seed..seed.saturating_add(seeds) {
        let begun = Instant::now();
        let dir = tempfile::tempdir()?;
        let Summary { recorded, refused, entries } = run(seed, steps, dir.path())?;
        let took = begun.elapsed().as_millis();
        writeln!(
            io::stdout(),
            "seed {seed}: {recorded} acts recorded, {refused} refused, every invariant held, {took} ms"
        )?;
        if seeds == 1 {
            entries.iter().try_for_each(|(kind, count)| writeln!(io::stdout(), "  {kind:28} {count:>5}"))?;
        }
    }
    Ok(())
}

fn option(args: &[String], name: &str) -> Result<Option<u64>, Box<dyn std::error::Error>> {
    let Some(place) = args.iter().position(|arg| arg == name) else { return Ok(None) };
    let value = args.get(place + 1).ok_or_else(|| format!("{name} takes a number"))?;
    Ok(Some(value.replace('_', "").parse().map_err(|_| format!("{value} is no number"))?))
}
