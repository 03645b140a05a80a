//! Foreign bytes to types and back: what peers send, what files hold, and what we answer in their protocols.
//!
//! Reading order: [`path`] (the one type that names anything), then by who reads it. The doors: [`sftp`], [`tus`],
//! [`digest_fields`] and [`sidecar`] (what content must hash to), [`http_fields`]. The station: [`text`] (characters that
//! know their bytes) and [`role`] (what a place says of people), then [`hl7`], [`json`] and [`fhir`], [`identifiers`],
//! [`archive`], [`sbom`], [`minisign`].
//!
//! Every parser is a pure function of bytes. It never panics, never allocates what a length merely claims, and its
//! errors say what is wrong with the bytes. What a parser accepts is not thereby allowed: that is for policy to say.

pub mod archive;
pub mod dates;
pub mod digest_fields;
pub mod fhir;
pub mod hl7;
pub mod http_fields;
pub mod identifiers;
pub mod json;
pub mod minisign;
pub mod path;
pub mod role;
pub mod sbom;
pub mod sftp;
pub mod sidecar;
mod structured;
pub mod text;
pub mod tus;
