//! A transfer in words for people: what was looked at, the decision and its rule, what would release it, who can.

use super::out::{Paint, Tone, shown, size_text};
use crate::api::types::{LeverJson, TransferJson, VerdictJson};

/// The stage that a sender's word stands for. A party is told less than insiders know, by design: `checking` is every step
/// until the decision has taken effect, and until then the object's key lies under quarantine.
pub(crate) fn stage_of(word: &str) -> &str {
    match word {
        "checking" => "quarantined",
        "reviewing" => "held",
        "not-checked" => "not_checked",
        "accepted" => "released",
        "refused" => "denied",
        "replaced" => "superseded",
        same => same,
    }
}

/// Whether nothing moves it but people, or nothing at all.
pub(crate) fn is_decided(state: &str) -> bool {
    !matches!(state, "quarantined" | "inspected" | "cleared")
}

/// The pill of a stage: a mark and a word, never a colour alone.
pub(crate) fn pill(paint: Paint, state: &str) -> String {
    let (mark, word, tone) = match state {
        "quarantined" | "inspected" => ("◌", "INSPECTING", Tone::Wait),
        "held" => ("▲", "HELD", Tone::Wait),
        "not_checked" => ("?", "NOT CHECKED", Tone::Wait),
        "cleared" => ("✓", "CLEARED", Tone::Good),
        "released" => ("✓", "RELEASED", Tone::Good),
        "delivered" => ("✓", "DELIVERED", Tone::Good),
        "denied" => ("✕", "DENIED", Tone::Bad),
        "withdrawn" => ("–", "WITHDRAWN", Tone::Bad),
        "expired" => ("–", "EXPIRED", Tone::Bad),
        "superseded" => ("–", "SUPERSEDED", Tone::Bad),
        other => ("?", other, Tone::Wait),
    };
    format!("{mark} {}", paint.word(tone, word))
}

/// The banner of a transfer: reference and marks, the decision, what would release it, the link.
pub(crate) fn banner(paint: Paint, transfer: &TransferJson, server: &str) -> String {
    let mut lines = vec![format!("  {}  {}", transfer.reference, marks(transfer).join("  "))];
    lines.extend(decision(paint, transfer).into_iter().map(|line| format!("  {line}")));
    lines.push(format!("  {server}/t/{}", transfer.reference));
    lines.join("\n")
}

fn marks(transfer: &TransferJson) -> Vec<String> {
    let mut marks = vec!["arrived ✓".to_owned(), "encrypted ✓".to_owned()];
    let weighed = |row: &VerdictJson| {
        let rules: &[&str] = match row.inspector.as_str() {
            "signature" => &["unsigned-code"],
            "phi" => &["phi-needs-baa"],
            _ => &[],
        };
        transfer.because.iter().any(|because| rules.contains(&because.rule.as_str()))
    };
    marks.extend(transfer.verdicts.iter().map(|row| {
        let name = row.inspector.as_str();
        match (row.verdict.as_str(), &row.reason) {
            // Clean, and yet a rule weighs what was found.
            ("clean", _) if weighed(row) => format!("{name} ▲"),
            ("clean", _) => format!("{name} ✓"),
            ("bad", _) => format!("{name} ✕"),
            (verdict, Some(reason)) => format!("{name} ? {} ({reason})", verdict.replace('_', " ")),
            (verdict, None) => format!("{name} ? {}", verdict.replace('_', " ")),
        }
    }));
    marks
}

/// The decision in sentences: by rule for those who may know it, in the party's own words for everybody else.
pub(crate) fn decision(paint: Paint, transfer: &TransferJson) -> Vec<String> {
    let state = stage_of(&transfer.state);
    let (tone, word) = match state {
        "held" => (Tone::Wait, "HELD"),
        "not_checked" => (Tone::Wait, "NOT CHECKED, and so held,"),
        "denied" => (Tone::Bad, "DENIED"),
        _ => return vec![pill(paint, state)],
    };
    let word = paint.word(tone, word);
    let mut lines = Vec::new();
    if transfer.because.is_empty() {
        let told = transfer.text.as_deref().unwrap_or("The hospital's people look at it.");
        lines.push(format!("{word}: {}", shown(told)));
        lines.extend(transfer.fix.as_ref().map(|fix| format!("What helps: {}", shown(fix))));
        return lines;
    }
    for (position, because) in transfer.because.iter().enumerate() {
        let by = if position == 0 { word.as_str() } else { "and" };
        lines.push(format!("{by} by {}: {}", because.rule, shown(&because.reason)));
    }
    if state != "denied" {
        lines.push(way_out(transfer));
        lines.extend(tally(transfer));
        lines.extend(able(transfer));
    }
    lines
}

fn way_out(transfer: &TransferJson) -> String {
    let ways: Vec<String> = transfer.would_release.iter().map(|set| set_text(set)).collect();
    match ways.split_last() {
        None => "Nothing available today would release this.".to_owned(),
        Some((only, [])) => format!("To release: {only}."),
        Some((last, before)) => format!("To release: {}, or {last}.", before.join(", or ")),
    }
}

/// One set of acts: approvals are counted together, the rest is named.
fn set_text(set: &[LeverJson]) -> String {
    let roles: Vec<String> = set.iter().filter_map(|lever| lever.role.as_deref()).map(capital).collect();
    let mut parts = Vec::new();
    match roles.len() {
        0 => {}
        1 => parts.push(format!("1 more approval ({})", roles.join(", "))),
        count => parts.push(format!("{count} approvals ({})", roles.join(", "))),
    }
    parts.extend(set.iter().filter(|lever| lever.role.is_none()).map(|lever| lever_text(&lever.lever)));
    parts.join(" and ")
}

