//! From a request and what is known to an act: the rules of the protocol and of `transfer.md` section 5, in one place.

use super::VERSION;
use super::answer::{Answer, Known, Upload, appended, options, shown};
use super::concat::Concat;
use super::declined::{Declined, PartFault};
use super::headers::{Checksum, Headers, Name, Request};
use super::metadata::{Manifest, Metadata};

/// Which address a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The one where uploads are made.
    Uploads,
    /// An upload's own, with what is known of it.
    Upload(Known<'a>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act<'a> {
    /// Nothing but this answer.
    Answer(Answer),
    /// Make an upload, then answer [`super::created`].
    Create(Create<'a>),
    /// Append the request's content, then answer [`super::appended`].
    Append(Append),
    /// End the upload, then answer [`super::ended`].
    End,
}

/// An upload to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create<'a> {
    /// Its length; unknown if the client tells it later, or if it follows from the parts.
    pub length: Option<u64>,
    /// `Upload-Metadata` as sent, to be given back by HEAD.
    pub metadata: &'a str,
    /// What the metadata says. Only a part may have none: clients send metadata with the joined upload.
    pub manifest: Option<Manifest>,
    /// What it is to other uploads.
    pub concat: Concat<'a>,
    /// Content that comes with the same request.
    pub body: Option<Body>,
}

/// Content to append to an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Append {
    /// Where it goes: where the upload stands.
    pub offset: u64,
    /// A length that the client had deferred and tells now.
    pub length: Option<u64>,
    /// The content.
    pub body: Body,
}

/// The content of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Its length, if announced.
    pub bytes: Option<u64>,
    /// More than this is [`Declined::BeyondLength`] once it has been read.
    pub bytes_max: u64,
    /// What it must hash to; if it does not, all of it is dropped and the answer is [`Declined::ChecksumDiffers`].
    pub checksum: Option<Checksum>,
}

/// Decides on a request. `object_bytes_max` is the longest that an upload may be.
///
/// Where the act is [`Act::Create`] without a body the request must have no content; if some comes nevertheless, of
/// unannounced length, the answer is [`Declined::ContentType`].
///
/// # Errors
/// Why not, with status and headers.
pub fn decide<'a>(request: &Request<'a>, target: Target<'a>, object_bytes_max: u64) -> Result<Act<'a>, Declined> {
    let method = method(request, target)?;
    if method == "OPTIONS" {
        return Ok(Act::Answer(options(object_bytes_max)));
    }
    if request.headers.get(Name::Resumable) != Some(VERSION) {
        return Err(Declined::Version);
    }
    match (target, method) {
        (Target::Uploads, "POST") => create(&request.headers, object_bytes_max).map(Act::Create),
        (Target::Uploads, _) => Err(Declined::Method { allow: "OPTIONS, POST" }),
        (Target::Upload(known), "HEAD") => head(known).map(Act::Answer),
        (Target::Upload(known), "PATCH") => patch(&request.headers, known, object_bytes_max),
        (Target::Upload(known), "DELETE") => delete(known),
        (Target::Upload(_), _) => Err(Declined::Method { allow: "OPTIONS, HEAD, PATCH, DELETE" }),
    }
}

/// The method that counts: some networks let neither PATCH nor DELETE through.
fn method<'a>(request: &Request<'a>, target: Target<'_>) -> Result<&'a str, Declined> {
    match (request.headers.get(Name::Override), target) {
        (None, _) => Ok(request.method),
        (Some(method @ ("PATCH" | "DELETE")), Target::Upload(_)) => Ok(method),
        (Some(_), _) => Err(Declined::Override),
    }
}

