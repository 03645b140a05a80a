//! Every parser at once: bytes that are no format at all, lengths that claim too much, and files that others made.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod any_bytes;
mod json_agrees;
mod samples;
