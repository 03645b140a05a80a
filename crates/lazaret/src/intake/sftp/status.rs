//! What an SFTP client is told when something fails: a status that its library understands, and one sentence from the table
//! that serves every surface, with what helps.

use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_formats::sftp::Status;

use crate::error::{Error, Fault};

/// A failure as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) status: Status,
    pub(super) text: String,
    /// The party-level code behind it.
    pub(super) code: PartyCode,
}

/// What an act gives.
pub(super) type Act<T = ()> = Result<T, Trouble>;

impl Trouble {
    /// This status with the sentence of this code.
    pub(super) fn of(status: Status, code: PartyCode) -> Trouble {
        Trouble { status, text: sentence(code), code }
    }

    /// This status, in words that concern this protocol only.
    pub(super) fn plain(status: Status, text: &str) -> Trouble {
        Trouble { status, text: text.to_owned(), code: PartyCode::WrongState }
    }

    /// Nothing is there by this name.
    pub(super) fn missing() -> Trouble {
        Trouble::of(Status::NoSuchFile, PartyCode::NotFound)
    }

    /// Something is there by this name.
    pub(super) fn exists() -> Trouble {
        Trouble::of(Status::Failure, PartyCode::NameExists)
    }

    /// Not allowed here.
    pub(super) fn denied() -> Trouble {
        Trouble::of(Status::PermissionDenied, PartyCode::NotAllowed)
    }

    /// The name of what was received under it already.
    pub(super) fn received(reference: &str) -> Trouble {
        Trouble::plain(Status::PermissionDenied, &format!("Already received as {reference}."))
    }

    /// The handle is none of this session, or not for this.
    pub(super) fn bad_handle() -> Trouble {
        Trouble::plain(Status::Failure, "This handle is not open for that.")
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        if let Error::Fault(fault @ (Fault::Unreadable(_) | Fault::Internal(_) | Fault::Fenced(_))) = &error {
            tracing::error!(?fault, "an SFTP request failed");
        }
        Trouble::of(status(&error), error.code())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::from(Error::from(refusal))
    }
}

impl From<lazaret_formats::path::Malformed> for Trouble {
    fn from(_: lazaret_formats::path::Malformed) -> Trouble {
        Trouble::of(Status::Failure, PartyCode::BadName)
    }
}

fn status(error: &Error) -> Status {
    match error {
        Error::Refused(refusal) => refused(*refusal),
        Error::Malformed(_) | Error::Fault(_) | Error::Usage(_) => Status::Failure,
    }
}

fn refused(refusal: Refusal) -> Status {
    match refusal {
        Refusal::NotFound => Status::NoSuchFile,
        Refusal::LaneClosed
        | Refusal::KindNotOnLane
        | Refusal::Isolated
        | Refusal::NotAllowed
        | Refusal::OwnRequest
        | Refusal::NotInRole
        | Refusal::LetSenderIn
        | Refusal::StepUpNeeded
        | Refusal::NotOneself
        | Refusal::OtherSide
        | Refusal::TooFewOthers
        | Refusal::ApproverKnown
        | Refusal::NotEnrolled
        | Refusal::NoLongerCleared => Status::PermissionDenied,
        Refusal::TooLarge
        | Refusal::Quota
        | Refusal::WrongState
        | Refusal::VotedAlready
        | Refusal::StaleApproval
        | Refusal::KeyReused
        | Refusal::Already(_)
        | Refusal::NameExists
        | Refusal::DigestMismatch
        | Refusal::Unchanged
        | Refusal::WaitsAlready
        | Refusal::HasPasskey
        | Refusal::LastAdministrator
        | Refusal::NoContract
        | Refusal::WrongRecipients
        | Refusal::TooManyLanes
        | Refusal::EntryTooLong => Status::Failure,
    }
}

fn sentence(code: PartyCode) -> String {
    match code.fix() {
        Some(fix) => format!("{} {fix}", code.sentence()),
        None => code.sentence().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // EVIDENCE-OF: R-420  A client hears of a fault without its cause.
    #[test]
    fn a_fault_says_nothing_of_its_cause() {
        let trouble = Trouble::from(Error::internal("SELECT secret FROM x"));
        assert_eq!(trouble.status, Status::Failure);
        assert_eq!(trouble.text, "The gate is busy. Try again in a minute.");
    }

    #[test]
    fn what_is_not_allowed_is_permission_denied_and_what_may_help_itself_is_a_failure() {
        let status = |refusal: Refusal| Trouble::from(refusal).status;
        assert_eq!(status(Refusal::Isolated), Status::PermissionDenied);
        assert_eq!(status(Refusal::LaneClosed), Status::PermissionDenied);
        assert_eq!(status(Refusal::Quota), Status::Failure);
        assert_eq!(status(Refusal::NotFound), Status::NoSuchFile);
    }
}
