//! The gate as its peers meet it: the real program on free ports with a directory of its own, and real clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]
#![expect(unreachable_pub, reason = "a program has no outside: here pub means that other rooms use it")]

mod access;
mod channels;
mod cli;
mod crash;
mod crossing;
mod gate;
mod house;
mod https;
mod new_user;
mod passkey;
mod receipts;
mod roles;
mod sftp;
mod tus;
mod up;
