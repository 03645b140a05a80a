//! What a sender is told about its own objects: one line for each fact that concerns it, the same over the API, in the
//! receipts directory and in the console.

use lazaret_core::event::Event;
use lazaret_core::explanation::told;
use lazaret_core::id::{Id, Party, Transfer};
use lazaret_core::refusal::PartyCode;
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, Stage, next_stage};
use lazaret_store::{Entry, Side, View};
use lazaret_vault::broker::Holder;
use minicbor::{Decode, Encode};

use crate::api::show;
use crate::api::types::JournalJson;
use crate::error::Result;
use crate::gate::Gate;
use crate::particulars::Manifest;

/// The version of a line's form.
const VERSION: u32 = 1;

/// An upload that became no transfer, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NotReceived {
    /// The lane's name.
    #[n(0)]
    pub lane: String,
    /// The path on the lane.
    #[n(1)]
    pub path: String,
    /// Bytes that had come.
    #[n(2)]
    pub bytes: u64,
    /// Why: the word of a party-level code.
    #[n(3)]
    pub code: String,
}

/// A line with the instant that it belongs to.
pub type Line = (Timestamp, JournalJson);

/// A party's lines between two instants, in order.
///
/// # Errors
/// A fault of the store.
pub fn lines(gate: &Gate, party: Id<Party>, from: Timestamp, to: Timestamp) -> Result<Vec<Line>> {
    gate.read(|view, side| {
        let mut lines = Vec::new();
        for transfer in view.transfers_with_news(party, from, to)? {
            // What is sent to the party is not its own, and nothing of it shows before its release.
            if view.transfer(transfer)?.is_none_or(|found| found.direction != Direction::In) {
                continue;
            }
            let all = of_transfer(gate, view, side, transfer)?;
            lines.extend(all.into_iter().filter(|(at, _)| (from..to).contains(at)));
        }
        for (at, sealed) in side.not_received(party, from)? {
            if at < to
                && let Ok(lost) = gate.particulars.open(Holder::Party(party), "not-received", &sealed)
            {
                lines.push((at, not_received(at, lost)));
            }
        }
        lines.sort_by_key(|(at, line)| (*at, line.seq));
        Ok(lines)
    })
}

/// Every line about one transfer, in order.
///
/// # Errors
/// A fault of the store.
pub fn of_transfer(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    transfer: Id<Transfer>,
) -> lazaret_store::Result<Vec<Line>> {
    let kept = gate.particulars.kept(side, transfer).unwrap_or_default();
    let manifest = kept.manifest().unwrap_or_default();
    let entries = view.entries_about(transfer.cast())?;
    let lane = match view.transfer(transfer)? {
        Some(found) => view.lane(found.lane)?.map(|lane| lane.terms.name.to_string()).unwrap_or_default(),
        None => String::new(),
    };
    let signed = gate.log.size();
    let mut teller = Teller::new(transfer, lane, manifest, side.repeats(transfer)?);
    Ok(entries.iter().filter_map(|entry| teller.hear(entry, entry.position.index < signed)).collect())
}

/// Walks a transfer's entries and says what its sender hears at each.
struct Teller {
    transfer: Id<Transfer>,
    lane: String,
    manifest: Manifest,
    repeats: u32,
    version: u32,
    arrived: Timestamp,
    stage: Option<Stage>,
    verdicts: Vec<lazaret_core::event::VerdictRow>,
}

impl Teller {
    fn new(transfer: Id<Transfer>, lane: String, manifest: Manifest, repeats: u32) -> Teller {
        Teller {
            transfer,
            lane,
            manifest,
            repeats,
            version: 1,
            arrived: Timestamp::from_millis(0),
            stage: None,
            verdicts: Vec::new(),
        }
    }

    fn hear(&mut self, entry: &Entry, signed: bool) -> Option<Line> {
        let before = self.stage;
        self.stage = next_stage(self.stage, &entry.event).ok().or(self.stage);
        let stage = self.stage?;
        let mut rules = Vec::new();
        if let Event::TransferArrived(fact) = &entry.event {
            (self.version, self.arrived) = (fact.version, entry.at);
        } else if let Event::TransferInspected(fact) = &entry.event {
            self.verdicts.clone_from(&fact.verdicts);
        } else if let Event::TransferRuled(fact) = &entry.event {
            rules.extend(fact.rules.iter().map(|fired| fired.rule));
        }
        if before.map(Stage::sender_word) == Some(stage.sender_word()) {
            return None;
        }
        let code = told(stage, &rules, &self.verdicts);
        Some((entry.at, self.line(entry, stage, code, signed)))
    }

    fn line(&self, entry: &Entry, stage: Stage, code: Option<PartyCode>, signed: bool) -> JournalJson {
        JournalJson {
            v: VERSION,
            seq: Some(entry.position.index),
            reference: Some(self.transfer.reference().to_string()),
            lane: self.lane.clone(),
            name: self.manifest.path.clone(),
            version: self.version,
            bytes: self.manifest.size_bytes,
            sha256: show::hex(&self.manifest.sha256),
            received: show::time_text(self.arrived),
            state: stage.sender_word().to_owned(),
            code: code.map(|code| code.word().to_owned()),
            text: code.map(|code| code.sentence().to_owned()),
            fix: code.and_then(PartyCode::fix).map(str::to_owned),
            repeats: self.repeats,
            receipt: signed.then(|| show::receipt_path(self.transfer)),
        }
    }
}

fn not_received(at: Timestamp, lost: NotReceived) -> JournalJson {
    let code = PartyCode::from_word(&lost.code).unwrap_or(PartyCode::Unfinished);
    JournalJson {
        v: VERSION,
        seq: None,
        reference: None,
        lane: lost.lane,
        name: lost.path,
        version: 0,
        bytes: lost.bytes,
        sha256: String::new(),
        received: show::time_text(at),
        state: "not-received".to_owned(),
        code: Some(code.word().to_owned()),
        text: Some(code.sentence().to_owned()),
        fix: code.fix().map(str::to_owned),
        repeats: 0,
        receipt: None,
    }
}
