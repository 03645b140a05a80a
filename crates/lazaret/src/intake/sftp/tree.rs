//! The tree that a client sees, and which place a path of it names. There is no file system behind it.
//!
//! `/in/LANE/…` takes, `/out/LANE/…` and `/receipts/DAY/…` give. A party with one inbound lane may use its home instead, so
//! that scripts written for an ordinary server keep their paths: `/NAME` is `/in/LANE/NAME`, and so is every folder of the
//! lane. `in`, `out` and `receipts` at home are always the tree's own.

use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Lane, Party};
use lazaret_core::refusal::PartyCode;
use lazaret_core::transfer::Direction;
use lazaret_formats::path::{CrossingPath, ServerPath};
use lazaret_formats::sftp::Status;

use super::days::Day;
use super::status::{Act, Trouble};
use crate::gate::Gate;

/// Folders of the home that are not the lane's.
pub(super) const OWN_NAMES: [&str; 3] = ["in", "out", "receipts"];

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `/`
    Home,
    /// `/in`
    Lanes,
    /// `/in/LANE`, or something below it.
    In(Spot),
    /// `/out`
    Exits,
    /// `/out/LANE`, or a name in it.
    Out { lane: String, name: Option<String> },
    /// `/receipts`
    Days,
    /// `/receipts/DAY`, or a file of it.
    Receipts { day: Day, file: Option<String> },
    /// A name that can be none of the tree's.
    Nowhere,
}

/// A place on an inbound lane of the caller's party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// The lane's name.
    pub(super) lane: String,
    /// The lane.
    pub(super) id: Id<Lane>,
    /// The party whose lane it is.
    pub(super) party: Id<Party>,
    /// Below the lane; none for the lane itself.
    pub(super) path: Option<CrossingPath>,
    /// Whether it was named by way of the home.
    pub(super) by_home: bool,
}

impl Spot {
    /// The digest by which its name is found.
    pub(super) fn name_key(&self, gate: &Gate) -> [u8; 32] {
        let path = self.path.as_ref().map_or("", CrossingPath::as_str);
        gate.particulars.name_key(self.party, &self.lane, path)
    }
}

/// Finds places for one caller.
#[derive(Debug)]
pub(super) struct Tree {
    caller: Caller,
}

impl Tree {
    /// The tree as this caller sees it.
    pub(super) fn new(caller: Caller) -> Tree {
        Tree { caller }
    }

    /// The path that REALPATH answers: textual, for names that do not exist too.
    pub(super) fn real(asked: &[u8]) -> Act<ServerPath> {
        Ok(ServerPath::resolve(&ServerPath::root(), asked)?)
    }

    /// What a path names.
    ///
    /// # Errors
    /// A name that no channel takes; a lane that is not the caller's, which looks like one that is not there.
    pub(super) fn place(&self, gate: &Gate, asked: &[u8]) -> Act<Place> {
        let path = Tree::real(asked)?;
        let text = path.as_bytes();
        let Some((heads, rest)) = path.split_after(1) else { return Ok(Place::Home) };
        let Some((second, below)) = split_first(rest) else {
            return match heads.as_slice() {
                [b"in"] => Ok(Place::Lanes),
                [b"out"] => Ok(Place::Exits),
                [b"receipts"] => Ok(Place::Days),
                _ => self.home(gate, text.get(1..).unwrap_or_default()),
            };
        };
        match heads.as_slice() {
            [b"in"] => self.lane(gate, second, below),
            [b"out"] => Ok(out(second, below)),
            [b"receipts"] => Ok(receipts(second, below)),
            _ => self.home(gate, text.get(1..).unwrap_or_default()),
        }
    }

    /// The caller's inbound lanes.
    pub(super) fn lanes(&self, gate: &Gate) -> Act<Vec<Spot>> {
        let Some(party) = self.caller.party() else { return Ok(Vec::new()) };
        let lanes = gate.read(|view, _| view.lanes_of(party, Direction::In))?;
        let spot = |lane: lazaret_store::view::LaneView| Spot {
            lane: lane.terms.name.to_string(),
            id: lane.terms.lane,
            party,
            path: None,
            by_home: false,
        };
        Ok(lanes.into_iter().map(spot).collect())
    }

    /// The one inbound lane that the home stands for, if there is one.
    pub(super) fn inbox(&self, gate: &Gate) -> Act<Option<Spot>> {
        let mut lanes = self.lanes(gate)?;
        Ok(if lanes.len() == 1 { lanes.pop().map(|spot| Spot { by_home: true, ..spot }) } else { None })
    }

    fn lane(&self, gate: &Gate, lane: &[u8], below: &[u8]) -> Act<Place> {
        let found = self.lanes(gate)?.into_iter().find(|spot| spot.lane.as_bytes() == lane);
        // Unknown and somebody else's look alike.
        let spot = found.ok_or_else(|| Trouble::of(Status::PermissionDenied, PartyCode::LaneClosed))?;
        let path = if below.is_empty() { None } else { Some(CrossingPath::parse(below)?) };
        Ok(Place::In(Spot { path, ..spot }))
    }

    fn home(&self, gate: &Gate, below: &[u8]) -> Act<Place> {
        let Some(spot) = self.inbox(gate)? else { return Ok(Place::Nowhere) };
        Ok(Place::In(Spot { path: Some(CrossingPath::parse(below)?), ..spot }))
    }
}

fn split_first(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if rest.is_empty() {
        return None;
    }
    let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
    let (first, after) = rest.split_at_checked(slash)?;
    Some((first, after.get(1..).unwrap_or_default()))
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn out(lane: &[u8], below: &[u8]) -> Place {
    let Some(lane) = text(lane) else { return Place::Nowhere };
    if below.is_empty() {
        return Place::Out { lane, name: None };
    }
    text(below).map_or(Place::Nowhere, |name| Place::Out { lane, name: Some(name) })
}

fn receipts(day: &[u8], below: &[u8]) -> Place {
    let Some(day) = text(day).as_deref().and_then(Day::parse) else { return Place::Nowhere };
    if below.is_empty() {
        return Place::Receipts { day, file: None };
    }
    text(below).map_or(Place::Nowhere, |file| Place::Receipts { day, file: Some(file) })
}
