//! The only readers of the registers: plain structs out.

mod access;
mod console;
mod ledger;
mod party;
mod register;
mod transfer;

pub use access::{CredentialView, PersonView};
pub use console::{Counts, Filter, Page, TransferRow, VoteRow};
pub use ledger::Head;
pub use party::{LaneView, PartyView};
pub use transfer::{DeliveryView, OpenRequest, RulingView};

use crate::engine::Db;

/// What the registers say, in one consistent snapshot.
#[derive(Clone, Copy)]
pub struct View<'a> {
    db: Db<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn db(&self) -> Db<'a> {
        self.db
    }

    pub(crate) fn new(db: Db<'a>) -> View<'a> {
        View { db }
    }
}
