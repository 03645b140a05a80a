//! Transfers: what crossed, what is crossing, and what was stopped?

use axum::extract::RawQuery;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::id::Reference;
use lazaret_core::inspection::{Verdict, Why};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, Stage, TransferView};
use lazaret_store::view::{Filter, Page as After};
use maud::{Markup, html};

use super::page::{Place, clock, live, pill};
use super::transfer::{link, route};
use super::visit::{Inside, encode, sees_all};
use super::{query, words};
use crate::api::parties;
use crate::api::transfers::{read_page, write_page};
use crate::error::Result;

/// Rows of a page.
const ROWS: u32 = 50;
/// Over this many parties a list to choose from helps nobody.
const CHOICES_MAX: u32 = 50;

/// What the form asks for.
struct Asked {
    pairs: Vec<(String, String)>,
}

impl Asked {
    fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The same question from another row on.
    fn path(&self, after: Option<&str>) -> String {
        let kept = self.pairs.iter().filter(|(name, value)| name != "after" && !value.is_empty());
        let mut parts: Vec<String> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        parts.extend(after.map(|after| format!("after={after}")));
        if parts.is_empty() { "/transfers".to_owned() } else { format!("/transfers?{}", parts.join("&")) }
    }

    /// What is asked for; or the first value that means nothing, which is no filter that shows everything.
    fn filter(&self, inside: &Inside) -> Result<Filter, &str> {
        fn read<'a, T>(text: &'a str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, &'a str> {
            if text.is_empty() { Ok(None) } else { read(text).map(Some).ok_or(text) }
        }
        Ok(Filter {
            party: read(self.get("party"), |slug| parties::find(&inside.gate, slug).ok())?,
            known_to: None,
            stage: read(self.get("state"), Stage::from_word)?,
            direction: read(self.get("direction"), Direction::from_word)?,
            since: read(self.get("since"), day)?,
        })
    }
}

/// The beginning of a day, in UTC.
fn day(text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let start = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    u64::try_from(start).ok().map(Timestamp::from_millis)
}

/// `GET /transfers?q=&state=&direction=&party=&since=&after=`
pub async fn page(inside: Inside, RawQuery(raw): RawQuery) -> Response {
    let asked = Asked { pairs: query(raw.as_deref()) };
    if let Ok(reference) = asked.get("q").parse::<Reference>() {
        return Redirect::to(&format!("/t/{reference}")).into_response();
    }
    let outcome = shown(&inside, &asked);
    inside.answer(outcome)
}

fn shown(inside: &Inside, asked: &Asked) -> Result<Response> {
    sees_all(inside)?;
    let page = inside.page(Place::Transfers, "Transfers");
    let page = page.question("What crossed, what is crossing, and what was stopped?");
    let part = live(
        page.nonce(),
        &asked.path(Some(asked.get("after")).filter(|after| !after.is_empty())),
        &rows(inside, asked)?,
    );
    if inside.is_fragment {
        return Ok(page.fragment(part));
    }
    let content = html! {
        @if !asked.get("q").is_empty() { (not_found(asked.get("q"))) }
        (filters(inside, asked)?)
        (part)
    };
    Ok(page.answer(&content))
}

fn not_found(text: &str) -> Markup {
    html! {
        div.banner.hold {
            div {
                p { strong { "No transfer is called “" (super::page::name(text)) "”." } }
                p { "A reference looks like LZ-7K3Q-M2V0. Its last sign checks the others, so a wrong one is found at once." }
            }
        }
    }
}

fn no_such_filter(wrong: &str) -> Markup {
    html! {
        div.banner.hold {
            div {
                p { strong { "“" (super::page::name(wrong)) "” is no party, state, direction or day, so no transfer is shown." } }
                p { "Choose from the lists above, or " a href="/transfers" { "show all" } "." }
            }
        }
    }
}

fn filters(inside: &Inside, asked: &Asked) -> Result<Markup> {
    let parties = inside.gate.read(|view, side| {
        let mut parties = Vec::new();
        for party in view.parties(CHOICES_MAX + 1)? {
            let slug = side.slug_of(party.party.cast())?.unwrap_or_default();
            parties.push((slug, inside.gate.particulars.party_name(side, party.party)));
        }
        parties.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(parties)
    })?;
    let states = Stage::ALL.iter().filter(|stage| !matches!(stage, Stage::Inspected));
    Ok(html! {
        form.row action="/transfers" {
            label.field {
                span { "State" }
                select name="state" {
                    option value="" { "Any" }
                    @for stage in states { (choice(stage.word(), words::stage(*stage).word, asked.get("state"))) }
                }
            }
            label.field {
                span { "Direction" }
                select name="direction" {
                    option value="" { "Both" }
                    (choice("in", "in", asked.get("direction")))
                    (choice("out", "out", asked.get("direction")))
                }
            }
            label.field {
                span { "Party" }
                @if parties.len() <= CHOICES_MAX as usize {
                    select name="party" {
                        option value="" { "Any" }
                        @for (slug, name) in &parties { (choice(slug, name, asked.get("party"))) }
                    }
                } @else { input type="text" name="party" value=(asked.get("party")) maxlength="64"; }
            }
            label.field { span { "Since" } input type="date" name="since" value=(asked.get("since")); }
            button type="submit" { "Filter" }
            @if asked.pairs.iter().any(|(_, value)| !value.is_empty()) { a.button href="/transfers" { "Show all" } }
        }
    })
}

