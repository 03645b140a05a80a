//! The frame around every page, and the parts that pages are put together from. The content security policy and the markup
//! that it judges are made here, in one place, with one nonce for each answer.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazaret_core::time::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::words::{self, Pill};
use crate::api::show::time_text;
use crate::auth::caller::Audience;
use crate::clock::random;

/// Where in the console a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What goes on at the gate.
    Overview,
    /// What crossed.
    Transfers,
    /// What waits for votes.
    Approvals,
    /// Parties.
    Suppliers,
    /// Sending.
    Send,
    /// One's own account.
    Account,
    /// What a party's people see.
    Portal,
    /// Elsewhere: signing in, a fault.
    Nowhere,
}

/// Scripts that only some pages need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Passkeys.
    Passkey,
    /// Uploads with progress.
    Upload,
}

/// Who looks at the page, as far as the frame shows it.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Their name.
    pub name: String,
    /// For signing out.
    pub csrf: String,
    /// Approvals that wait for them; none for those who never approve.
    pub waiting: Option<usize>,
    /// How much they are told.
    pub audience: Audience,
    /// Commits of the gate before the page was made: what came after is news to it.
    pub seen: u64,
}

/// A page that is being put together.
#[derive(Debug)]
pub struct Page {
    nonce: String,
    place: Place,
    title: String,
    question: &'static str,
    reader: Option<Reader>,
    scripts: Vec<Script>,
    demo: bool,
    status: StatusCode,
    refresh: Option<String>,
}

impl Page {
    /// A page of this title.
    pub fn new(place: Place, title: impl Into<String>) -> Page {
        Page {
            nonce: STANDARD.encode(random::<16>()),
            place,
            title: title.into(),
            question: "",
            reader: None,
            scripts: Vec::new(),
            demo: false,
            status: StatusCode::OK,
            refresh: None,
        }
    }

    /// Another title.
    pub fn titled(mut self, title: impl Into<String>) -> Page {
        self.title = title.into();
        self
    }

    /// The one question that the page answers.
    pub fn question(mut self, question: &'static str) -> Page {
        self.question = question;
        self
    }

    /// Who looks at it.
    pub fn reader(mut self, reader: Reader) -> Page {
        self.reader = Some(reader);
        self
    }

    /// Adds a script.
    pub fn script(mut self, script: Script) -> Page {
        self.scripts.push(script);
        self
    }

    /// Says that this is the demo.
    pub fn demo(mut self, demo: bool) -> Page {
        self.demo = demo;
        self
    }

    /// Another status than 200.
    pub fn status(mut self, status: StatusCode) -> Page {
        self.status = status;
        self
    }

    /// Goes to a path of our own at once, by itself.
    pub fn refresh(mut self, path: String) -> Page {
        self.refresh = Some(path);
        self
    }

    /// The nonce of this answer.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The whole page as an answer.
    pub fn answer(self, content: &Markup) -> Response {
        let markup = self.markup(content);
        self.respond(markup)
    }

    /// Only a live part of it, for a page that is open.
    pub fn fragment(self, part: Markup) -> Response {
        self.respond(part)
    }

