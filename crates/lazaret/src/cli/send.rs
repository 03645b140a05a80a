//! `lazaret send`: files inward as a party, or outward as a person. With `--wait` it stays until there is a decision, says it,
//! and keeps the receipt.
//!
//! A party is told less than insiders know: a word, a sentence, a fix; no rule and no names. That is the rule of the house and
//! holds here too. Only a demo's ready file has the keys of insiders beside the parties'; there the decision is looked at a
//! second time as one of them, and it is said who looks. With a supplier's own token the words are the supplier's.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use lazaret_core::id::Upload as UploadKind;

use super::client::{Client, Upload, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::find::{Account, Site, Unnamed, Where};
use super::out::{self, Paint};
use super::progress::Progress;
use super::{receipt, words};
use crate::api::types::{LaneJson, PartyJson, SentJson, TransferJson, WhoamiJson, from_json};
use crate::clock::new_id;
use crate::config::Surroundings;

/// One question to the gate waits so long for a change.
const ASK_MAX: Duration = Duration::from_secs(15);

/// Send files and see what becomes of them.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The files
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    /// Send outward, to this party
    #[arg(long, value_name = "PARTY")]
    to: Option<String>,
    /// The lane [default: the party's first in this direction]
    #[arg(long, value_name = "LANE")]
    lane: Option<String>,
    /// The path on the lane; for one file [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it is declared to be
    #[arg(long, value_parser = ["file", "software", "message", "device", "consignment", "access"])]
    kind: Option<String>,
    /// Under the same key a repeat makes no second transfer [default: a new one each time]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Stay until it is decided, so long at most
    #[arg(long, value_name = "30m", num_args = 0..=1, require_equals = true, default_missing_value = "30m", value_parser = duration)]
    wait: Option<Duration>,
    /// Where receipts are written [default: the current directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    receipt_dir: Option<PathBuf>,
    /// Print one JSON object a line and file
    #[arg(long)]
    json: bool,
}

impl SendArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// `90`, `90s`, `30m` or `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit_s) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) if text.ends_with('m') => (digits, 60),
        Some(digits) if text.ends_with('h') => (digits, 3_600),
        Some(digits) => (digits, 1),
        None => (text, 1),
    };
    let count: u64 = digits.parse().map_err(|_| format!("{text} is no time; write 90s, 30m or 2h"))?;
    Ok(Duration::from_secs(count.saturating_mul(unit_s)))
}

/// Sends; the end is the worst of the files'.
pub(crate) async fn run(args: SendArgs, around: &Surroundings) -> Result<Exit> {
    if args.name.is_some() && args.files.len() > 1 {
        return Err(Failure::usage("--name names one file, and there are several"));
    }
    let site = args.place.resolve(around, Unnamed::Refused)?;
    let mut sender = Sender {
        client: Client::new(&site)?,
        insider: None,
        lane: String::new(),
        site,
        args,
        paint: Paint::new(around),
    };
    sender.lane = sender.choose_lane().await?;
    sender.insider = sender.find_insider()?;
    let files = sender.args.files.clone();
    let mut ends = Vec::with_capacity(files.len());
    for file in &files {
        match sender.one(file).await {
            Ok(end) => ends.push(end),
            Err(failure) => {
                failure.say(sender.args.json);
                ends.push(failure.exit());
                // The next file would fare no better.
                if matches!(failure.exit(), Exit::Network | Exit::SignIn) {
                    break;
                }
            }
        }
    }
    Ok(Exit::of_several(ends))
}

struct Sender {
    site: Site,
    client: Client,
    /// The same gate as one who is told more, where the ready file has such a key.
    insider: Option<(String, Client)>,
    lane: String,
    args: SendArgs,
    paint: Paint,
}

impl Sender {
    async fn one(&mut self, file: &Path) -> Result<Exit> {
        let sent = self.upload(file).await.map_err(|failure| failure.of_file(file))?;
        let reference = sent.reference.clone();
        let Some(wait) = self.args.wait else {
            // Received and durable; nothing is decided yet, so there is nothing more to tell.
            if self.args.json {
                out::print_json(&line(file, sent, None))?;
            } else {
                out::print(&format!(
                    "  {reference}  received, {}, from {}\n",
                    out::size_text(sent.bytes),
                    path_text(file)
                ))?;
            }
            return Ok(Exit::Done);
        };
        let decided = self.decided(sent, wait).await.map_err(|failure| failure.of_file(file))?;
        let exit = Exit::of_state(words::stage_of(&decided.state));
        let told = self.told(decided).await;
        let receipt = self.keep_receipt(&reference).await;
        if self.args.json {
            let kept = receipt.as_ref().ok().map(|path| path.display().to_string());
            out::print_json(&line(file, told, kept))?;
        } else {
            if self.args.files.len() > 1 {
                out::print(&format!("  {}\n", path_text(file)))?;
            }
            out::print(&format!("{}\n", words::banner(self.paint, &told, self.client.server())))?;
        }
        match receipt {
            Ok(path) => out::say(&format!("  receipt: {}", path.display())),
            Err(failure) => failure.of_file(file).say(false),
        }
        Ok(exit)
    }

    async fn upload(&mut self, file: &Path) -> Result<TransferJson> {
        let size = std::fs::metadata(file).map_err(|error| Failure::file("read", file, &error))?.len();
        let name = match &self.args.name {
            Some(name) => name.clone(),
            None => file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .ok_or_else(|| Failure::usage(format!("{} has no name to send it under", file.display())))?,
        };
        let path: Vec<String> = name.split('/').map(segment).collect();
        let key = self.args.key.clone().unwrap_or_else(|| new_id::<UploadKind>().to_string());
        let upload = Upload {
            path: format!("/api/v1/in/{}/{}", segment(&self.lane), path.join("/")),
            file,
            key: &key,
            kind: self.args.kind.as_deref(),
        };
        let progress = Progress::of_bytes(&name, size);
        let answer = self.client.put(&upload, &progress).await;
        progress.finish();
        read(&answer?.body)
    }