fn lever_text(lever: &str) -> String {
    match lever {
        "signature" => "a signature by a registered key",
        "agreement" => "an agreement in force that covers it (for patient data, a business associate agreement, BAA)",
        "vetting" => "a current vetting of the party",
        "inspection" => "a complete inspection",
        "isolation-lift" => "the end of the party's isolation",
        "new-version" => "a new version of it",
        other => other,
    }
    .to_owned()
}

fn tally(transfer: &TransferJson) -> Option<String> {
    let tally = transfer.approvals?;
    (tally.counted > 0).then(|| format!("Approved so far: {} of {}.", tally.counted, tally.required))
}

fn able(transfer: &TransferJson) -> Option<String> {
    let who: Vec<String> = transfer
        .who
        .iter()
        .map(|who| {
            let what = who.role.as_deref().map_or_else(|| capital(&who.lever), capital);
            let people =
                if who.people.is_empty() { "the party itself".to_owned() } else { shown(&who.people.join(", ")) };
            format!("{what}: {people}")
        })
        .collect();
    (!who.is_empty()).then(|| format!("Who can: {}", who.join("; ")))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

/// What it is: name, size, way, kind.
pub(crate) fn outline(transfer: &TransferJson) -> String {
    let way = if transfer.direction == "out" { "to" } else { "from" };
    let kind = transfer.kind.as_ref().map(|kind| format!(", {kind}")).unwrap_or_default();
    format!("{}  ({}{kind}) {way} {}", shown(&transfer.name), size_text(transfer.bytes), shown(&transfer.party))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{Because, TallyJson, WhoJson};

    fn held() -> TransferJson {
        let lever = |lever: &str, role: Option<&str>| LeverJson { lever: lever.into(), role: role.map(Into::into) };
        TransferJson {
            reference: "LZ-7K3Q-M2V0".into(),
            state: "held".into(),
            because: vec![Because {
                rule: "unsigned-code".into(),
                reason: "Software is released when a registered key of its maker has signed it.".into(),
            }],
            would_release: vec![
                vec![lever("signature", None)],
                vec![lever("approval", Some("biomed")), lever("approval", Some("security"))],
            ],
            who: vec![
                WhoJson { lever: "approval".into(), role: Some("biomed".into()), people: vec!["Ben Kim".into()] },
                WhoJson { lever: "signature".into(), role: None, people: Vec::new() },
            ],
            verdicts: vec![
                VerdictJson { inspector: "malware".into(), verdict: "clean".into(), reason: None },
                VerdictJson { inspector: "signature".into(), verdict: "clean".into(), reason: None },
                VerdictJson {
                    inspector: "phi".into(),
                    verdict: "not_inspected".into(),
                    reason: Some("format_unsupported".into()),
                },
            ],
            approvals: Some(TallyJson { counted: 0, required: 2 }),
            ..TransferJson::default()
        }
    }

    #[test]
    fn a_held_transfer_says_rule_way_out_who_and_where() {
        let text = banner(Paint::PLAIN, &held(), "https://localhost:8443");
        assert_eq!(
            text,
            "  LZ-7K3Q-M2V0  arrived ✓  encrypted ✓  malware ✓  signature ▲  phi ? not inspected (format_unsupported)\n  \
             HELD by unsigned-code: Software is released when a registered key of its maker has signed it.\n  \
             To release: a signature by a registered key, or 2 approvals (Biomed, Security).\n  \
             Who can: Biomed: Ben Kim; Signature: the party itself\n  \
             https://localhost:8443/t/LZ-7K3Q-M2V0"
        );
    }

    #[test]
    fn a_party_reads_its_own_words_and_no_rule() {
        let told = TransferJson {
            state: "reviewing".into(),
            text: Some("The software is not signed with a key that the hospital knows.".into()),
            fix: Some("Sign it.".into()),
            ..TransferJson::default()
        };
        assert_eq!(
            decision(Paint::PLAIN, &told),
            ["HELD: The software is not signed with a key that the hospital knows.", "What helps: Sign it."]
        );
    }

    #[test]
    fn what_nothing_releases_says_so_and_a_denial_offers_nothing() {
        let hopeless = TransferJson { would_release: Vec::new(), who: Vec::new(), ..held() };
        assert!(decision(Paint::PLAIN, &hopeless).contains(&"Nothing available today would release this.".to_owned()));
        let denied = TransferJson { state: "denied".into(), ..held() };
        let lines = decision(Paint::PLAIN, &denied);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("DENIED by unsigned-code"));
    }

    // EVIDENCE-OF: R-007
    #[test]
    fn not_checked_is_never_shown_as_checked() {
        let pill = pill(Paint::PLAIN, "not_checked");
        assert!(pill.starts_with("? NOT CHECKED"), "{pill}");
        for verdict in ["not_inspected", "error", "something new"] {
            let row = VerdictJson { inspector: "malware".into(), verdict: verdict.into(), reason: None };
            let marks = marks(&TransferJson { verdicts: vec![row], ..TransferJson::default() });
            assert!(marks.iter().any(|mark| mark.starts_with("malware ?")), "{marks:?}");
        }
    }

    #[test]
    fn every_word_of_a_sender_stands_for_a_stage_that_ends_alike() {
        use super::super::exit::Exit;
        use lazaret_core::transfer::Stage;
        for stage in Stage::ALL {
            let mapped = stage_of(stage.sender_word());
            assert!(Stage::from_word(mapped).is_some(), "{mapped}");
            assert_eq!(Exit::of_state(mapped), Exit::of_state(stage.word()), "{mapped}");
            assert_eq!(is_decided(mapped), is_decided(stage.word()), "{mapped}");
        }
    }
}
