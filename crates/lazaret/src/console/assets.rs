//! Files that pages name: style, scripts, mark. Built into the program and served under their digest, so that a browser
//! keeps them for good and never mixes two releases.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazaret_core::digest::Digest;

/// One file.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: &[Asset] = &[
    Asset { name: "console.css", kind: "text/css; charset=utf-8", bytes: include_bytes!("assets/console.css") },
    Asset { name: "mark.svg", kind: "image/svg+xml", bytes: include_bytes!("assets/mark.svg") },
    Asset { name: "htmx.js", kind: SCRIPT, bytes: include_bytes!("assets/htmx.js") },
    Asset { name: "keys.js", kind: SCRIPT, bytes: include_bytes!("assets/keys.js") },
    Asset { name: "live.js", kind: SCRIPT, bytes: include_bytes!("assets/live.js") },
    Asset { name: "passkey.js", kind: SCRIPT, bytes: include_bytes!("assets/passkey.js") },
    Asset { name: "tus.js", kind: SCRIPT, bytes: include_bytes!("assets/tus.js") },
    Asset { name: "upload.js", kind: SCRIPT, bytes: include_bytes!("assets/upload.js") },
    Asset { name: "licences.txt", kind: "text/plain; charset=utf-8", bytes: include_bytes!("assets/licences.txt") },
];

/// Eight bytes of each file's digest, in the order of [`ASSETS`].
static MARKS: LazyLock<Vec<String>> = LazyLock::new(|| {
    ASSETS.iter().map(|asset| Digest::of(asset.bytes).to_string().chars().take(16).collect()).collect()
});

/// The path of a file, with its digest.
pub fn path(name: &str) -> String {
    let found = ASSETS.iter().zip(MARKS.iter()).find(|(asset, _)| asset.name == name);
    found.map(|(asset, mark)| format!("/assets/{mark}/{}", asset.name)).unwrap_or_default()
}

/// The route of every file.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{mark}/{name}", get(serve))
}

async fn serve(Path((mark, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().zip(MARKS.iter()).find(|(asset, known)| asset.name == name && **known == mark);
    let Some((asset, _)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = ([(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = include_str!("assets/README.md");

    fn digest(bytes: &[u8]) -> String {
        Digest::of(bytes).to_string()
    }

    #[test]
    fn what_is_vendored_is_what_the_record_says() {
        let htmx = include_bytes!("assets/htmx.js");
        assert!(RECORD.contains(&digest(htmx)), "the joined file");
        let parts: Vec<&[u8]> = htmx.split(|byte| *byte == b'\n').collect();
        assert_eq!(parts.len(), 3, "htmx, hx-csp, hx-sse, each on one line");
        for part in parts {
            assert!(RECORD.contains(&digest(part)), "a part of htmx.js");
        }
        assert!(RECORD.contains(&digest(include_bytes!("assets/tus.js"))), "tus.js");
    }

    #[test]
    fn every_file_is_in_the_record_and_has_a_path_of_its_own() {
        for asset in ASSETS {
            assert!(RECORD.contains(&format!("| `{}` |", asset.name)), "{}", asset.name);
            assert!(path(asset.name).ends_with(asset.name));
        }
        assert_eq!(path("nothing.js"), "");
    }

    #[test]
    fn scripts_stay_within_their_budget() {
        let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
        for script in [
            include_str!("assets/keys.js"),
            include_str!("assets/live.js"),
            include_str!("assets/passkey.js"),
            include_str!("assets/upload.js"),
        ] {
            assert!(lines(script) <= 120);
        }
    }

    /// WCAG 2.2, definition of relative luminance.
    fn luminance(colour: &str) -> f64 {
        let digits = colour.trim_start_matches('#');
        let wide: String =
            if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.into() };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&wide[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The palette's colours by name, light then dark, as the style has them.
    fn palettes() -> Vec<std::collections::HashMap<String, String>> {
        let style = include_str!("assets/console.css");
        let blocks = style.split(":root {").skip(1).take(2);
        let pairs = |block: &str| {
            let inside = block.split('}').next().unwrap_or_default();
            let declared = inside.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(':'));
            declared.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
        };
        blocks.map(pairs).collect()
    }

    #[test]
    fn every_text_and_every_fill_of_the_palette_can_be_told_from_what_is_behind_it() {
        let palettes = palettes();
        assert_eq!(palettes.len(), 2, "light and dark");
        let texts = [
            ("fg", "bg"),
            ("fg", "panel"),
            ("muted", "bg"),
            ("muted", "panel"),
            ("accent", "bg"),
            ("accent", "panel"),
            ("on-accent", "accent"),
            ("ok", "ok-on"),
            ("hold", "hold-on"),
            ("bad", "bad-on"),
            ("bad", "bg"),
        ];
        for palette in &palettes {
            for (text, behind) in texts {
                let ratio = contrast(&palette[text], &palette[behind]);
                assert!(ratio >= 6.2, "{text} on {behind}: {ratio:.2}");
            }
            for fill in ["ok", "hold", "bad", "flow", "muted"] {
                let ratio = contrast(&palette[fill], &palette["panel"]);
                assert!(ratio >= 3.0, "{fill} on the panel: {ratio:.2}");
            }
        }
    }

    #[test]
    fn contrast_is_computed_as_the_standard_says() {
        assert!((contrast("#fff", "#000") - 21.0).abs() < 0.01);
        assert!((contrast("#777", "#fff") - 4.48).abs() < 0.01);
    }
}