    fn respond(self, markup: Markup) -> Response {
        let mut response = (self.status, markup.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(policy) = HeaderValue::from_str(&policy(&self.nonce)) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    fn markup(&self, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        (self.top())
                        @if self.demo {
                            p.note { strong { "Demo." } " Everyone here is made up, and anyone on this machine may sign in as any of them." }
                        }
                        p.note #alerts role="alert" hidden {}
                    }
                    main #main tabindex="-1" {
                        h1 { (self.title) }
                        @if !self.question.is_empty() { p.question { (self.question) } }
                        (content)
                    }
                    (foot())
                    @if let Some(reader) = &self.reader { (stream(&self.nonce, reader.seen)) (shortcuts()) }
                }
            }
        }
    }

    fn head(&self) -> Markup {
        let scripts = self.scripts.iter().flat_map(|extra| match extra {
            Script::Passkey => vec!["passkey.js"],
            Script::Upload => vec!["tus.js", "upload.js"],
        });
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (self.title) " · Lazaret" }
                @if let Some(path) = &self.refresh { meta http-equiv="refresh" content={ "0;url=" (path) }; }
                link rel="icon" href=(assets::path("mark.svg"));
                link rel="stylesheet" href=(assets::path("console.css"));
                @if self.reader.is_some() {
                    meta name="htmx-config" content=(HTMX);
                    @for name in ["htmx.js", "keys.js", "live.js"] { script src=(assets::path(name)) nonce=(self.nonce) defer {} }
                }
                @for name in scripts { script src=(assets::path(name)) nonce=(self.nonce) defer {} }
            }
        }
    }

    fn top(&self) -> Markup {
        html! {
            div.top {
                a.brand href="/" { "Lazaret" }
                @if let Some(reader) = &self.reader {
                    nav aria-label="Places" {
                        ul.places {
                            @for (place, path, name) in PLACES.iter().filter(|(place, _, _)| is_theirs(reader, *place)) {
                                li { (self.link(*place, path, name, reader)) }
                            }
                        }
                    }
                    @if reader.audience.is_insider() {
                        form.find role="search" action="/transfers" {
                            label.sr for="find" { "Find a transfer by its reference" }
                            input #find type="search" name="q" placeholder="LZ-…  press /" autocomplete="off" maxlength="64";
                            button type="submit" { "Find" }
                        }
                    }
                    a.me href="/account" aria-current=[(self.place == Place::Account).then_some("page")] { (reader.name) }
                    form action="/sign-out" method="post" {
                        (token(&reader.csrf))
                        button type="submit" { "Sign out" }
                    }
                }
            }
        }
    }

    fn link(&self, place: Place, path: &str, name: &str, reader: &Reader) -> Markup {
        let waiting = reader.waiting.filter(|_| place == Place::Approvals);
        html! {
            a href=(path) aria-current=[(self.place == place).then_some("page")] {
                (name)
                @if let Some(waiting) = waiting { " " span data-waiting { "(" (waiting) ")" } }
            }
        }
    }
}

const PLACES: &[(Place, &str, &str)] = &[
    (Place::Overview, "/", "Overview"),
    (Place::Portal, "/portal", "Your transfers"),
    (Place::Transfers, "/transfers", "Transfers"),
    (Place::Approvals, "/approvals", "Approvals"),
    (Place::Suppliers, "/suppliers", "Suppliers"),
    (Place::Send, "/send", "Send"),
];

fn is_theirs(reader: &Reader, place: Place) -> bool {
    match place {
        Place::Portal => reader.audience == Audience::Party,
        Place::Send => true,
        Place::Approvals => reader.audience.is_operator() && reader.waiting.is_some(),
        Place::Overview | Place::Transfers | Place::Suppliers | Place::Account | Place::Nowhere => {
            reader.audience.is_operator()
        }
    }
}

/// No `extensions` key: an allow-list there silently drops hx-sse. No eval, no styles of its own.
const HTMX: &str = r#"{"includeIndicatorCSS":false,"history":false,"morphIgnore":["data-htmx-powered","open"]}"#;

/// What a page may load and run: what carries this answer's nonce, and nothing else.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types htmx"
    )
}

fn foot() -> Markup {
    html! {
        footer {
            span { "Lazaret " (env!("CARGO_PKG_VERSION")) }
            span { "Help: ask your security team, with the reference at hand." }
            a href=(assets::path("licences.txt")) { "Licences" }
        }
    }
}

fn shortcuts() -> Markup {
    let keys = [
        ("/", "find"),
        ("?", "this list"),
        ("g o", "overview"),
        ("g t", "transfers"),
        ("g a", "approvals"),
        ("g s", "suppliers"),
        ("g u", "send"),
        ("j k", "next, previous"),
        ("o", "open"),
        ("a d", "choose release, deny"),
        ("Esc", "close"),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl.facts { @for (key, what) in keys { dt { kbd { (key) } } dd { (what) } } }
            form method="dialog" { button type="submit" { "Close" } }
        }
    }
}

// Every element that htmx acts on is made by one of these three: each carries the nonce, or the browser strips it.

/// Listens to what happens at the gate, and has happened since the page was made.
fn stream(nonce: &str, seen: u64) -> Markup {
    html! { div hx-sse:connect={ "/console/stream?since=" (seen) } hx-nonce=(nonce) {} }
}

/// A part of the page that is fetched again when something happened.
pub fn live(nonce: &str, url: &str, content: &Markup) -> Markup {
    html! {
        div #live hx-get=(url) hx-trigger="news from:body throttle:2s" hx-swap="outerMorph" hx-nonce=(nonce) { (content) }
    }
}

/// A part of a live part that stays as it is: a form that somebody is filling in.
pub fn kept(nonce: &str, id: &str, content: &Markup) -> Markup {
    html! { div id=(id) hx-morph-skip="true" hx-nonce=(nonce) { (content) } }
}

/// The session's token, which every form carries.
pub fn token(csrf: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(csrf); }
}

