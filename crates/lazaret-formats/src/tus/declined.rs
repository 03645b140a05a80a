//! What tus requests are declined with: every status of `transfer.md` section 5 that is no success.

use std::fmt;

use super::metadata::MetadataFault;
use super::{CHECKSUM_ALGORITHMS, CONTENT_TYPE, PARTS_MAX, VERSION};

/// Why a request is declined. The server makes some of these itself, during or after the act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Declined {
    /// `Tus-Resumable` is missing or names another version. Nothing was done.
    Version,
    /// A method that this URL does not have.
    Method {
        /// The methods it has.
        allow: &'static str,
    },
    /// `X-HTTP-Method-Override` on another URL than an upload's, or with another value than PATCH or DELETE.
    Override,
    /// A header that comes twice.
    Twice {
        /// Its name.
        header: &'static str,
    },
    /// A header that is not printable ASCII.
    NotText {
        /// Its name.
        header: &'static str,
    },
    /// A header that is not a number of bytes.
    NotANumber {
        /// Its name.
        header: &'static str,
    },
    /// Neither `Upload-Length` nor `Upload-Defer-Length: 1`.
    LengthMissing,
    /// Both of them, or one where the length follows from the parts.
    LengthContradicts,
    /// `Upload-Length` of an upload that has another.
    LengthChanged,
    /// `Upload-Metadata` is malformed, or lacks what a transfer needs.
    Metadata(MetadataFault),
    /// `Upload-Concat` is malformed, or a part cannot be joined.
    Part(PartFault),
    /// Longer than any object may be.
    TooLarge,
    /// The party's quota is used up (made by the server).
    Quota,
    /// Content of another type.
    ContentType,
    /// PATCH without `Upload-Offset`.
    OffsetMissing,
    /// `Upload-Offset` is not where the upload stands.
    OffsetDiffers {
        /// Where it stands.
        offset: u64,
    },
    /// More bytes than the upload's length leaves room for.
    BeyondLength,
    /// A checksum by an algorithm that is not offered.
    ChecksumUnknown,
    /// A checksum that is no digest.
    ChecksumMalformed,
    /// The content's checksum is another; the chunk is dropped (made by the server).
    ChecksumDiffers,
    /// PATCH of an upload that is joined from others.
    FinalNotWritable,
    /// DELETE of what has arrived.
    AlreadyArrived,
    /// No such upload.
    NotFound,
    /// The upload expired or was ended.
    Gone,
    /// Another request writes to it and does not give way (made by the server).
    Locked,
    /// Temporary trouble of ours (made by the server). Never a 4xx or 429: clients would give up or start over.
    Busy {
        /// Seconds until it is worth trying again.
        retry_after_s: u32,
    },
}

/// Why parts cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartFault {
    /// Neither `partial` nor `final;` with URLs.
    Malformed,
    /// No part is named.
    None,
    /// More than [`PARTS_MAX`] parts.
    TooMany,
    /// A part is named twice.
    Twice,
    /// A part that is no upload of ours, or not one made as a part (made by the server).
    Unknown,
    /// A part is not complete (made by the server).
    Unfinished,
    /// A part that someone else uploaded (made by the server).
    OfAnother,
    /// Content with a request that only joins.
    WithContent,
}

