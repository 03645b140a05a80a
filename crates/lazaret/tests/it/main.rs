//! The gate as its peers meet it: the real program on free ports with a directory of its own, and real clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod crossing;
mod gate;
mod https;
mod tus;
