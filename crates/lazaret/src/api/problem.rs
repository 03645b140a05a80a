//! Errors as problem+json (RFC 9457), one table for every handler.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lazaret_core::refusal::{PartyCode, Refusal};

use super::types::Problem;
use crate::auth::caller::Audience;
use crate::error::{Error, Fault};

/// The status of an error.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is wrong with a request is 400")]
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Refused(refusal) => refusal_status(*refusal),
        Error::Malformed(malformed) => match malformed.code {
            PartyCode::SignIn => StatusCode::UNAUTHORIZED,
            PartyCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            PartyCode::TooSlow => StatusCode::REQUEST_TIMEOUT,
            PartyCode::NotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        },
        Error::Fault(Fault::DiskFull) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Fault(Fault::Busy | Fault::Fenced(_)) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Fault(Fault::Unreadable(_) | Fault::Internal(_)) | Error::Usage(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refusal_status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::LaneClosed
        | Refusal::Isolated
        | Refusal::NotAllowed
        | Refusal::KindNotOnLane
        | Refusal::OwnRequest
        | Refusal::NotInRole
        | Refusal::LetSenderIn
        | Refusal::StepUpNeeded
        | Refusal::NotOneself
        | Refusal::ApproverKnown
        | Refusal::NoLongerCleared => StatusCode::FORBIDDEN,
        Refusal::TooLarge | Refusal::Quota => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::NameExists => StatusCode::PRECONDITION_FAILED,
        Refusal::DigestMismatch | Refusal::OtherSide | Refusal::WrongRecipients => StatusCode::BAD_REQUEST,
        Refusal::WrongState
        | Refusal::VotedAlready
        | Refusal::TooFewOthers
        | Refusal::NotEnrolled
        | Refusal::StaleApproval
        | Refusal::KeyReused
        | Refusal::Already(_)
        | Refusal::Unchanged
        | Refusal::WaitsAlready
        | Refusal::HasPasskey
        | Refusal::LastAdministrator
        | Refusal::NoContract
        | Refusal::TooManyLanes
        | Refusal::EntryTooLong => StatusCode::CONFLICT,
    }
}

/// The answer to an error: operators also see fact and remedy. Faults are logged once, with their cause, and say nothing
/// outside.
pub fn response(error: &Error, audience: Audience, reference: Option<String>) -> Response {
    let status = status(error);
    if let Error::Fault(Fault::Unreadable(cause) | Fault::Internal(cause)) = error {
        tracing::error!(%cause, "request failed");
    }
    let code = error.code();
    let detail = match (audience, error) {
        (_, Error::Malformed(malformed)) => Some(malformed.detail.clone()),
        (Audience::Operator, Error::Refused(refusal)) => Some(refusal.operator_text().to_owned()),
        _ => None,
    };
    let problem = Problem {
        kind: format!("/help/problems/{}", code.word()),
        title: code.sentence().to_owned(),
        status: status.as_u16(),
        detail,
        code: code.word().to_owned(),
        fix: code.fix().map(str::to_owned),
        reference,
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lazaret\""));
    }
    response
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        response(&self, Audience::Party, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_never_reads_the_cause_of_a_fault() {
        let response = response(&Error::internal("SELECT secret FROM x"), Audience::Party, None);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_full_disk_is_507_and_a_busy_gate_503() {
        assert_eq!(status(&Error::Fault(Fault::DiskFull)), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(status(&Error::Fault(Fault::Busy)), StatusCode::SERVICE_UNAVAILABLE);
    }
}
