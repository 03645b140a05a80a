//! The vault: sealed objects, the keys that open them, and the two handles through which plaintext leaves.
//!
//! Reading order: [`broker`] (who may have which key, and against which proof), [`object`] and [`reader`] (how bytes are
//! sealed and opened), `cobblestone` (the format), [`resume`] (how an interrupted upload goes on), [`blobs`] (where
//! files lie) and [`flush`] (how many small ones become durable at once), [`rows`] (what the keyring's store must do),
//! [`wrap`] (the root key), [`fields`] (particulars), [`index`] (finding again), [`secrets`] (signing and host keys), [`disk`] and [`random`] (the seams).
//!
//! Everything here is synchronous; callers drive it from threads that may block.

pub mod blobs;
pub mod broker;
mod cobblestone;
pub mod disk;
pub mod fault;
pub mod fields;
pub mod flush;
pub mod index;
mod key;
mod keyring;
pub mod object;
pub mod random;
pub mod reader;
pub mod resume;
pub mod rows;
pub mod secrets;
pub mod wrap;

pub use broker::{Broker, Delivery};
pub use disk::{Disk, RealDisk};
pub use fault::Fault;
pub use fields::{Bound, SubjectKey};
pub use object::{ObjectWriter, Sealed};
pub use reader::{HashedReader, ObjectReader, ObjectStream};

#[cfg(test)]
mod tests;