    /// Where it stands once nothing but people, or nothing at all, moves it; or where it stands when the wait is over.
    async fn decided(&mut self, mut seen: TransferJson, wait: Duration) -> Result<TransferJson> {
        let (begun, reference) = (Instant::now(), seen.reference.clone());
        let progress = Progress::of_waiting(&format!("{reference} {}", seen.state));
        let mut said = String::new();
        loop {
            if seen.state != said {
                said.clone_from(&seen.state);
                progress.say(&format!("{reference} {said}"));
                if !out::is_watched() {
                    out::say(&format!("{reference} {said}"));
                }
            }
            let left = wait.saturating_sub(begun.elapsed());
            if words::is_decided(words::stage_of(&seen.state)) || left.is_zero() {
                progress.finish();
                return Ok(seen);
            }
            let ask = left.min(ASK_MAX).max(Duration::from_secs(1));
            let answer = self.client.get_waiting(&format!("/api/v1/transfers/{reference}"), Some(ask)).await?;
            seen = read(&answer.body)?;
        }
    }

    /// The transfer as one who is told more sees it; as its sender does where nobody else can be asked.
    async fn told(&mut self, seen: TransferJson) -> TransferJson {
        let Some((name, insider)) = &mut self.insider else { return seen };
        let asked = insider.get(&format!("/api/v1/transfers/{}", seen.reference)).await;
        match asked.and_then(|answer| read(&answer.body)) {
            Ok(more) => {
                let read = party_text(&seen);
                out::say(&format!("  as {name} of the hospital sees it; {} reads \"{read}\"", self.site.name));
                more
            }
            Err(_) => seen,
        }
    }

    async fn keep_receipt(&mut self, reference: &str) -> Result<PathBuf> {
        let bytes = receipt::when_signed(&mut self.client, reference).await?;
        let name = format!("{reference}.receipt");
        let path = self.args.receipt_dir.as_ref().map_or_else(|| PathBuf::from(&name), |dir| dir.join(&name));
        receipt::write_whole(&path, &bytes)?;
        Ok(path)
    }

    /// The lane that was named, else the party's first in this direction.
    async fn choose_lane(&mut self) -> Result<String> {
        if let Some(lane) = &self.args.lane {
            return Ok(lane.clone());
        }
        let (party, direction) = match &self.args.to {
            Some(party) => (party.clone(), "out"),
            None if self.site.account == Some(Account::Person) => {
                return Err(Failure::usage(format!(
                    "{} is a person of the hospital and sends outward",
                    self.site.name
                ))
                .hint("--to PARTY, or --as PARTY to send inward"));
            }
            None => (self.own_party().await?, "in"),
        };
        let known = self.site.lanes_of(&party).map(<[LaneJson]>::to_vec);
        let lanes = match known {
            Some(lanes) => lanes,
            None => {
                let answer = self.client.get(&format!("/api/v1/parties/{}", segment(&party))).await?;
                from_json::<PartyJson>(&answer.body).map_err(garbled)?.lanes
            }
        };
        let first = lanes.into_iter().find(|lane| lane.direction == direction);
        first.map(|lane| lane.name).ok_or_else(|| {
            Failure::usage(format!("{party} has no lane {direction}")).hint("--lane LANE, or an agreement with one")
        })
    }

    async fn own_party(&mut self) -> Result<String> {
        if self.site.account == Some(Account::Party) {
            return Ok(self.site.name.clone());
        }
        let answer = self.client.get("/api/v1/whoami").await?;
        from_json::<WhoamiJson>(&answer.body).map_err(garbled)?.party.ok_or_else(|| {
            Failure::usage("the token speaks for a person of the hospital, who sends outward").hint("--to PARTY")
        })
    }

    fn find_insider(&self) -> Result<Option<(String, Client)>> {
        if self.site.account != Some(Account::Party) {
            return Ok(None);
        }
        self.site.insider().map(|site| Ok((site.name.clone(), Client::new(&site)?))).transpose()
    }
}

fn party_text(seen: &TransferJson) -> String {
    let text = seen.text.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{}{text}", seen.state)
}

fn path_text(file: &Path) -> String {
    out::shown(&file.display().to_string())
}

fn line(file: &Path, transfer: TransferJson, receipt_file: Option<String>) -> SentJson {
    SentJson {
        file: file.display().to_string(),
        state: words::stage_of(&transfer.state).to_owned(),
        reference: transfer.reference,
        id: transfer.id,
        because: transfer.because,
        would_release: transfer.would_release,
        who: transfer.who,
        receipt_file,
    }
}

fn read(body: &[u8]) -> Result<TransferJson> {
    from_json(body).map_err(garbled)
}

/// An answer that is not what the API promises.
pub(crate) fn garbled(why: String) -> Failure {
    Failure::error("the gate's answer cannot be read").because(why).hint("use the release that the gate runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Json as _;

    #[test]
    fn a_wait_is_written_in_seconds_minutes_or_hours() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("30m", 1_800), ("2h", 7_200), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "m", "1d", "-1s", "1.5h", "1 m"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_of_send_has_exactly_the_promised_keys() {
        let transfer = TransferJson { state: "reviewing".into(), ..TransferJson::default() };
        let object: serde_json::Value =
            serde_json::from_str(&line(Path::new("a.txt"), transfer, None).to_json().unwrap()).unwrap();
        let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["because", "file", "id", "receipt_file", "reference", "state", "who", "would_release"]);
        assert_eq!(object["state"], "held", "a stage, not the sender's word");
    }
}