fn choice(value: &str, text: &str, current: &str) -> Markup {
    html! { option value=(value) selected[value == current] { (text) } }
}

/// One row, gathered.
struct Row {
    view: TransferView,
    title: String,
    route: String,
    kind: &'static str,
    bytes: u64,
    why: Option<Why>,
}

fn rows(inside: &Inside, asked: &Asked) -> Result<Markup> {
    let filter = match asked.filter(inside) {
        Ok(filter) => filter,
        Err(wrong) => return Ok(no_such_filter(wrong)),
    };
    let after = read_page(&inside.gate, asked.get("after"));
    let (rows, last) = gather(inside, &filter, after)?;
    let older = last.map(|last| asked.path(Some(&write_page(&inside.gate, last))));
    Ok(html! {
        @if rows.is_empty() {
            div.panel {
                p { "No transfer is like this." }
                p.muted { "Try the demo's samples: lazaret send FILE --as acme" }
            }
        } @else {
            div.table.stack.rows {
                table {
                    thead { tr {
                        th scope="col" { "State" } th scope="col" { "What" } th scope="col" { "From → to" }
                        th scope="col" { "Kind" } th scope="col" { "Size" } th scope="col" { "Arrived" }
                    } }
                    tbody { @for row in &rows { (row_of(inside, row)) } }
                }
            }
        }
        @if let Some(older) = older { p { a.button href=(older) { "Older →" } } }
    })
}

fn gather(inside: &Inside, filter: &Filter, after: Option<After>) -> Result<(Vec<Row>, Option<After>)> {
    let particulars = &inside.gate.particulars;
    inside.gate.read(|read, side| {
        let found = read.transfers(filter, after, ROWS)?;
        let is_full = found.len() == ROWS as usize;
        let last = found.last().filter(|_| is_full).map(|row| After { arrived: row.arrived, transfer: row.transfer });
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let Some(view) = read.transfer(row.transfer)? else { continue };
            let kept = particulars.kept(side, row.transfer).unwrap_or_default();
            let lane = read.lane(row.lane)?.map(|lane| lane.terms.name.to_string()).unwrap_or_default();
            let unchecked = if view.stage == Stage::NotChecked { read.inspected(row.transfer)? } else { None };
            let doubtful =
                |row: &&lazaret_core::event::VerdictRow| !matches!(row.verdict, Verdict::Clean | Verdict::Bad);
            rows.push(Row {
                title: kept.name().to_owned(),
                route: route(view.direction, &particulars.party_name(side, view.party), &lane),
                kind: read.content_kind(row.transfer)?.map_or("", words::content_kind),
                bytes: kept.manifest().unwrap_or_default().size_bytes,
                why: unchecked.and_then(|found| found.verdicts.iter().find(doubtful).and_then(|row| row.why)),
                view,
            });
        }
        Ok((rows, last))
    })
}

fn row_of(inside: &Inside, row: &Row) -> Markup {
    html! {
        tr {
            td { (pill(words::stage(row.view.stage))) }
            td.full {
                (link(&row.view.transfer.reference().to_string(), &row.title))
                @if let Some(why) = row.why { br; span.muted { (words::why(why)) } }
            }
            td { (row.route) }
            td { (row.kind) }
            td { (words::size(row.bytes)) }
            td { (clock(row.view.arrived_at, inside.at)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(day("2026-11-23"), Some(Timestamp::from_millis(1_795_392_000_000)));
        assert_eq!(day("23.11.2026"), None);
        assert_eq!(day(""), None);
    }

    #[test]
    fn the_next_page_asks_the_same_question() {
        let pairs = [("state", "held"), ("party", "a&b"), ("q", ""), ("after", "old")];
        let asked = Asked { pairs: pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect() };
        assert_eq!(asked.path(Some("new")), "/transfers?state=held&party=a%26b&after=new");
    }
}
