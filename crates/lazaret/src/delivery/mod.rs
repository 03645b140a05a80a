//! The doors out: pick-up over HTTPS, and what senders read about their own objects. Plaintext leaves only against a
//! `Cleared`, after the attempt was recorded on a dossier read again.

pub mod attempts;
pub mod collected;
pub mod outgoing;
pub mod pickup;
pub mod told;
