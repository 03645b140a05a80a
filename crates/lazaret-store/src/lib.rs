//! The only SQL: recording facts, applying them to registers, reading them, replaying them.
//!
//! Reading order: [`record`] (how anything changes), `apply` (what each fact changes), [`view`] (what is read), [`side`]
//! (what is not derived from the ledger), [`replay`].

mod apply;
mod checkpoint;
mod engine;
mod error;
mod keyring;
pub mod record;
pub mod replay;
pub mod side;
mod store;
mod value;
pub mod view;
mod writer;

pub use checkpoint::{CheckpointDb, Latest};
pub use error::{Error, Fault, Result};
pub use keyring::{KeyRow, KeyringDb};
pub use record::{Entry, Recorded, Tx};
pub use side::Side;
pub use store::{Store, StoreReader};
pub use view::View;
