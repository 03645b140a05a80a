//! Whether a request comes from the gate's own pages. Browsers say so themselves (Fetch Metadata, and `Origin` of RFC 6454);
//! a cookie counts for nothing without.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};

const FETCH_SITE: &str = "sec-fetch-site";

/// The origin under which this request reached the gate: `https://HOST[:PORT]`.
pub fn own(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has the host in `:authority` (RFC 9113 section 8.3.1).
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host)?;
    Some(format!("https://{authority}"))
}

/// Whether a form or script of our own page sent this. For everything that changes something.
pub fn is_own_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let own = own(uri, headers);
    let named = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    own.is_some() && own.as_deref() == named && fetch_site(headers).is_none_or(|site| site == "same-origin")
}

/// Whether the session's cookie may speak for this request. What changes something comes from our own page; what only reads
/// may also be typed or followed by the person themselves, without a page before it.
pub fn may_use_cookie(parts: &Parts) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return is_own_page(&parts.uri, &parts.headers);
    }
    match fetch_site(&parts.headers) {
        Some(site) => site == "same-origin" || site == "none",
        // A browser too old to say: its cookie is SameSite=Strict all the same.
        None => !parts.headers.contains_key(header::ORIGIN) || is_own_page(&parts.uri, &parts.headers),
    }
}

/// Whether a link elsewhere led here, so that the browser left its strict cookie out.
pub fn is_first_click(parts: &Parts) -> bool {
    parts.method == Method::GET && fetch_site(&parts.headers).is_some_and(|site| site == "cross-site")
}

fn fetch_site(headers: &HeaderMap) -> Option<&str> {
    headers.get(FETCH_SITE).map(|site| site.to_str().unwrap_or("cross-site"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: Method, lines: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri("/t/LZ-7K3Q-M2V0").header("host", "gate:8443");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn check(method: Method, lines: &[(&str, &str)], may: bool) {
        assert_eq!(may_use_cookie(&parts(method.clone(), lines)), may, "{method} {lines:?}");
    }

    // EVIDENCE-OF
    #[test]
    fn what_changes_something_comes_from_our_own_page() {
        let ours = ("origin", "https://gate:8443");
        check(Method::POST, &[ours, ("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[ours], true);
        check(Method::POST, &[], false);
        check(Method::POST, &[("sec-fetch-site", "same-origin")], false);
        check(Method::PUT, &[ours, ("sec-fetch-site", "same-site")], false);
        check(Method::POST, &[ours, ("sec-fetch-site", "cross-site")], false);
        for other in ["https://gate", "https://gate:8444", "http://gate:8443", "https://evil.example", "null"] {
            check(Method::POST, &[("origin", other)], false);
            check(Method::POST, &[("origin", other), ("sec-fetch-site", "same-origin")], false);
        }
    }

    #[test]
    fn what_reads_may_be_typed_by_the_person_themselves_and_led_to_by_nobody_else() {
        check(Method::GET, &[("sec-fetch-site", "same-origin")], true);
        check(Method::GET, &[("sec-fetch-site", "none")], true);
        check(Method::GET, &[], true);
        check(Method::GET, &[("sec-fetch-site", "cross-site")], false);
        check(Method::GET, &[("sec-fetch-site", "same-site")], false);
        check(Method::GET, &[("origin", "https://evil.example")], false);
        check(Method::GET, &[("origin", "https://gate:8443")], true);
    }

    #[test]
    fn a_first_click_from_elsewhere_is_known() {
        assert!(is_first_click(&parts(Method::GET, &[("sec-fetch-site", "cross-site")])));
        assert!(!is_first_click(&parts(Method::GET, &[("sec-fetch-site", "same-origin")])));
        assert!(!is_first_click(&parts(Method::POST, &[("sec-fetch-site", "cross-site")])));
    }
}