/// Where a passkey's answer goes.
pub fn passkey_fields() -> Markup {
    html! {
        input type="hidden" name="handle";
        input type="hidden" name="credential";
        p.muted data-passkey-says role="status" {}
    }
}

/// A state: colour, sign and word.
pub fn pill(shown: Pill) -> Markup {
    html! { span class={ "pill " (shown.class) } { span aria-hidden="true" { (shown.sign) } " " (shown.word) } }
}

/// A pill with other words.
pub fn pill_saying(shown: Pill, text: &str) -> Markup {
    html! { span class={ "pill " (shown.class) } { span aria-hidden="true" { (shown.sign) } " " (text) } }
}

/// A day and time, and how long ago that is.
pub fn when(at: Timestamp, now: Timestamp) -> Markup {
    html! { (moment(at)) " (" (words::ago(at, now)) ")" }
}

/// A day and time.
pub fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(time_text(at)) data-as="full" { (words::instant(at, "%-d %b %Y, %H:%M UTC")) } }
}

/// A time of day; the day too, unless it is within the last twelve hours.
pub fn clock(at: Timestamp, now: Timestamp) -> Markup {
    let lately = now.millis_since(at) < 12 * lazaret_core::time::HOUR_MS;
    let (form, format) = if lately { ("short", "%H:%M UTC") } else { ("full", "%-d %b %Y, %H:%M UTC") };
    html! { time datetime=(time_text(at)) data-as=(form) { (words::instant(at, format)) } }
}

/// A time of day to the second.
pub fn second(at: Timestamp) -> Markup {
    html! { time datetime=(time_text(at)) data-as="seconds" { (words::instant(at, "%H:%M:%S UTC")) } }
}

/// Longest text of unknown origin that is shown at once, in characters.
const NAME_CHARS_MAX: usize = 120;

/// A name that somebody else chose: isolated in direction, hidden characters visible, cut, the rest on demand.
pub fn name(text: &str) -> Markup {
    let shown = words::visible(text);
    let cut: String = shown.chars().take(NAME_CHARS_MAX).collect();
    let is_whole = cut.len() == shown.len();
    html! { @if is_whole { bdi { (shown) } } @else { bdi title=(shown) { (cut) "…" } } }
}

/// A banner: what is so, and beside it what can be done.
pub fn banner(class: &str, content: &Markup, acts: Option<&Markup>) -> Markup {
    html! {
        div class={ "banner " (class) } {
            div { (content) }
            @if let Some(acts) = acts { div { (acts) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let reader = Reader {
            name: "Ana".into(),
            csrf: "token".into(),
            waiting: Some(3),
            audience: Audience::Operator,
            seen: 0,
        };
        Page::new(Place::Overview, "Overview").reader(reader)
    }

    // EVIDENCE-OF: R-311
    #[test]
    fn the_policy_runs_what_carries_the_nonce_and_nothing_else() {
        let page = page();
        let nonce = page.nonce().to_owned();
        assert_eq!(nonce.len(), 24, "128 bits in base64");
        let answer = page.answer(&html! {});
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(&format!("script-src 'nonce-{nonce}';")));
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{part}");
        }
        assert_ne!(nonce, Page::new(Place::Nowhere, "x").nonce(), "one for each answer");
    }

    #[test]
    fn every_script_carries_the_nonce_and_none_has_a_body() {
        let page = page().script(Script::Passkey).script(Script::Upload);
        let nonce = page.nonce().to_owned();
        let text = page.markup(&html! {}).into_string();
        for tag in text.split("<script ").skip(1) {
            let (head, rest) = tag.split_once('>').unwrap();
            assert!(head.contains(&format!("nonce=\"{nonce}\"")), "{head}");
            assert!(rest.starts_with("</script>"), "{rest}");
        }
        assert_eq!(text.matches("<script ").count(), 6);
    }

    #[test]
    fn every_element_that_htmx_acts_on_carries_the_nonce() {
        let text = page().markup(&live("N", "/", &kept("N", "vote", &html! {}))).into_string();
        for tag in text.split('<').filter(|tag| tag.contains(" hx-")) {
            assert!(tag.contains("hx-nonce="), "{tag}");
        }
    }

    // EVIDENCE-OF: R-415
    #[test]
    fn a_hostile_name_stays_text_and_is_cut() {
        let text = name("<img src=x onerror=alert(1)>.zip").into_string();
        assert_eq!(text, "<bdi>&lt;img src=x onerror=alert(1)&gt;.zip</bdi>");
        let long = name(&"a".repeat(500)).into_string();
        assert!(long.contains(&format!("{}…", "a".repeat(120))) && long.contains(&"a".repeat(500)));
    }
}
