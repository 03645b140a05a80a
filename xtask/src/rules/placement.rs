//! Where things live: each concern has its home, and a word of it found elsewhere is a finding.

use crate::finding::Finding;
use crate::source::{Source, find_word, matching};
use crate::tree::Tree;

/// Product code; the developer programs beside it are free to look anywhere.
const PRODUCT: &[&str] = &["crates/"];
/// The rooms that decide or parse and can do nothing else.
const PURE: &[&str] = &["crates/lazaret-core/src/", "crates/lazaret-formats/src/", "crates/lazaret-ledger/src/"];
const CORE: &[&str] = &["crates/lazaret-core/"];
const BINARY: &[&str] = &["crates/lazaret/src/"];
const CONSOLE: &[&str] = &["crates/lazaret/src/console/"];

/// A file that may do what its neighbours may not, and why. It must still do it: a stale line is a finding.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// Path, or the beginning of one.
    pub path: &'static str,
    /// Why this file, in words that a reviewer can disagree with.
    pub reason: &'static str,
}

/// One concern and its home.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    /// What is being looked for, as the finding names it.
    pub what: &'static str,
    /// Beginnings of the paths that the rule covers.
    pub scope: &'static [&'static str],
    /// Beginnings of the paths where it belongs.
    pub home: &'static [&'static str],
    /// Files elsewhere that may, with reasons.
    pub exceptions: &'static [Exception],
    /// What to do instead.
    pub instead: &'static str,
    /// Offsets at which the concern shows.
    pub find: fn(&Source) -> Vec<usize>,
}

/// The rules of placement. Test code is outside all of them: a test may look at what the product may not.
pub const PLACEMENTS: &[Placement] = &[
    Placement {
        what: "SystemTime::now",
        scope: PRODUCT,
        home: &["crates/lazaret/src/clock.rs"],
        exceptions: &[],
        instead: "take `at: Timestamp`; clock.rs makes it, the fact records it",
        find: |source| source.words(&["SystemTime::now"]),
    },
    Placement {
        what: "Command::new",
        scope: PRODUCT,
        home: &["crates/lazaret/src/station.rs", "crates/lazaret/src/station/"],
        exceptions: &[],
        instead: "only station.rs starts a process, and it starts our own locked-down worker",
        find: |source| source.words(&["Command::new"]),
    },
    Placement {
        what: "IO, a clock, a thread or the environment",
        scope: PURE,
        home: &[],
        exceptions: &[],
        instead: "take bytes and values; the caller reads, writes and waits",
        find: |source| {
            source.words(&[
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "std::thread",
                "std::io::stdin",
                "std::io::stdout",
                "std::os",
                "SystemTime",
                "Instant",
                "tokio",
                "getrandom",
                "rand",
            ])
        },
    },
    Placement {
        what: "serde",
        scope: CORE,
        home: &[],
        exceptions: &[],
        instead: "facts are CBOR (event.rs), JSON types live in lazaret/src/api/types.rs",
        find: |source| source.words(&["serde", "serde_json", "Serialize", "Deserialize"]),
    },
    Placement {
        what: "String in a fact",
        scope: &["crates/lazaret-core/src/event.rs"],
        home: &[],
        exceptions: &[],
        instead: "a fact holds ids, digests, enums, times and codes; text is a particular, in store/src/side/",
        find: |source| source.words(&["String", "Box<str>", "Cow"]),
    },
    Placement {
        what: "a JSON type",
        scope: BINARY,
        home: &["crates/lazaret/src/api/types.rs", "crates/lazaret/src/api/types/"],
        exceptions: &[Exception { path: "crates/lazaret/src/config.rs", reason: "the configuration file, read once" }],
        instead: "write it in lazaret/src/api/types.rs",
        find: |source| source.words(&["Serialize", "Deserialize"]),
    },
    Placement {
        what: "PreEscaped",
        scope: PRODUCT,
        home: &["crates/lazaret/src/console/chart.rs"],
        exceptions: &[],
        instead: "let maud escape it; only chart.rs builds markup from numbers",
        find: |source| source.words(&["PreEscaped"]),
    },
    Placement {
        what: "inline style or script",
        scope: CONSOLE,
        home: &[],
        exceptions: &[],
        instead: "the content security policy allows neither; use assets/",
        find: inline_style_or_script,
    },
    Placement {
        what: "an attribute of htmx",
        scope: CONSOLE,
        home: &["crates/lazaret/src/console/page.rs"],
        exceptions: &[],
        instead: "use a helper of page.rs: an element without the nonce is dead, and one that names it by hand will forget it",
        find: |source| source.words(HTMX),
    },
    Placement {
        what: "a TLS configuration",
        scope: PRODUCT,
        home: &["crates/lazaret/src/tls.rs"],
        exceptions: &[],
        instead: "one constructor, in lazaret/src/tls.rs",
        find: |source| {
            source.words(&[
                "ServerConfig::builder",
                "ServerConfig::builder_with_provider",
                "ServerConfig::builder_with_protocol_versions",
                "ServerConfig::builder_with_details",
                "ClientConfig::builder",
                "ClientConfig::builder_with_provider",
                "ClientConfig::builder_with_protocol_versions",
            ])
        },
    },
    Placement {
        what: "an unchecked certificate",
        scope: PRODUCT,
        home: &[],
        exceptions: &[],
        instead: "a peer's certificate is verified or the connection is refused",
        find: |source| source.words(&["dangerous", "ServerCertVerifier"]),
    },
];