impl Declined {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Declined::Override
            | Declined::Twice { .. }
            | Declined::NotText { .. }
            | Declined::NotANumber { .. }
            | Declined::LengthMissing
            | Declined::LengthContradicts
            | Declined::LengthChanged
            | Declined::Metadata(_)
            | Declined::Part(_)
            | Declined::OffsetMissing
            | Declined::ChecksumUnknown
            | Declined::ChecksumMalformed => 400,
            Declined::FinalNotWritable | Declined::AlreadyArrived => 403,
            Declined::NotFound => 404,
            Declined::Method { .. } => 405,
            Declined::OffsetDiffers { .. } => 409,
            Declined::Gone => 410,
            Declined::Version => 412,
            Declined::TooLarge | Declined::Quota | Declined::BeyondLength => 413,
            Declined::ContentType => 415,
            Declined::Locked => 423,
            Declined::ChecksumDiffers => 460,
            Declined::Busy { .. } => 503,
        }
    }

    /// The headers of the answer, beside its content.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("tus-resumable", VERSION.to_owned())];
        #[expect(clippy::wildcard_enum_match_arm, reason = "most answers have no header of their own")]
        match self {
            Declined::Version => headers.push(("tus-version", VERSION.to_owned())),
            Declined::Method { allow } => headers.push(("allow", (*allow).to_owned())),
            Declined::OffsetDiffers { offset } => headers.push(("upload-offset", offset.to_string())),
            Declined::Busy { retry_after_s } => headers.push(("retry-after", retry_after_s.to_string())),
            _ => {}
        }
        headers
    }
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Declined::Version => write!(f, "send Tus-Resumable: {VERSION}"),
            Declined::Method { allow } => write!(f, "this address has the methods {allow}"),
            Declined::Override => f.write_str("the method can be overridden for an upload only, by PATCH or DELETE"),
            Declined::Twice { header } => write!(f, "the header {header} is there twice"),
            Declined::NotText { header } => write!(f, "the header {header} is not plain text"),
            Declined::NotANumber { header } => write!(f, "the header {header} is not a number of bytes"),
            Declined::LengthMissing => f.write_str("send Upload-Length, or Upload-Defer-Length: 1"),
            Declined::LengthContradicts => {
                f.write_str("send Upload-Length or Upload-Defer-Length, and neither to join parts")
            }
            Declined::LengthChanged => f.write_str("the length of this upload is known and cannot change"),
            Declined::Metadata(fault) => fault.fmt(f),
            Declined::Part(fault) => fault.fmt(f),
            Declined::TooLarge => f.write_str("longer than anything that may be sent here"),
            Declined::Quota => f.write_str("your quota is used up; wait until what you sent is delivered"),
            Declined::ContentType => write!(f, "send the content as {CONTENT_TYPE}"),
            Declined::OffsetMissing => f.write_str("send Upload-Offset"),
            Declined::OffsetDiffers { offset } => write!(f, "the upload stands at byte {offset}; go on there"),
            Declined::BeyondLength => f.write_str("more bytes than the upload's length"),
            Declined::ChecksumUnknown => write!(f, "unknown checksum; use one of {CHECKSUM_ALGORITHMS}"),
            Declined::ChecksumMalformed => f.write_str("the checksum is no digest in base64"),
            Declined::ChecksumDiffers => f.write_str("the checksum differs from the content; send it again"),
            Declined::FinalNotWritable => f.write_str("this upload is joined from others; write to those"),
            Declined::AlreadyArrived => f.write_str("already received; withdraw it instead"),
            Declined::NotFound => f.write_str("no such upload"),
            Declined::Gone => f.write_str("this upload has ended; begin a new one"),
            Declined::Locked => f.write_str("another request is writing to this upload; try again"),
            Declined::Busy { .. } => f.write_str("the gate cannot take this now; try again"),
        }
    }
}

impl std::error::Error for Declined {}

impl fmt::Display for PartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartFault::Malformed => f.write_str("Upload-Concat is neither partial nor final with addresses"),
            PartFault::None => f.write_str("no part is named"),
            PartFault::TooMany => write!(f, "more than {PARTS_MAX} parts"),
            PartFault::Twice => f.write_str("a part is named twice"),
            PartFault::Unknown => f.write_str("a part is no unfinished upload of this gate"),
            PartFault::Unfinished => f.write_str("a part is not complete"),
            PartFault::OfAnother => f.write_str("a part was uploaded by someone else"),
            PartFault::WithContent => f.write_str("joining parts takes no content"),
        }
    }
}

impl From<MetadataFault> for Declined {
    fn from(fault: MetadataFault) -> Declined {
        Declined::Metadata(fault)
    }
}

impl From<PartFault> for Declined {
    fn from(fault: PartFault) -> Declined {
        Declined::Part(fault)
    }
}
