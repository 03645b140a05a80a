//! Lazaret: one gate for everything that enters or leaves a hospital.
//!
//! Reading order: `crossing` (the life of one transfer), `gate` (what a gate is), `setup` and `serve` (from a directory to a
//! running gate), `intake` and `delivery` (the doors), `reconcile` (what moves transfers on), `follow` (what tells the world),
//! `station` (where hostile bytes are looked at), `api` and `console` (what people and programs see), `cli`.

#![expect(unreachable_pub, reason = "a program has no outside: here pub means that other rooms use it")]

mod api;
mod auth;
mod cli;
mod clock;
mod config;
mod console;
mod crossing;
mod delivery;
mod demo;
mod error;
mod follow;
mod fsck;
mod gate;
mod intake;
mod lanes;
mod listen;
mod metrics;
mod particulars;
mod people;
mod reconcile;
mod rules;
mod serve;
mod setup;
mod station;
#[cfg(test)]
mod testing;
mod tls;
mod vault;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