/// Attributes that htmx acts on.
const HTMX: &[&str] = &[
    "hx-get",
    "hx-post",
    "hx-put",
    "hx-patch",
    "hx-delete",
    "hx-action",
    "hx-trigger",
    "hx-target",
    "hx-swap",
    "hx-boost",
    "hx-on",
    "hx-sse",
    "hx-nonce",
    "hx-morph",
];

/// Attributes by which a page would run script, had it any.
const HANDLERS: [&str; 14] = [
    "onclick",
    "onload",
    "onerror",
    "onsubmit",
    "onchange",
    "oninput",
    "onkeydown",
    "onkeyup",
    "onfocus",
    "onblur",
    "onmouseover",
    "onmouseout",
    "ontoggle",
    "onpointerdown",
];

fn inline_style_or_script(source: &Source) -> Vec<usize> {
    let attribute = |word: &&str| -> Vec<usize> {
        let assigned = |at: &usize| {
            let rest = source.code.get(at + word.len()..).unwrap_or_default().trim_start();
            rest.strip_prefix('=').is_some_and(|value| value.trim_start().starts_with(['"', '(', '[']))
        };
        find_word(&source.code, word).into_iter().filter(assigned).collect()
    };
    let mut found: Vec<usize> = HANDLERS.iter().chain(&["style"]).flat_map(attribute).collect();
    found.extend(["script", "style"].iter().flat_map(|element| with_body(&source.code, element)));
    found.extend(source.literals.iter().filter(|literal| is_inline_html(&literal.text)).map(|literal| literal.at));
    found
}

/// maud: `script src=(path) {}` names a file, `script { "…" }` has a body of its own.
fn with_body(code: &str, element: &str) -> Vec<usize> {
    let has_body = |at: &usize| {
        let rest = code.get(at + element.len()..).unwrap_or_default();
        // An element's name is followed by attributes or its body; a variable's by `=`, `;`, `.` and the like.
        let is_element = rest.trim_start().starts_with(|c: char| c == '{' || c.is_ascii_alphabetic());
        let open = rest.find(['{', ';', '}', ',']).filter(|&open| rest.as_bytes().get(open) == Some(&b'{'));
        let body = open.and_then(|open| rest.get(open + 1..matching(rest, open, b'{', b'}')? - 1));
        is_element && body.is_some_and(|inside| !inside.trim().is_empty())
    };
    find_word(code, element).into_iter().filter(has_body).collect()
}

fn is_inline_html(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("<script")
        || lower.contains("<style")
        || lower.contains(" style=")
        || HANDLERS.iter().any(|handler| lower.contains(&format!(" {handler}=")))
}

/// Checks every rule against the tree; `whole` also reports exceptions that nothing needs any more.
#[must_use]
pub fn check(tree: &Tree, placements: &[Placement], whole: bool) -> Vec<Finding> {
    placements.iter().flat_map(|placement| check_one(tree, placement, whole)).collect()
}

