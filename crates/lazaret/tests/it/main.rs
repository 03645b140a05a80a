//! The gate as its peers meet it: the real program on free ports with a directory of its own, and real clients.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "a program has no outside: here pub means that other rooms use it")]
#![expect(dead_code, reason = "the tests of SFTP and of the client's verbs use the rest; they come next")]

mod cli;
mod crash;
mod crossing;
mod gate;
mod https;
mod sftp;
mod tus;
mod up;