fn create<'a>(headers: &Headers<'a>, object_bytes_max: u64) -> Result<Create<'a>, Declined> {
    let concat = headers.get(Name::Concat).map(Concat::parse).transpose()?.unwrap_or_default();
    let length = match concat {
        Concat::Whole | Concat::Partial => new_length(headers)?,
        Concat::Final(_) if headers.get(Name::Length).or(headers.get(Name::DeferLength)).is_some() => {
            return Err(Declined::LengthContradicts);
        }
        Concat::Final(_) => None,
    };
    if length.is_some_and(|length| length > object_bytes_max) {
        return Err(Declined::TooLarge);
    }
    let metadata = Metadata::parse(headers.get(Name::Metadata).unwrap_or_default())?;
    let manifest = match concat {
        Concat::Partial => metadata.manifest().ok(),
        Concat::Whole | Concat::Final(_) => Some(metadata.manifest()?),
    };
    let body = body_of_creation(headers, length.unwrap_or(object_bytes_max))?;
    if body.is_some() && matches!(concat, Concat::Final(_)) {
        return Err(PartFault::WithContent.into());
    }
    Ok(Create { length, metadata: metadata.as_str(), manifest, concat, body })
}

/// The length that a new upload has, or nothing if it comes later.
fn new_length(headers: &Headers<'_>) -> Result<Option<u64>, Declined> {
    match (headers.number(Name::Length)?, headers.get(Name::DeferLength)) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some("1")) => Ok(None),
        (None, Some(_)) => Err(Declined::NotANumber { header: Name::DeferLength.as_str() }),
        (None, None) => Err(Declined::LengthMissing),
        (Some(_), Some(_)) => Err(Declined::LengthContradicts),
    }
}

fn body_of_creation(headers: &Headers<'_>, bytes_max: u64) -> Result<Option<Body>, Declined> {
    let announced = headers.number(Name::ContentLength)?;
    if headers.is_upload_content() {
        return body(headers, bytes_max).map(Some);
    }
    let has_content = announced.is_some_and(|bytes| bytes > 0) || headers.get(Name::TransferEncoding).is_some();
    if has_content { Err(Declined::ContentType) } else { Ok(None) }
}

fn body(headers: &Headers<'_>, bytes_max: u64) -> Result<Body, Declined> {
    let bytes = headers.number(Name::ContentLength)?;
    let checksum = headers.checksum()?;
    if bytes.is_some_and(|bytes| bytes > bytes_max) {
        return Err(Declined::BeyondLength);
    }
    Ok(Body { bytes, bytes_max, checksum })
}

fn head(known: Known<'_>) -> Result<Answer, Declined> {
    match known {
        Known::Missing => Err(Declined::NotFound),
        Known::Gone => Err(Declined::Gone),
        Known::Open(upload) => Ok(shown(&upload, None)),
        Known::Arrived(upload, arrived) => Ok(shown(&upload, Some(&arrived))),
    }
}

fn patch<'a>(headers: &Headers<'_>, known: Known<'_>, object_bytes_max: u64) -> Result<Act<'a>, Declined> {
    let (upload, arrived) = match known {
        Known::Missing => return Err(Declined::NotFound),
        Known::Gone => return Err(Declined::Gone),
        Known::Open(upload) => (upload, None),
        Known::Arrived(upload, arrived) => (upload, Some(arrived)),
    };
    if upload.is_final() {
        return Err(Declined::FinalNotWritable);
    }
    if !headers.is_upload_content() {
        return Err(Declined::ContentType);
    }
    let offset = headers.number(Name::Offset)?.ok_or(Declined::OffsetMissing)?;
    if offset != upload.offset {
        return Err(Declined::OffsetDiffers { offset: upload.offset });
    }
    let length = length_told_now(headers, &upload, object_bytes_max)?;
    let end = length.or(upload.length).unwrap_or(object_bytes_max);
    let body = body(headers, end.saturating_sub(offset))?;
    match arrived {
        // A repeat of the last PATCH, empty because all is there: the first answer again.
        Some(arrived) => Ok(Act::Answer(appended(&upload, Some(&arrived)))),
        None => Ok(Act::Append(Append { offset, length, body })),
    }
}

/// `Upload-Length` in a PATCH: once, for an upload that deferred it, and not less than what is there.
fn length_told_now(headers: &Headers<'_>, upload: &Upload<'_>, object_bytes_max: u64) -> Result<Option<u64>, Declined> {
    let told = headers.number(Name::Length)?;
    match (told, upload.length) {
        (None, _) => Ok(None),
        (Some(told), Some(length)) if told == length => Ok(None),
        (Some(_), Some(_)) => Err(Declined::LengthChanged),
        (Some(told), None) if told < upload.offset => Err(Declined::LengthContradicts),
        (Some(told), None) if told > object_bytes_max => Err(Declined::TooLarge),
        (Some(told), None) => Ok(Some(told)),
    }
}