fn check_one(tree: &Tree, placement: &Placement, whole: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; placement.exceptions.len()];
    let at_home = |source: &&Source| !placement.home.iter().any(|home| source.path.starts_with(home));
    for source in tree.under(placement.scope).filter(at_home) {
        let found: Vec<usize> = (placement.find)(source).into_iter().filter(|&at| !source.in_test(at)).collect();
        let exception = placement.exceptions.iter().position(|exception| source.path.starts_with(exception.path));
        match exception.and_then(|index| used.get_mut(index)) {
            Some(used) => *used |= !found.is_empty(),
            None => findings.extend(found.into_iter().map(|at| {
                Finding::new(&source.path, source.line_of(at), format!("{}: {}", placement.what, placement.instead))
            })),
        }
    }
    let stale = placement.exceptions.iter().zip(used).filter(|(_, used)| whole && !used);
    findings.extend(stale.map(|(exception, _)| {
        Finding::whole(exception.path, format!("no {} here any more: delete its exception", placement.what))
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::new([(path, text)]);
        check(&tree, PLACEMENTS, false).iter().map(ToString::to_string).collect()
    }

    fn check_refused(path: &str, text: &str, what: &str) {
        let found = findings(path, text);
        assert!(found.iter().any(|finding| finding.contains(what)), "{path}: {text}\n{found:?}");
    }

    fn check_allowed(path: &str, text: &str) {
        assert_eq!(findings(path, text), Vec::<String>::new(), "{path}: {text}");
    }

    #[test]
    fn time_is_made_in_the_clock_only() {
        check_refused("crates/lazaret/src/gate.rs", "let t = SystemTime::now();", "clock.rs makes it");
        check_allowed("crates/lazaret/src/clock.rs", "let t = SystemTime::now();");
        check_allowed("crates/lazaret/src/gate.rs", "// SystemTime::now is for clock.rs\nlet s = \"SystemTime::now\";");
        check_allowed("crates/lazaret/src/gate.rs", "#[cfg(test)]\nmod tests { fn a() { SystemTime::now(); } }");
        check_allowed("sim/src/main.rs", "let t = SystemTime::now();");
    }

    #[test]
    fn processes_are_started_by_the_station_only() {
        check_refused("crates/lazaret/src/feeds.rs", "Command::new(x)", "Command::new");
        check_allowed("crates/lazaret/src/station.rs", "Command::new(x)");
    }

    #[test]
    fn the_pure_rooms_do_nothing() {
        for text in ["use std::fs;", "std::net::TcpStream::connect(x)", "use tokio::time;", "Instant::now()"] {
            check_refused("crates/lazaret-formats/src/hl7.rs", text, "IO, a clock");
            check_refused("crates/lazaret-core/src/risk.rs", text, "IO, a clock");
            check_refused("crates/lazaret-ledger/src/tile.rs", text, "IO, a clock");
        }
        check_allowed("crates/lazaret-vault/src/disk.rs", "use std::fs;");
        check_allowed("crates/lazaret-formats/src/hl7.rs", "#[cfg(test)]\nmod tests { use std::fs; }");
    }

    #[test]
    fn core_knows_no_serde_and_facts_hold_no_text() {
        check_refused("crates/lazaret-core/src/party.rs", "#[derive(serde::Serialize)] struct A;", "serde");
        check_refused("crates/lazaret-core/src/event.rs", "struct A { name: String }", "String in a fact");
        check_allowed("crates/lazaret-core/src/party.rs", "struct A { name: String }");
    }

    #[test]
    fn json_types_live_in_one_file() {
        check_refused("crates/lazaret/src/crossing.rs", "#[derive(Serialize)] struct A;", "a JSON type");
        check_allowed("crates/lazaret/src/api/types.rs", "#[derive(Serialize)] struct A;");
        check_allowed("crates/lazaret/src/config.rs", "#[derive(Deserialize)] struct A;");
    }

    #[test]
    fn pages_hold_no_inline_style_script_or_raw_markup() {
        let page = "crates/lazaret/src/console/page.rs";
        check_refused(page, "html! { div style=\"color:red\" {} }", "inline");
        check_refused(page, "html! { a onclick=(x) {} }", "inline");
        check_refused(page, "html! { script { \"alert(1)\" } }", "inline");
        check_refused(page, "html! { script nonce=(n) { (body) } }", "inline");
        check_refused(page, "let s = \"<script>x</script>\";", "inline");
        check_refused(page, "PreEscaped(x)", "PreEscaped");
        check_allowed(page, "html! { script src=(path) defer {} link rel=\"stylesheet\" href=(style); }");
        check_allowed(page, "let style = theme(); let script = path;");
        check_allowed("crates/lazaret/src/console/chart.rs", "PreEscaped(x)");
    }

    #[test]
    fn what_htmx_acts_on_is_made_by_the_helpers_that_carry_the_nonce() {
        let page = "crates/lazaret/src/console/transfers.rs";
        check_refused(page, "html! { div hx-get=\"/\" {} }", "an attribute of htmx");
        check_refused(page, "html! { a hx-sse:connect=(url) hx-nonce=(n) {} }", "an attribute of htmx");
        check_allowed("crates/lazaret/src/console/page.rs", "html! { div hx-get=\"/\" hx-nonce=(n) {} }");
        check_allowed(page, "let asked = headers.contains_key(\"hx-request\");");
    }

    #[test]
    fn there_is_one_constructor_of_tls_and_no_unchecked_peer() {
        check_refused("crates/lazaret/src/cli/client.rs", "rustls::ClientConfig::builder()", "a TLS configuration");
        check_refused("crates/lazaret/src/intake/https.rs", "ServerConfig::builder()", "a TLS configuration");
        check_refused("crates/lazaret/src/tls.rs", "config.dangerous()", "unchecked certificate");
        check_allowed("crates/lazaret/src/tls.rs", "ServerConfig::builder_with_provider(p)");
    }

    #[test]
    fn an_exception_that_nothing_needs_is_stale() {
        let tree = Tree::new([("crates/lazaret/src/config.rs", "struct A;")]);
        let found = check(&tree, PLACEMENTS, true);
        assert!(found.iter().any(|finding| finding.text.contains("delete its exception")), "{found:?}");
    }
}
