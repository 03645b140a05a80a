//! A worker holds two descriptors: its input pipe and its output pipe. Everything else it was born with is closed.

use std::os::fd::RawFd;

use rustix::fs::{FileType, fstat};

/// Descriptors tried where the list of open ones cannot be read.
const CLOSED_BLINDLY_MAX: RawFd = 4096;

/// Closes every descriptor but 0 and 1, standard error included: what it says could hold content.
///
/// # Errors
/// 0 or 1 is not a pipe, so that reading or writing it could reach more than the parent.
pub(super) fn close_all_but_the_pipes() -> Result<(), NotAPipe> {
    for fd in open_descriptors() {
        if fd > 1 {
            // A descriptor that is no longer open was the listing's own; nothing else runs in this process.
            let _ = nix::unistd::close(fd);
        }
    }
    let pipes = [fstat(std::io::stdin()), fstat(std::io::stdout())];
    // A socket is none: what reads and writes it could be anywhere.
    let is_pipe = |mode| FileType::from_raw_mode(mode) == FileType::Fifo;
    let all = pipes.into_iter().all(|stat| stat.is_ok_and(|stat| is_pipe(stat.st_mode)));
    if all { Ok(()) } else { Err(NotAPipe) }
}

/// Standard input or output is something else than a pipe.
pub(super) struct NotAPipe;

/// The open descriptors by `/proc/self/fd`; where there is none, every number that could be one.
fn open_descriptors() -> Vec<RawFd> {
    let Ok(listing) = std::fs::read_dir("/proc/self/fd") else {
        return (0..CLOSED_BLINDLY_MAX).collect();
    };
    listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