fn delete<'a>(known: Known<'_>) -> Result<Act<'a>, Declined> {
    match known {
        Known::Missing => Err(Declined::NotFound),
        Known::Gone => Err(Declined::Gone),
        Known::Open(_) => Ok(Act::End),
        Known::Arrived(..) => Err(Declined::AlreadyArrived),
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Arrived;
    use super::super::metadata::MetadataFault;
    use super::*;

    const MAX: u64 = 1_000;
    /// `r1.csv` into `lab`.
    const METADATA: (&str, &str) = ("upload-metadata", "filename cjEuY3N2,lane bGFi");
    const TYPE: (&str, &str) = ("content-type", "application/offset+octet-stream");
    const UPLOAD: Upload<'_> = Upload { offset: 3, length: Some(10), metadata: "", concat: None, expires_s: 0 };
    const ARRIVED: Known<'_> =
        Known::Arrived(Upload { offset: 10, ..UPLOAD }, Arrived { transfer: "tr_1", sha256: [0; 32] });

    fn ask<'a>(method: &'a str, target: Target<'a>, headers: &[(&'a str, &'a str)]) -> Result<Act<'a>, Declined> {
        let version = [("tus-resumable", "1.0.0")];
        let all = version.iter().chain(headers).map(|(name, value)| (*name, value.as_bytes()));
        decide(&Request { method, headers: Headers::collect(all)? }, target, MAX)
    }

    fn post<'a>(headers: &[(&'a str, &'a str)]) -> Result<Create<'a>, Declined> {
        let Act::Create(create) = ask("POST", Target::Uploads, headers)? else { panic!("not a creation") };
        Ok(create)
    }

    fn patch<'a>(known: Known<'a>, headers: &[(&'a str, &'a str)]) -> Result<Append, Declined> {
        let Act::Append(append) = ask("PATCH", Target::Upload(known), headers)? else { panic!("not an append") };
        Ok(append)
    }

    #[test]
    fn without_the_version_nothing_is_done() {
        for version in [&[][..], &[("tus-resumable", "0.2.2")][..]] {
            for (method, target) in [("POST", Target::Uploads), ("DELETE", Target::Upload(Known::Open(UPLOAD)))] {
                let headers = Headers::collect(version.iter().map(|(n, v)| (*n, v.as_bytes()))).unwrap();
                let declined = decide(&Request { method, headers }, target, MAX).unwrap_err();
                assert_eq!((declined, declined.status()), (Declined::Version, 412));
                assert!(declined.headers().contains(&("tus-version", "1.0.0".to_owned())));
            }
        }
        let bare = Request { method: "OPTIONS", headers: Headers::default() };
        assert!(matches!(decide(&bare, Target::Uploads, MAX), Ok(Act::Answer(answer)) if answer.status == 204));
    }

    #[test]
    fn an_upload_is_made_with_one_length_and_a_manifest() {
        let create = post(&[METADATA, ("upload-length", "1000")]).unwrap();
        assert_eq!((create.length, create.body, &create.concat), (Some(1_000), None, &Concat::Whole));
        let manifest = create.manifest.unwrap();
        assert_eq!((manifest.name.as_str(), manifest.lane.as_str()), ("r1.csv", "lab"));
        assert_eq!(post(&[METADATA, ("upload-defer-length", "1")]).unwrap().length, None);
        assert_eq!(post(&[METADATA, ("upload-length", "0")]).unwrap().length, Some(0));
        let refused = |headers: &[(&str, &str)], why: Declined, status| {
            assert_eq!(post(headers).map(|_| ()), Err(why));
            assert_eq!(why.status(), status);
        };
        refused(&[METADATA], Declined::LengthMissing, 400);
        refused(&[METADATA, ("upload-length", "1"), ("upload-defer-length", "1")], Declined::LengthContradicts, 400);
        refused(&[METADATA, ("upload-length", "-1")], Declined::NotANumber { header: "upload-length" }, 400);
        refused(&[METADATA, ("upload-defer-length", "0")], Declined::NotANumber { header: "upload-defer-length" }, 400);
        refused(&[METADATA, ("upload-length", "1001")], Declined::TooLarge, 413);
        let missing = MetadataFault::Missing { key: "filename" };
        refused(&[("upload-length", "1")], Declined::Metadata(missing), 400);
        refused(&[("upload-length", "1"), ("upload-metadata", "a !")], MetadataFault::NotBase64.into(), 400);
    }

    #[test]
    fn content_may_come_with_the_creation() {
        let length = ("upload-length", "10");
        let create = post(&[METADATA, length, TYPE, ("content-length", "7")]).unwrap();
        assert_eq!(create.body, Some(Body { bytes: Some(7), bytes_max: 10, checksum: None }));
        let deferred = post(&[METADATA, ("upload-defer-length", "1"), TYPE]).unwrap();
        assert_eq!(deferred.body, Some(Body { bytes: None, bytes_max: MAX, checksum: None }));
        assert_eq!(post(&[METADATA, length, ("content-length", "0")]).unwrap().body, None);
        assert_eq!(post(&[METADATA, length, TYPE, ("content-length", "11")]), Err(Declined::BeyondLength));
        assert_eq!(post(&[METADATA, length, ("content-length", "7")]), Err(Declined::ContentType));
        assert_eq!(post(&[METADATA, length, ("transfer-encoding", "chunked")]), Err(Declined::ContentType));
        assert_eq!(Declined::ContentType.status(), 415);
    }

    #[test]
    fn parts_need_no_manifest_and_what_is_joined_no_length() {
        let part = post(&[("upload-concat", "partial"), ("upload-length", "5")]).unwrap();
        assert_eq!((part.concat, part.manifest), (Concat::Partial, None));
        let whole = post(&[METADATA, ("upload-concat", "final;/a /b")]).unwrap();
        assert_eq!((whole.concat, whole.length), (Concat::Final(vec!["/a", "/b"]), None));
        let length = post(&[METADATA, ("upload-concat", "final;/a"), ("upload-length", "5")]);
        assert_eq!(length, Err(Declined::LengthContradicts));
        let content = post(&[METADATA, ("upload-concat", "final;/a"), TYPE, ("content-length", "5")]);
        assert_eq!(content, Err(PartFault::WithContent.into()));
        assert_eq!(post(&[METADATA, ("upload-concat", "final;/a /a")]), Err(PartFault::Twice.into()));
        assert!(matches!(post(&[("upload-concat", "final;/a")]), Err(Declined::Metadata(_))));
    }

    #[test]
    fn a_patch_goes_on_where_the_upload_stands() {
        let (offset, open) = (("upload-offset", "3"), Known::Open(UPLOAD));
        let append = patch(open, &[TYPE, offset, ("content-length", "7")]).unwrap();
        let body = Body { bytes: Some(7), bytes_max: 7, checksum: None };
        assert_eq!(append, Append { offset: 3, length: None, body });
        let checked = patch(open, &[TYPE, offset, ("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")]).unwrap();
        assert!(matches!(checked.body.checksum, Some(Checksum::Sha1(_))));
        let refused = |known, headers: &[(&str, &str)], why: Declined, status| {
            assert_eq!(patch(known, headers), Err(why));
            assert_eq!(why.status(), status);
        };
        refused(open, &[offset], Declined::ContentType, 415);
        refused(open, &[("content-type", "text/plain"), offset], Declined::ContentType, 415);
        refused(open, &[TYPE], Declined::OffsetMissing, 400);
        for other in ["2", "4"] {
            refused(open, &[TYPE, ("upload-offset", other)], Declined::OffsetDiffers { offset: 3 }, 409);
        }
        refused(open, &[TYPE, offset, ("content-length", "8")], Declined::BeyondLength, 413);
        refused(open, &[TYPE, offset, ("upload-checksum", "md5 AA==")], Declined::ChecksumUnknown, 400);
        refused(open, &[TYPE, offset, ("upload-length", "11")], Declined::LengthChanged, 400);
        refused(Known::Missing, &[TYPE, offset], Declined::NotFound, 404);
        refused(Known::Gone, &[TYPE, offset], Declined::Gone, 410);
        let joined = Upload { concat: Some("final;/a"), ..UPLOAD };
        refused(Known::Open(joined), &[TYPE, offset], Declined::FinalNotWritable, 403);
    }

    #[test]
    fn a_deferred_length_is_told_once() {
        let open = Known::Open(Upload { length: None, ..UPLOAD });
        let told = |length| patch(open, &[TYPE, ("upload-offset", "3"), ("upload-length", length)]);
        assert_eq!(told("5").unwrap().length, Some(5));
        assert_eq!(told("5").unwrap().body.bytes_max, 2);
        assert_eq!(told("3").unwrap().body.bytes_max, 0);
        assert_eq!(told("2"), Err(Declined::LengthContradicts));
        assert_eq!(told("1001"), Err(Declined::TooLarge));
        assert_eq!(patch(open, &[TYPE, ("upload-offset", "3")]).unwrap().body.bytes_max, 997);
    }

    #[test]
    fn after_arrival_the_last_answer_is_repeated_and_nothing_is_added() {
        let at_end = [TYPE, ("upload-offset", "10"), ("content-length", "0")];
        let Ok(Act::Answer(answer)) = ask("PATCH", Target::Upload(ARRIVED), &at_end) else { panic!("an answer") };
        assert!(answer.status == 204 && answer.headers.contains(&("lazaret-transfer", "tr_1".to_owned())));
        let more = [TYPE, ("upload-offset", "10"), ("content-length", "1")];
        assert_eq!(patch(ARRIVED, &more), Err(Declined::BeyondLength));
        assert_eq!(patch(ARRIVED, &[TYPE, ("upload-offset", "3")]), Err(Declined::OffsetDiffers { offset: 10 }));
        assert_eq!(ask("DELETE", Target::Upload(ARRIVED), &[]), Err(Declined::AlreadyArrived));
        assert_eq!(Declined::AlreadyArrived.status(), 403);
        assert_eq!(ask("DELETE", Target::Upload(Known::Open(UPLOAD)), &[]), Ok(Act::End));
        assert_eq!(ask("DELETE", Target::Upload(Known::Gone), &[]), Err(Declined::Gone));
    }

    #[test]
    fn head_says_404_for_the_unknown_and_410_for_the_ended() {
        let head = |known| ask("HEAD", Target::Upload(known), &[]).map_err(|declined| declined.status());
        assert!(matches!(head(Known::Open(UPLOAD)), Ok(Act::Answer(answer)) if answer.status == 200));
        assert_eq!(head(Known::Missing), Err(404));
        assert_eq!(head(Known::Gone), Err(410));
    }

    #[test]
    fn the_method_may_be_overridden_for_an_upload_only() {
        let upload = Target::Upload(Known::Open(UPLOAD));
        assert_eq!(ask("POST", upload, &[("x-http-method-override", "DELETE")]), Ok(Act::End));
        let declined = [
            ask("POST", upload, &[("x-http-method-override", "HEAD")]),
            ask("POST", upload, &[("x-http-method-override", "delete")]),
            ask("POST", Target::Uploads, &[METADATA, ("upload-length", "1"), ("x-http-method-override", "PATCH")]),
        ];
        assert!(declined.iter().all(|answer| *answer == Err(Declined::Override)));
        let get = ask("GET", upload, &[]).unwrap_err();
        assert_eq!((get.status(), get.headers().len()), (405, 2));
        assert_eq!(ask("PUT", Target::Uploads, &[]), Err(Declined::Method { allow: "OPTIONS, POST" }));
    }

    #[test]
    fn temporary_trouble_says_when_to_try_again() {
        let busy = Declined::Busy { retry_after_s: 5 };
        assert_eq!(busy.status(), 503);
        assert!(busy.headers().contains(&("retry-after", "5".to_owned())));
        assert_eq!(
            (Declined::Locked.status(), Declined::ChecksumDiffers.status(), Declined::Quota.status()),
            (423, 460, 413)
        );
    }
}
