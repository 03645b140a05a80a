//! The one table, and the same as JSON.

use std::fs;
use std::io::{self, Write};

use serde::Serialize;

use crate::Result;
use crate::measure::{Control, Run};
use crate::plan::Plan;
use crate::work::Work;

/// Controls further apart than this make a run noisy.
const NOISE_MAX: f64 = 1.25;

/// One comparison, or one figure without a peer.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    lazaret: Option<f64>,
    peer: Option<f64>,
    peer_is: String,
    /// Lazaret's speed as a part of the peer's: more is better.
    ratio: Option<f64>,
    lazaret_cpu_s: Option<f64>,
    /// Without the workers that inspect.
    gate_cpu_s: Option<f64>,
    peer_cpu_s: Option<f64>,
    /// What the ratio must reach; nothing where none is promised.
    goal: Option<f64>,
    note: String,
}

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: String,
    load_before: f64,
    controls: Vec<(f64, f64)>,
    rows: Vec<Row>,
}

/// A comparison as it is reported.
pub struct Compared<'a> {
    /// What was done.
    pub what: &'a str,
    /// The peer.
    pub peer: &'a str,
    /// How much was done in one run, and of what.
    pub amount: (f64, &'static str),
    /// What the ratio must reach.
    pub goal: Option<f64>,
    /// What a reader must know.
    pub note: &'a str,
}

impl Report {
    /// Looks at the machine before anything runs.
    pub fn begin(plan: &Plan) -> Result<Report> {
        let load = fs::read_to_string("/proc/loadavg")?;
        let load_before = load.split_ascii_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        let model = model.trim_start_matches([':', ' ', '\t']);
        let report =
            Report { machine: format!("{cpus} × {model}"), load_before, controls: Vec::new(), rows: Vec::new() };
        report.say(&format!("{}; load {load_before}; everything in {}", report.machine, plan.dir.display()))?;
        Ok(report)
    }

    /// Notes what the machine itself does now.
    pub fn control(&mut self, work: &Work) -> Result<()> {
        let Control { loop_s, fsync_s } = Control::take(work)?;
        self.controls.push((loop_s, fsync_s));
        self.say(&format!("   control: loop {:.0} ms, fsync {:.2} ms", loop_s * 1e3, fsync_s * 1e3))
    }

    /// A comparison of two sides.
    pub fn compared(&mut self, compared: &Compared<'_>, [ours, theirs]: [Run; 2]) -> Result<()> {
        let (amount, unit) = compared.amount;
        self.add(Row {
            what: compared.what.to_owned(),
            unit,
            lazaret: Some(amount / ours.wall_s),
            peer: Some(amount / theirs.wall_s),
            peer_is: compared.peer.to_owned(),
            ratio: Some(theirs.wall_s / ours.wall_s),
            lazaret_cpu_s: Some(ours.server_cpu_s),
            gate_cpu_s: Some(ours.own_cpu_s),
            peer_cpu_s: Some(theirs.server_cpu_s),
            goal: compared.goal,
            note: compared.note.to_owned(),
        })
    }

    /// A figure of ours alone.
    pub fn figure(&mut self, what: &str, value: f64, unit: &'static str, note: &str) -> Result<()> {
        self.add(Row {
            what: what.to_owned(),
            unit,
            lazaret: Some(value),
            peer: None,
            peer_is: String::new(),
            ratio: None,
            lazaret_cpu_s: None,
            gate_cpu_s: None,
            peer_cpu_s: None,
            goal: None,
            note: note.to_owned(),
        })
    }

    /// Something that could not be measured, and why.
    pub fn skip(&mut self, what: &str, why: &str) -> Result<()> {
        self.add(Row {
            what: what.to_owned(),
            unit: "",
            lazaret: None,
            peer: None,
            peer_is: String::new(),
            ratio: None,
            lazaret_cpu_s: None,
            gate_cpu_s: None,
            peer_cpu_s: None,
            goal: None,
            note: format!("NOT MEASURED: {why}"),
        })
    }

    fn add(&mut self, row: Row) -> Result<()> {
        self.say(&format!("   {}", line(&row)))?;
        self.rows.push(row);
        Ok(())
    }

    /// Prints the table and writes the results.
    pub fn finish(self, plan: &Plan) -> Result<()> {
        self.say("")?;
        self.say(&heading())?;
        self.rows.iter().try_for_each(|row| self.say(&line(row)))?;
        self.say("")?;
        self.say(&self.noise())?;
        fs::write(&plan.json, serde_json::to_vec_pretty(&self)?)?;
        self.say(&format!("as JSON: {}", plan.json.display()))
    }

    /// Whether the machine kept still.
    fn noise(&self) -> String {
        let spread = |values: Vec<f64>| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(0.0, f64::max);
            high / low
        };
        let loops = spread(self.controls.iter().map(|control| control.0).collect());
        let fsyncs = spread(self.controls.iter().map(|control| control.1).collect());
        let quiet = loops < NOISE_MAX && fsyncs < NOISE_MAX * NOISE_MAX && self.load_before < 0.5;
        let word = if quiet { "The machine was quiet" } else { "THE MACHINE WAS NOISY: ratios mean more than figures" };
        format!(
            "{word}: the same loop took up to {loops:.2} times as long, the same fsync {fsyncs:.2} times; load before {}.",
            self.load_before
        )
    }

    fn say(&self, line: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }
}

fn heading() -> String {
    format!(
        "{:44} {:>10} {:>10} {:10} {:>7} {:>6} {:>9} {:>9} {:>9}  {}",
        "what", "Lazaret", "peer", "unit", "ratio", "goal", "our CPU s", "gate's", "peer's", "peer; note"
    )
}

fn line(row: &Row) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or(String::new(), |value| format!("{value:.digits$}"));
    let digits = |value: Option<f64>| if value.is_some_and(|value| value < 10.0) { 2 } else { 0 };
    let text = [row.peer_is.as_str(), row.note.as_str()].into_iter().filter(|text| !text.is_empty());
    format!(
        "{:44} {:>10} {:>10} {:10} {:>7} {:>6} {:>9} {:>9} {:>9}  {}",
        row.what,
        number(row.lazaret, digits(row.lazaret)),
        number(row.peer, digits(row.peer)),
        row.unit,
        number(row.ratio, 2),
        number(row.goal, 2),
        number(row.lazaret_cpu_s, 2),
        number(row.gate_cpu_s, 2),
        number(row.peer_cpu_s, 2),
        text.collect::<Vec<_>>().join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_means_that_ours_is_faster() {
        let mut report = Report { machine: String::new(), load_before: 0.0, controls: Vec::new(), rows: Vec::new() };
        let run = |wall_s| Run { wall_s, server_cpu_s: 0.0, own_cpu_s: 0.0 };
        let compared = Compared { what: "x", peer: "y", amount: (10.0, "MiB/s"), goal: Some(1.0), note: "" };
        report.compared(&compared, [run(1.0), run(2.0)]).unwrap();
        assert!((report.rows[0].ratio.unwrap() - 2.0).abs() < 1e-9);
        assert!(line(&report.rows[0]).contains("2.00"));
    }

    #[test]
    fn a_loop_that_took_twice_as_long_is_noise() {
        let report = |controls| Report { machine: String::new(), load_before: 0.1, controls, rows: Vec::new() };
        assert!(report(vec![(0.1, 0.001), (0.11, 0.0011)]).noise().starts_with("The machine was quiet"));
        assert!(report(vec![(0.1, 0.001), (0.2, 0.001)]).noise().starts_with("THE MACHINE WAS NOISY"));
    }
}
