//! What the server knows of an upload, and the successful answers: status and headers as values.

use super::concat::Concat;
use super::{CHECKSUM_ALGORITHMS, EXTENSIONS, TRANSFER_HEADER, VERSION};
use crate::dates::http_date;
use crate::digest_fields::Digests;

/// An upload as the server has it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload<'a> {
    /// Bytes received and durable.
    pub offset: u64,
    /// Bytes in all, if the client said.
    pub length: Option<u64>,
    /// `Upload-Metadata` as it was sent.
    pub metadata: &'a str,
    /// `Upload-Concat` as it was sent.
    pub concat: Option<&'a str>,
    /// When it expires, in seconds since 1970 (UTC).
    pub expires_s: u64,
}

impl Upload<'_> {
    /// Whether all bytes are there.
    pub fn is_complete(&self) -> bool {
        self.length == Some(self.offset)
    }

    /// Whether it is joined from others.
    pub fn is_final(&self) -> bool {
        matches!(self.concat.map(Concat::parse), Some(Ok(Concat::Final(_))))
    }
}

/// The transfer that an upload became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived<'a> {
    /// Its id, as the API writes it.
    pub transfer: &'a str,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// What the server knows under an upload's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// Nothing, and never did.
    Missing,
    /// An upload that expired or was ended.
    Gone,
    /// An upload that goes on, or a complete part, or one still being joined.
    Open(Upload<'a>),
    /// An upload that became a transfer.
    Arrived(Upload<'a>, Arrived<'a>),
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn new(status: u16) -> Answer {
        Answer { status, headers: vec![("tus-resumable", VERSION.to_owned())] }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// `Upload-Offset`; `Upload-Expires` while there is something to expire; the transfer once there is one.
    fn with_progress(self, upload: &Upload<'_>, arrived: Option<&Arrived<'_>>) -> Answer {
        match arrived {
            None => self.with_offset(upload).with("upload-expires", http_date(upload.expires_s)),
            Some(arrived) => {
                let digest = Digests { sha256: Some(arrived.sha256), sha512: None };
                self.with_offset(upload).with(TRANSFER_HEADER, arrived.transfer).with("repr-digest", digest.to_string())
            }
        }
    }

    fn with_offset(self, upload: &Upload<'_>) -> Answer {
        self.with("upload-offset", upload.offset.to_string())
    }
}

/// OPTIONS: what we offer. It needs neither sign-in nor a version.
pub fn options(object_bytes_max: u64) -> Answer {
    Answer::new(204)
        .with("tus-version", VERSION)
        .with("tus-extension", EXTENSIONS)
        .with("tus-max-size", object_bytes_max.to_string())
        .with("tus-checksum-algorithm", CHECKSUM_ALGORITHMS)
}

/// POST: the upload exists. `location` is absolute, because aiotus cannot join a relative one. With content in the same
/// request, and for an empty upload, it may have arrived already.
pub fn created(location: &str, upload: &Upload<'_>, arrived: Option<&Arrived<'_>>) -> Answer {
    let answer = Answer::new(201).with("location", location);
    if upload.is_final() && arrived.is_none() {
        return answer.with("upload-expires", http_date(upload.expires_s));
    }
    answer.with_progress(upload, arrived)
}

/// HEAD: where the upload stands. One that is still being joined shows no offset: a client that reads its length there
/// believes that all has arrived.
pub fn shown(upload: &Upload<'_>, arrived: Option<&Arrived<'_>>) -> Answer {
    let mut answer = Answer::new(200).with("cache-control", "no-store");
    if upload.is_final() && arrived.is_none() {
        answer = answer.with("upload-expires", http_date(upload.expires_s));
    } else {
        answer = answer.with_progress(upload, arrived);
    }
    answer = match upload.length {
        Some(length) => answer.with("upload-length", length.to_string()),
        None => answer.with("upload-defer-length", "1"),
    };
    if !upload.metadata.is_empty() {
        answer = answer.with("upload-metadata", upload.metadata);
    }
    match upload.concat {
        Some(concat) => answer.with("upload-concat", concat),
        None => answer,
    }
}

/// PATCH: so much is durable, and if it was the last of it, this is the transfer.
pub fn appended(upload: &Upload<'_>, arrived: Option<&Arrived<'_>>) -> Answer {
    Answer::new(204).with_progress(upload, arrived)
}

/// DELETE: the upload has ended.
pub fn ended() -> Answer {
    Answer::new(204)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    const UPLOAD: Upload<'_> =
        Upload { offset: 3, length: Some(10), metadata: "a YQ==", concat: None, expires_s: 784_111_777 };
    const ARRIVED: Arrived<'_> = Arrived { transfer: "tr_1", sha256: [0; 32] };
    const EXPIRES: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn every_answer_names_the_version() {
        let all = [options(1), created("l", &UPLOAD, None), shown(&UPLOAD, None), appended(&UPLOAD, None), ended()];
        for answer in all {
            assert_eq!(get(&answer, "tus-resumable"), Some("1.0.0"), "{answer:?}");
        }
    }

    #[test]
    fn options_say_what_is_offered() {
        let answer = options(100 << 30);
        assert_eq!(answer.status, 204);
        assert_eq!(get(&answer, "tus-version"), Some("1.0.0"));
        assert_eq!(get(&answer, "tus-max-size"), Some("107374182400"));
        assert_eq!(get(&answer, "tus-checksum-algorithm"), Some("sha1,sha256"));
        assert!(get(&answer, "tus-extension").is_some_and(|all| all.contains("concatenation")));
    }

    #[test]
    fn head_shows_where_an_upload_stands() {
        let answer = shown(&UPLOAD, None);
        assert_eq!((answer.status, get(&answer, "cache-control")), (200, Some("no-store")));
        assert_eq!((get(&answer, "upload-offset"), get(&answer, "upload-length")), (Some("3"), Some("10")));
        assert_eq!((get(&answer, "upload-expires"), get(&answer, "upload-metadata")), (EXPIRES, Some("a YQ==")));
        assert_eq!((get(&answer, "upload-concat"), get(&answer, "upload-defer-length")), (None, None));
        let deferred = shown(&Upload { length: None, concat: Some("partial"), ..UPLOAD }, None);
        assert_eq!((get(&deferred, "upload-defer-length"), get(&deferred, "upload-length")), (Some("1"), None));
        assert_eq!(get(&deferred, "upload-concat"), Some("partial"));
    }

    #[test]
    fn a_joined_upload_shows_its_offset_only_when_it_has_arrived() {
        let joined = Upload { offset: 10, concat: Some("final;/a /b"), ..UPLOAD };
        let waiting = shown(&joined, None);
        assert_eq!((get(&waiting, "upload-offset"), get(&waiting, "upload-length")), (None, Some("10")));
        let there = shown(&joined, Some(&ARRIVED));
        assert_eq!(get(&there, "upload-offset"), Some("10"));
        assert_eq!(get(&created("l", &joined, None), "upload-offset"), None);
    }

    #[test]
    fn the_last_answer_names_the_transfer_and_its_digest() {
        let answer = appended(&Upload { offset: 10, ..UPLOAD }, Some(&ARRIVED));
        assert_eq!((answer.status, get(&answer, "upload-offset")), (204, Some("10")));
        assert_eq!(get(&answer, "lazaret-transfer"), Some("tr_1"));
        assert_eq!(get(&answer, "repr-digest"), Some("sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"));
        assert_eq!(get(&answer, "upload-expires"), None);
        let answer = created("https://gate/u", &UPLOAD, None);
        assert_eq!((answer.status, get(&answer, "location")), (201, Some("https://gate/u")));
        assert_eq!((get(&answer, "upload-expires"), get(&answer, "upload-offset")), (EXPIRES, Some("3")));
    }
}
