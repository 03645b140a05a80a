//! What a name's extension and a media type promise, and whether the content keeps it.

use lazaret_core::inspection::ContentKind::{self as Kind};

use super::{Declared, Rule};

/// An extension, the media types that mean the same, and the kinds that keep the promise.
struct Promise(&'static [&'static str], &'static [&'static str], &'static [Kind]);

const TEXTS: &[Kind] = &[
    Kind::Text,
    Kind::Csv,
    Kind::Json,
    Kind::Ndjson,
    Kind::Xml,
    Kind::Hl7v2,
    Kind::Fhir,
    Kind::CycloneDx,
    Kind::Spdx,
    Kind::X12,
    Kind::Edifact,
    Kind::Signature,
    Kind::Html,
    Kind::Email,
];
const JSONS: &[Kind] = &[Kind::Json, Kind::Ndjson, Kind::Fhir, Kind::CycloneDx, Kind::Spdx, Kind::Text];
const ZIPS: &[Kind] = &[Kind::Zip, Kind::OfficeOpenXml, Kind::OpenDocument, Kind::Jar];

const PROMISES: &[Promise] = &[
    Promise(&["txt", "log", "md", "text", "cfg", "conf", "ini", "yaml", "yml", "toml"], &["text/plain"], TEXTS),
    Promise(&["csv", "tsv"], &["text/csv", "text/tab-separated-values"], &[Kind::Csv, Kind::Text]),
    Promise(&["json"], &["application/json", "application/fhir+json", "application/vnd.cyclonedx+json"], JSONS),
    Promise(&["ndjson", "jsonl"], &["application/x-ndjson", "application/fhir+ndjson"], JSONS),
    Promise(&["xml", "xsd", "xsl"], &["application/xml", "text/xml", "application/fhir+xml"], &[Kind::Xml, Kind::Text]),
    Promise(&["svg"], &["image/svg+xml"], &[Kind::Xml]),
    Promise(&["hl7", "er7"], &["x-application/hl7-v2+er7", "application/hl7-v2"], &[Kind::Hl7v2]),
    Promise(&["edi", "x12"], &["application/edi-x12"], &[Kind::X12, Kind::Edifact, Kind::Text]),
    Promise(&["edifact"], &["application/edifact"], &[Kind::Edifact, Kind::Text]),
    Promise(&["pdf"], &["application/pdf"], &[Kind::Pdf]),
    Promise(&["png"], &["image/png"], &[Kind::Png]),
    Promise(&["jpg", "jpeg", "jpe"], &["image/jpeg"], &[Kind::Jpeg]),
    Promise(&["gif"], &["image/gif"], &[Kind::Gif]),
    Promise(&["dcm", "dicom"], &["application/dicom"], &[Kind::Dicom]),
    Promise(&["zip"], &["application/zip", "application/x-zip-compressed"], ZIPS),
    Promise(&["gz", "tgz"], &["application/gzip", "application/x-gzip"], &[Kind::Gzip]),
    Promise(&["tar"], &["application/x-tar"], &[Kind::Tar]),
    Promise(&["7z"], &["application/x-7z-compressed"], &[Kind::SevenZip]),
    Promise(&["rar"], &["application/vnd.rar"], &[Kind::Rar]),
    Promise(&["bz2"], &["application/x-bzip2"], &[Kind::Bzip2]),
    Promise(&["xz"], &["application/x-xz"], &[Kind::Xz]),
    Promise(&["zst"], &["application/zstd"], &[Kind::Zstd]),
    Promise(
        &["docx", "xlsx", "pptx", "dotx"],
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
        &[Kind::OfficeOpenXml],
    ),
    Promise(&["docm", "xlsm", "pptm"], &[], &[Kind::OfficeOpenXml]),
    Promise(&["odt", "ods", "odp"], &["application/vnd.oasis.opendocument.text"], &[Kind::OpenDocument]),
    Promise(&["doc", "xls", "ppt"], &["application/msword", "application/vnd.ms-excel"], &[Kind::Ole2]),
    Promise(&["rtf"], &["application/rtf", "text/rtf"], &[Kind::Rtf]),
    Promise(&["eml"], &["message/rfc822"], &[Kind::Email, Kind::Text]),
    Promise(&["html", "htm"], &["text/html"], &[Kind::Html, Kind::Xml, Kind::Text]),
    Promise(&["jar", "war", "apk"], &["application/java-archive"], &[Kind::Jar, Kind::Zip]),
    Promise(&["exe", "dll", "sys", "scr"], &["application/vnd.microsoft.portable-executable"], &[Kind::Pe]),
    Promise(&["so", "elf", "ko"], &["application/x-executable", "application/x-elf"], &[Kind::Elf]),
    Promise(&["minisig", "sig", "asc"], &["application/pgp-signature"], &[Kind::Signature, Kind::Text]),
];

/// Names that promise opaque code.
const FIRMWARE: &[&str] = &["bin", "fw", "img", "hex", "srec", "s19", "dfu", "rom", "upd", "firmware", "uf2", "ubi"];
/// Names that promise a script.
const SCRIPTS: &[&str] = &[
    "sh", "bash", "py", "pl", "rb", "ps1", "psm1", "bat", "cmd", "vbs", "vbe", "js", "jse", "mjs", "wsf", "wsh", "hta",
    "sct", "php", "lua", "jsp", "asp", "aspx", "reg", "inf", "url", "scf", "desktop",
];

/// What a broken promise means: harmless content under another name is a note, code or an archive is disguised.
pub(super) fn rules(kind: Kind, declared: &Declared<'_>) -> Option<Rule> {
    let extension = extension(declared.name);
    let by_name = PROMISES.iter().find(|Promise(names, ..)| names.contains(&extension.as_str()));
    let media = declared.media_type.map(plain_media_type);
    let by_media = media.and_then(|media| PROMISES.iter().find(|Promise(_, types, _)| types.contains(&media.as_str())));
    let broken = [by_name, by_media].into_iter().flatten().any(|Promise(_, _, kinds)| !kinds.contains(&kind));
    if !broken || matches!(kind, Kind::Unknown | Kind::Empty) {
        return None;
    }
    Some(if is_dangerous(kind) { Rule::bad("kind.disguised") } else { Rule::note("kind.declared_differs") })
}

/// Programs, scripts, installers, archives, and documents that can hold macros.
fn is_dangerous(kind: Kind) -> bool {
    super::is_code(kind)
        || matches!(
            kind,
            Kind::Zip
                | Kind::Gzip
                | Kind::Tar
                | Kind::SevenZip
                | Kind::Rar
                | Kind::Bzip2
                | Kind::Xz
                | Kind::Zstd
                | Kind::OfficeOpenXml
                | Kind::Ole2
                | Kind::Rtf
                | Kind::Html
        )
}

fn extension(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match last.rsplit_once('.') {
        Some((_, extension)) => extension.to_ascii_lowercase(),
        None => String::new(),
    }
}

fn plain_media_type(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether the name promises firmware.
pub(super) fn is_firmware_name(name: &str) -> bool {
    FIRMWARE.contains(&extension(name).as_str())
}

/// Whether the name promises a script.
pub(super) fn is_script_name(name: &str) -> bool {
    SCRIPTS.contains(&extension(name).as_str())
}

/// Whether the sender says that it is a table.
pub(super) fn is_table(declared: &Declared<'_>) -> bool {
    matches!(extension(declared.name).as_str(), "csv" | "tsv")
        || declared.media_type.is_some_and(|media| plain_media_type(media) == "text/csv")
}
