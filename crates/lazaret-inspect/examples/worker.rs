//! A worker as the tests start it: what `lazaret inspect --worker` is, without the rest of the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    lazaret_inspect::worker::run(std::io::stdin(), std::io::stdout())
}
