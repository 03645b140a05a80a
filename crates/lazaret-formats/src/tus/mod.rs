//! tus 1.0.0 without IO: resumable uploads over HTTP (tus.io, protocol 1.0.0, with the extensions of [`EXTENSIONS`]).
//!
//! The server collects [`Headers`], looks up what it knows of the upload ([`Known`]) and asks [`decide`]. It gets an
//! [`Act`] to carry out, or a [`Declined`] that knows its status and headers. After the act it asks for the answer:
//! [`created`], [`appended`], [`ended`]. Sign-in, lanes and quota are judged outside, before the act.

mod answer;
mod concat;
mod decide;
mod declined;
mod headers;
mod metadata;

pub use answer::{Answer, Arrived, Known, Upload, appended, created, ended, options, shown};
pub use concat::{Concat, PARTS_MAX, upload_id};
pub use decide::{Act, Append, Body, Create, Target, decide};
pub use declined::{Declined, PartFault};
pub use headers::{Checksum, Headers, Request};
pub use metadata::{Manifest, Metadata, MetadataFault};

/// The only version.
pub const VERSION: &str = "1.0.0";
/// The extensions that we offer.
pub const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";
/// The algorithms of `Upload-Checksum`: SHA-1 is demanded by the protocol, SHA-256 is the one to use.
pub const CHECKSUM_ALGORITHMS: &str = "sha1,sha256";
/// Bytes of `Upload-Metadata`.
pub const METADATA_BYTES_MAX: usize = 4_096;
/// The media type of what is uploaded.
pub const CONTENT_TYPE: &str = "application/offset+octet-stream";
/// The answer's header that names the transfer which a finished upload became.
pub const TRANSFER_HEADER: &str = "lazaret-transfer";
/// Headers that a browser's script may read (Fetch standard, `Access-Control-Expose-Headers`).
pub const EXPOSED_HEADERS: &str = "Location, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, \
     Upload-Concat, Upload-Expires, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
     Tus-Checksum-Algorithm, Repr-Digest, Lazaret-Transfer, Retry-After";
