//! Whether the gate lives, whether it can do its work, and what it counts.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazaret_core::transfer::Stage;

use super::json;
use super::types::{PartJson, ReadyzJson};
use crate::error::Result;
use crate::gate::Gate;

/// Entries that may wait for a signature before health says so: five seconds of a busy gate.
const UNSIGNED_MAX: u64 = 10_000;

/// `/healthz` and `/readyz` for everybody, without sign-in: yes or no, and not a word of what is wrong.
pub fn router() -> Router<Arc<Gate>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz))
}

/// The same for the `admin` listener, with what is wrong and what to do.
pub fn admin_router() -> Router<Arc<Gate>> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz_because))
}

async fn readyz(State(gate): State<Arc<Gate>>) -> Result<Response> {
    let (ready, _) = readiness(&gate)?;
    Ok(answer(&ReadyzJson { ready, because: None }))
}

async fn readyz_because(State(gate): State<Arc<Gate>>) -> Result<Response> {
    let (ready, parts) = readiness(&gate)?;
    Ok(answer(&ReadyzJson { ready, because: Some(parts) }))
}

fn readiness(gate: &Gate) -> Result<(bool, Vec<PartJson>)> {
    let parts = parts(gate)?;
    let ready = parts.iter().all(|(severity, _)| *severity == Severity::Degraded);
    Ok((ready, parts.into_iter().map(|(_, part)| part).collect()))
}

fn answer(readyz: &ReadyzJson) -> Response {
    let mut response = json(readyz);
    if !readyz.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// How much a part that is not as it should be hinders the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, with less.
    Degraded,
    /// It does not take or release.
    Down,
}

/// Every part that is not as it should be, the worst first.
///
/// # Errors
/// The store or the disk cannot be asked at all.
pub fn parts(gate: &Gate) -> Result<Vec<(Severity, PartJson)>> {
    let part = |part: &str, state: &str, fix: &str| PartJson {
        part: part.to_owned(),
        state: state.to_owned(),
        fix: fix.to_owned(),
    };
    let mut parts = Vec::new();
    if let Some(why) = gate.log.fenced() {
        parts.push((Severity::Down, part("ledger", why, "put the newest backup back; until then nothing is recorded")));
    }
    let committed = gate.read(|view, _| view.head())?.map_or(0, |head| head.size);
    if committed.saturating_sub(gate.log.size()) > UNSIGNED_MAX {
        parts.push((Severity::Degraded, part("ledger", "signing lags", "look for disk errors in the log")));
    }
    let (free, total) = gate.vault.disk_bytes()?;
    if free < gate.config.limits.free_bytes_min.min(total / 20) {
        parts.push((Severity::Down, part("disk", "full", "make room: intake has stopped, the ledger goes on")));
    }
    let walls = gate.station.confinement();
    if walls.degraded() {
        let state = "workers have fewer walls than they could";
        parts.push((Severity::Degraded, part("inspection", state, "allow Landlock and user namespaces in the kernel")));
    }
    if !gate.vault.counts().agree() {
        parts.push((
            Severity::Down,
            part("vault", "keys were opened without a reason", "stop the gate and call security"),
        ));
    }
    if gate.read(|view, _| view.is_being_founded())? {
        let state = "still being founded: one administrator can make approvers";
        let fix = "give roles until there are two others to ask: one of security and another administrator, or two of security";
        parts.push((Severity::Degraded, part("people", state, fix)));
    }
    parts.sort_by_key(|(severity, _)| Reverse(*severity));
    Ok(parts)
}

/// `/metrics` in the Prometheus text format; never by party or person.
pub async fn metrics(State(gate): State<Arc<Gate>>) -> Result<Response> {
    let text = metrics_text(&gate)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn metrics_text(gate: &Gate) -> Result<String> {
    let at = gate.clock.now();
    let stages = gate.read(|view, _| view.counts(lazaret_core::time::Timestamp::from_millis(0)))?.stages;
    let oldest = gate.read(|view, _| view.oldest_in_stage(Stage::Held))?;
    let committed = gate.read(|view, _| view.head())?.map_or(0, |head| head.size);
    let (free, _) = gate.vault.disk_bytes()?;
    let count = |stage| stages.iter().find(|(known, _)| *known == stage).map_or(0, |(_, count)| *count);
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| {
        // Writing into memory cannot fail.
        let _ = writeln!(out, "# HELP lazaret_{name} {help}\n# TYPE lazaret_{name} gauge\nlazaret_{name} {value}");
    };
    gauge("not_checked", "Transfers held because an inspector gave no plain answer", count(Stage::NotChecked));
    let waiting = oldest.map_or(0, |since| at.millis_since(since) / 1_000);
    gauge("held_oldest_seconds", "Age of the longest-held transfer", waiting);
    gauge("ledger_entries", "Entries committed", committed);
    gauge("ledger_unsigned_entries", "Entries committed and not yet signed", committed.saturating_sub(gate.log.size()));
    gauge("disk_free_bytes", "Free bytes where objects lie", free);
    let metrics = &gate.metrics;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    gauge("requests_total", "HTTP requests", read(&metrics.requests));
    gauge("sign_in_failures_total", "Failed sign-ins, all channels", read(&metrics.sign_in_failures));
    let _ = writeln!(out, "# HELP lazaret_transfers Transfers by stage\n# TYPE lazaret_transfers gauge");
    for (stage, count) in &stages {
        let _ = writeln!(out, "lazaret_transfers{{stage=\"{}\"}} {count}", stage.word());
    }
    Ok(out)
}
