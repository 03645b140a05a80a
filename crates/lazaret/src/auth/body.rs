//! The body of a request that brings no object: here in whole within a time, or given up. Objects have a pace of their own
//! (`intake::pace`).

use std::future::Future;
use std::time::Duration;

use lazaret_core::refusal::PartyCode;

use crate::error::{Error, Result};

/// What is asked is here in whole within this time: whoever holds back the last byte of it does not hold a place for hours.
pub const BODY_MAX: Duration = Duration::from_secs(30);

/// Waits for a body, for so long at most.
///
/// # Errors
/// It is not here in whole by then.
pub async fn in_time<T>(limit: Duration, body: impl Future<Output = T>) -> Result<T> {
    let late = |_| {
        let detail = format!("the request was not here in whole after {} seconds", limit.as_secs());
        Error::malformed(PartyCode::TooSlow, detail)
    };
    tokio::time::timeout(limit, body).await.map_err(late)
}
