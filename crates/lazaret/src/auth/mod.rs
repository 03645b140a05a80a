//! Who is calling. Every channel ends in [`caller`]; an error is a deny.

pub mod body;
pub mod caller;
pub mod first;
pub mod origin;
pub mod passkey;
pub mod seen;
pub mod session;
pub mod signed;
pub mod signin;
pub mod source;
pub mod sshkey;
pub mod token;
pub mod tries;
