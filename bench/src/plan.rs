//! What is asked for on the command line.

use std::path::PathBuf;

use crate::Result;

pub const USAGE: &str = "\
cargo run --release -p lazaret-bench -- [options]
  --quick            small sizes: does it work, and roughly how
  --only NAME        https, small, sftp or footprint; can be repeated
  --size MIB         size of the large objects (1024)
  --stream MIB       size of the streamed upload whose memory is looked at (10240)
  --files N          small files (1000), of 4 KiB
  --connections N    connections that send them (8)
  --runs N           runs of each side, in turn (5)
  --dir DIR          where all sides write (target/bench)
  --json FILE        results as JSON (DIR/results.json)
  --program FILE     another build of ours; else it is built here
";

/// One run of everything.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Only these sections; all, when empty.
    pub only: Vec<String>,
    /// Size of the large objects in bytes.
    pub size_bytes: u64,
    /// Size of the streamed upload in bytes.
    pub stream_bytes: u64,
    /// How many small files.
    pub files: usize,
    /// How many connections send them.
    pub connections: usize,
    /// Runs of each side.
    pub runs: usize,
    /// Where everything is written.
    pub dir: PathBuf,
    /// Where the results go.
    pub json: PathBuf,
    /// Another build of ours.
    pub program: Option<PathBuf>,
    /// Whether sizes are small.
    pub quick: bool,
}

const MIB: u64 = 1 << 20;

impl Plan {
    /// Reads the options; nothing, when help is asked for.
    pub fn parse(args: &[String]) -> Result<Option<Plan>> {
        let quick = args.iter().any(|arg| arg == "--quick");
        let mut plan = Plan {
            only: Vec::new(),
            size_bytes: if quick { 64 * MIB } else { 1024 * MIB },
            stream_bytes: if quick { 256 * MIB } else { 10_240 * MIB },
            files: if quick { 200 } else { 1000 },
            connections: 8,
            runs: if quick { 3 } else { 5 },
            dir: PathBuf::from("target/bench"),
            json: PathBuf::new(),
            program: None,
            quick,
        };
        let mut rest = args.iter();
        while let Some(option) = rest.next() {
            if option == "--quick" {
                continue;
            }
            if option == "--help" {
                return Ok(None);
            }
            let value = rest.next().ok_or_else(|| format!("{option} takes a value\n{USAGE}"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{option}: {value} is no number"));
            match option.as_str() {
                "--only" => plan.only.push(value.clone()),
                "--size" => plan.size_bytes = number()? * MIB,
                "--stream" => plan.stream_bytes = number()? * MIB,
                "--files" => plan.files = usize::try_from(number()?)?,
                "--connections" => plan.connections = usize::try_from(number()?)?.max(1),
                "--runs" => plan.runs = usize::try_from(number()?)?.max(1),
                "--dir" => plan.dir = PathBuf::from(value),
                "--json" => plan.json = PathBuf::from(value),
                "--program" => plan.program = Some(std::fs::canonicalize(value)?),
                _ => return Err(format!("{option} is no option\n{USAGE}").into()),
            }
        }
        if plan.json.as_os_str().is_empty() {
            plan.json = plan.dir.join("results.json");
        }
        Ok(Some(plan))
    }

    /// Whether a section is to run.
    pub fn wants(&self, section: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Plan>> {
        Plan::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_any_order_and_others_are_refused() {
        let plan = parse(&["--size", "3", "--quick", "--only", "sftp"]).unwrap().unwrap();
        assert_eq!((plan.size_bytes, plan.files, plan.runs), (3 << 20, 200, 3));
        assert!(plan.wants("sftp") && !plan.wants("https"));
        assert!(parse(&["--help"]).unwrap().is_none());
        assert!(parse(&["--sise", "3"]).is_err());
        assert!(parse(&["--size"]).is_err());
        assert!(parse(&["--size", "many"]).is_err());
    }
}
