//! Bars for what takes longer than a second: bytes, rate, time left. Only where somebody watches; a pipe gets lines instead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::out;

/// What is done sooner needs no bar.
const QUIET: Duration = Duration::from_secs(1);
const BYTES: &str =
    "  {msg:24!} {bar:28} {decimal_bytes:>10} of {decimal_total_bytes:>10}  {decimal_bytes_per_sec:>12}  {eta:>4} left";
const STEPS: &str = "  {msg:24!} {bar:28} {pos:>10} of {len:>10}  {eta:>4} left";
const WAITS: &str = "  {spinner} {msg}  {elapsed}";

/// A bar. Clones move the same one.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    watched: bool,
    shown: Arc<Mutex<bool>>,
}

impl Progress {
    /// A bar over bytes.
    pub(crate) fn of_bytes(what: &str, total: u64) -> Progress {
        Progress::new(what, Some(total), BYTES)
    }

    /// A bar over things that are counted.
    pub(crate) fn of_steps(what: &str, total: u64) -> Progress {
        Progress::new(what, Some(total), STEPS)
    }

    /// Something whose end nobody knows.
    pub(crate) fn of_waiting(what: &str) -> Progress {
        Progress::new(what, None, WAITS)
    }

    fn new(what: &str, total: Option<u64>, template: &str) -> Progress {
        // Whatever ends it, a failure too, nothing of the bar stays behind.
        let bar =
            ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(out::shown(what));
        Progress { bar, begun: Instant::now(), watched: out::is_watched(), shown: Arc::new(Mutex::new(false)) }
    }

    /// So much more is done.
    pub(crate) fn advance(&self, more: u64) {
        self.bar.inc(more);
        self.show_if_slow();
    }

    /// So much of so much is done.
    pub(crate) fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.show_if_slow();
    }

    /// Says what is going on now.
    pub(crate) fn say(&self, what: &str) {
        self.bar.set_message(out::shown(what));
        self.show_if_slow();
    }

    /// From the beginning.
    pub(crate) fn restart(&self) {
        self.bar.set_position(0);
    }

    /// It is done: nothing of the bar stays.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show_if_slow(&self) {
        if !self.watched || self.begun.elapsed() < QUIET {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if !*shown {
            *shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
    }
}
