//! Who is calling. Every channel ends in [`caller`]; an error is a deny.

pub mod caller;
pub mod seen;
pub mod signed;
pub mod sshkey;
pub mod token;
