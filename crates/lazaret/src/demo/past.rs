//! What happened at the demo hospital in the last thirty days: made-up objects that really cross, by the same functions as
//! real life, with the clock set back. The same seed gives the same story.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::party::Choice;
use lazaret_core::register::CredentialKind;
use lazaret_core::request::Means;
use lazaret_core::time::{DAY_MS, HOUR_MS, Timestamp};
use lazaret_core::transfer::{Channel, Stage, TransferKind};

use crate::api::show;
use crate::auth::caller::from_credential;
use crate::crossing::{self, Announcement, Words};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::intake::receiving::Receiving;

/// How far back the first of them lies.
const DAYS: u64 = 30;
/// Transfers that cross together, at one time of the past.
const TOGETHER: u64 = 12;

/// Objects that one worker looks at: all of them are of our own making.
const JOBS: u16 = 256;

/// One made-up object.
struct Story {
    lane: &'static str,
    sender: &'static str,
    receiver: &'static str,
    name: String,
    content: Vec<u8>,
    end: End,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Released and collected.
    Collected,
    /// Two people let it in, and it was collected.
    Approved,
    /// Somebody said no.
    Rejected,
    /// It waits, whatever policy says.
    Waits,
}

/// Makes the past, once: where it was begun before an interruption, it stays as it is.
pub(super) fn load(gate: &Arc<Gate>) -> Result<()> {
    let begun = gate.read(|view, _| Ok(!view.counts(Timestamp::from_millis(0))?.stages.is_empty()))?;
    if begun {
        return Ok(());
    }
    let now = gate.clock.now();
    gate.station.jobs_per_worker(JOBS);
    let runtime = tokio::runtime::Handle::current();
    let outcome = runtime.block_on(async {
        let groups = gate.config.demo_transfers.div_ceil(TOGETHER);
        for group in 0..groups {
            let back = (groups - group) * (DAYS * DAY_MS / groups) + HOUR_MS;
            gate.clock.set(Some(Timestamp::from_millis(now.as_millis().saturating_sub(back))));
            let stories = (0..TOGETHER).map(|at| tell(group * TOGETHER + at, group + 1 == groups));
            let crossings = stream::iter(stories).map(|story| cross(gate, story));
            crossings.buffer_unordered(4).try_collect::<Vec<()>>().await?;
        }
        Ok(())
    });
    gate.clock.set(None);
    gate.station.jobs_per_worker(1);
    outcome
}

async fn cross(gate: &Arc<Gate>, story: Story) -> Result<()> {
    let sender = account(gate, story.sender)?;
    let announcement = Announcement {
        lane: story.lane.to_owned(),
        path: story.name,
        channel: Channel::Https,
        kind: TransferKind::File,
        key: None,
        only_if_new: false,
    };
    let mut receiving = Receiving::begin(gate, &sender, announcement, None).await?;
    receiving.push(Bytes::from(story.content)).await?;
    let transfer = receiving.finish().await?.0.transfer;
    crossing::inspect(gate, transfer).await?;
    crossing::rule(gate, transfer).await?;
    match story.end {
        End::Approved => {
            for person in ["ben", "dan"] {
                vote(gate, person, transfer, "Tested on the bench.", Choice::Approve).await?;
            }
            crossing::rule(gate, transfer).await?;
        }
        End::Rejected => vote(gate, "mei", transfer, "Not ordered by us.", Choice::Reject).await?,
        End::Collected | End::Waits => {}
    }
    if show::view(gate, transfer)?.stage != Stage::Cleared {
        return Ok(());
    }
    crossing::release(gate, transfer).await?;
    if story.end == End::Waits {
        return Ok(());
    }
    let receiver = account(gate, story.receiver)?;
    let view = show::view(gate, transfer)?;
    let _attempt = crossing::begin_delivery(gate, &receiver, transfer, Channel::Https).await?;
    crossing::deliver(gate, &receiver, transfer, view.content).await
}

async fn vote(gate: &Arc<Gate>, slug: &str, transfer: Id<Transfer>, reason: &str, choice: Choice) -> Result<()> {
    let (_, decision, _) = crossing::explanation(gate, transfer)?;
    let words = Words { reason: reason.to_owned(), assertion: None };
    crossing::vote(gate, &account(gate, slug)?, transfer, decision.binding, words, choice).await
}

/// A demo account as a caller, by the token that was made for it.
fn account(gate: &Gate, slug: &str) -> Result<Caller> {
    let at = gate.clock.now();
    let found = gate.read(|view, side| {
        let Some(subject) = side.by_slug(slug)? else { return Ok(None) };
        let mut tokens = view.credentials_of_person(subject.cast(), CredentialKind::Token, at)?;
        tokens.extend(view.credentials_of(subject.cast(), CredentialKind::Token, at)?);
        Ok(tokens.first().and_then(|token| from_credential(view, *token, Means::Token, 0, at).ok()))
    })?;
    found.ok_or_else(|| Error::internal(format!("{slug} is not in the demo")))
}

fn tell(number: u64, is_latest: bool) -> Story {
    // A fixed sequence (Numerical Recipes' generator): the past is the same in every demo.
    let drawn = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) >> 7;
    let usual = if is_latest && drawn.is_multiple_of(3) { End::Waits } else { End::Collected };
    let story = |sender, lane, receiver, name: String, content: String, end| Story {
        lane,
        sender,
        receiver,
        name,
        content: content.into_bytes(),
        end,
    };
    match drawn % 9 {
        0 | 1 => story(
            "medlog",
            "medlog-in",
            "priya",
            format!("despatch-{number}.csv"),
            format!("item,quantity\ninfusion set,{}\nsaline 0.9 %,{}\n", drawn % 40 + 1, drawn % 90 + 10),
            usual,
        ),
        2 => story(
            "acme",
            "acme-in",
            "ben",
            format!("service-bulletin-{number}.txt"),
            format!("Bulletin {number}: replace the battery of pumps older than five years.\n"),
            usual,
        ),
        3 => story("acme", "acme-in", "ben", format!("pump-tool-{number}.sh"), script(number), approved(drawn)),
        4 | 5 => {
            story("imagingco", "imaging-in", "okafor", format!("orm-{number}.hl7"), message(number, "ORM^O01"), usual)
        }
        6 => story(
            "labco",
            "lab-in",
            "tom",
            format!("price-list-{number}.csv"),
            format!("test,price\nblood count,{}\nelectrolytes,{}\n", drawn % 20 + 5, drawn % 30 + 9),
            usual,
        ),
        7 => story("tom", "imaging-out", "imagingco", format!("oru-{number}.hl7"), message(number, "ORU^R01"), usual),
        _ => story(
            "freightco",
            "freight-in",
            "priya",
            format!("pallets-{number}.txt"),
            format!("{} pallets on dock 2\n", drawn % 7 + 1),
            End::Waits,
        ),
    }
}

fn approved(drawn: u64) -> End {
    if (drawn / 9).is_multiple_of(4) { End::Rejected } else { End::Approved }
}

fn script(number: u64) -> String {
    format!("#!/bin/sh\n# Prints the version of the service tool {number}.\necho \"tool {number}\"\n")
}

/// A message about an invented patient.
fn message(number: u64, kind: &str) -> String {
    format!(
        "MSH|^~\\&|IMAGING|IMAGINGCO|PACS|ST EXAMPLE|20261101||{kind}|P{number}|T|2.5\r\
         PID|1||{number}^^^ST EXAMPLE^MR||Muster^Max^{number}||19600101|M\r"
    )
}
