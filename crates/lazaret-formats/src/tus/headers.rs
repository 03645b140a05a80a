//! The headers of a request that matter to tus, each at most once, and the values that stand in them alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::declined::Declined;

/// A request's method as sent and its headers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// As sent; `X-HTTP-Method-Override` is looked at by [`super::decide`].
    pub method: &'a str,
    /// The headers.
    pub headers: Headers<'a>,
}

/// The values of tus's headers, without space around them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    values: [Option<&'a str>; NAMES.len()],
}

/// All headers that are looked at. Their places are [`Name`]'s.
const NAMES: [&str; 11] = [
    "tus-resumable",
    "upload-length",
    "upload-defer-length",
    "upload-offset",
    "upload-metadata",
    "upload-checksum",
    "upload-concat",
    "content-type",
    "content-length",
    "transfer-encoding",
    "x-http-method-override",
];

/// A header by its place in [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Resumable,
    Length,
    DeferLength,
    Offset,
    Metadata,
    Checksum,
    Concat,
    ContentType,
    ContentLength,
    TransferEncoding,
    Override,
}

impl Name {
    pub(super) fn as_str(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

impl<'a> Headers<'a> {
    /// Picks tus's headers out of a request's; names in any case, values as they came.
    ///
    /// # Errors
    /// A header that comes twice, because two readers may take different ones, or one that is not ASCII text.
    pub fn collect(all: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Headers<'a>, Declined> {
        let mut headers = Headers::default();
        for (name, value) in all {
            let Some(place) = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) else { continue };
            let Some((slot, header)) = headers.values.get_mut(place).zip(NAMES.get(place)) else { continue };
            if slot.is_some() {
                return Err(Declined::Twice { header });
            }
            let text =
                std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte == b'\t' || is_text(byte)));
            *slot = Some(text.ok_or(Declined::NotText { header })?.trim_matches([' ', '\t']));
        }
        Ok(headers)
    }

    pub(super) fn get(&self, name: Name) -> Option<&'a str> {
        self.values.get(name as usize).copied().flatten()
    }

    /// A header's value as a number of bytes.
    pub(super) fn number(&self, name: Name) -> Result<Option<u64>, Declined> {
        let Some(text) = self.get(name) else { return Ok(None) };
        // Digits only: `parse` alone would take a plus sign.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Some).ok_or(Declined::NotANumber { header: name.as_str() })
    }

    /// Whether the content is of the type that uploads have; parameters behind it are of no interest.
    pub(super) fn is_upload_content(&self) -> bool {
        let media = self.get(Name::ContentType).and_then(|value| value.split(';').next());
        media.is_some_and(|media| media.trim().eq_ignore_ascii_case(super::CONTENT_TYPE))
    }

    /// What `Upload-Checksum` demands.
    pub(super) fn checksum(&self) -> Result<Option<Checksum>, Declined> {
        self.get(Name::Checksum).map(Checksum::parse).transpose()
    }
}

fn is_text(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// The digest that a request's content must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1 (FIPS 180-4): against accidents only.
    Sha1([u8; 20]),
    /// SHA-256 (FIPS 180-4).
    Sha256([u8; 32]),
}

impl Checksum {
    /// Reads `sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=` (extension *checksum*).
    ///
    /// # Errors
    /// An algorithm that is not offered, or a value that is not a digest of it in Base64 (RFC 4648 section 4).
    pub fn parse(text: &str) -> Result<Checksum, Declined> {
        let (algorithm, value) = text.split_once(' ').ok_or(Declined::ChecksumMalformed)?;
        let digest = || STANDARD.decode(value.trim()).map_err(|_| Declined::ChecksumMalformed);
        match algorithm {
            "sha1" => digest()?.try_into().map(Checksum::Sha1).map_err(|_| Declined::ChecksumMalformed),
            "sha256" => digest()?.try_into().map(Checksum::Sha256).map_err(|_| Declined::ChecksumMalformed),
            _ => Err(Declined::ChecksumUnknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect<'a>(all: &[(&'a str, &'a [u8])]) -> Result<Headers<'a>, Declined> {
        Headers::collect(all.iter().copied())
    }

    #[test]
    fn headers_are_found_in_any_case_and_once() {
        let headers = collect(&[("Upload-Offset", b" 7 "), ("tus-resumable", b"1.0.0"), ("accept", b"\xff")]).unwrap();
        assert_eq!(headers.get(Name::Offset), Some("7"));
        assert_eq!(headers.get(Name::Resumable), Some("1.0.0"));
        assert_eq!(headers.get(Name::Length), None);
        let twice = collect(&[("upload-offset", b"1"), ("UPLOAD-OFFSET", b"1")]);
        assert_eq!(twice.err(), Some(Declined::Twice { header: "upload-offset" }));
        assert_eq!(collect(&[("upload-concat", b"\xff")]).err(), Some(Declined::NotText { header: "upload-concat" }));
        assert_eq!(collect(&[("upload-concat", b"a\r\nb")]).err(), Some(Declined::NotText { header: "upload-concat" }));
    }

    #[test]
    fn every_header_has_its_place() {
        for (name, text) in [
            (Name::Resumable, "tus-resumable"),
            (Name::Length, "upload-length"),
            (Name::DeferLength, "upload-defer-length"),
            (Name::Offset, "upload-offset"),
            (Name::Metadata, "upload-metadata"),
            (Name::Checksum, "upload-checksum"),
            (Name::Concat, "upload-concat"),
            (Name::ContentType, "content-type"),
            (Name::ContentLength, "content-length"),
            (Name::TransferEncoding, "transfer-encoding"),
            (Name::Override, "x-http-method-override"),
        ] {
            assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn a_number_is_digits_only() {
        let number = |text: &'static str| collect(&[("upload-length", text.as_bytes())]).unwrap().number(Name::Length);
        assert_eq!(number("0"), Ok(Some(0)));
        assert_eq!(number("18446744073709551615"), Ok(Some(u64::MAX)));
        for bad in ["", "+5", "-1", "1.0", "0x10", "1 2", "18446744073709551616", "1e3"] {
            assert_eq!(number(bad), Err(Declined::NotANumber { header: "upload-length" }), "{bad}");
        }
    }

    #[test]
    fn a_checksum_is_a_digest_of_its_algorithm() {
        // The protocol's own example.
        let sha1 = Checksum::parse("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap();
        assert!(matches!(sha1, Checksum::Sha1(digest) if digest[0] == 0x2a));
        let sha256 = format!("sha256 {}", STANDARD.encode([9; 32]));
        assert_eq!(Checksum::parse(&sha256), Ok(Checksum::Sha256([9; 32])));
        assert_eq!(Checksum::parse("md5 1B2M2Y8AsgTpgAmY7PhCfg=="), Err(Declined::ChecksumUnknown));
        for bad in ["sha1", "sha1 ", "sha1 !!!", "sha1 AAAA", "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0="] {
            assert_eq!(Checksum::parse(bad), Err(Declined::ChecksumMalformed), "{bad}");
        }
    }

    #[test]
    fn the_content_type_may_have_parameters() {
        let is = |value: &'static str| collect(&[("content-type", value.as_bytes())]).unwrap().is_upload_content();
        assert!(is("application/offset+octet-stream") && is("Application/Offset+Octet-Stream; x=y"));
        assert!(!is("application/octet-stream") && !is(""));
    }
}
