//! Every operation of the API, asked by every account of the demo and by nobody: the status that each of them gets, against a
//! table that people read (`roles.txt`). An operation without a row in it fails.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::gate::{TestGate, wait_for};

/// A Linux program's first bytes: held, since nobody signed it.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const BASELINE: &str = include_str!("../../../lazaret-core/policies/baseline.cedar");
/// Set to `write`, the numbers of the table are made anew; what is asked stays as it stands there.
const GOLDEN: &str = "GOLDEN";

/// One line of the table: an operation, one way to ask for it, and what comes of that.
struct Row {
    operation: String,
    path: String,
    body: String,
    answers: Vec<u16>,
}

struct Table {
    comments: String,
    accounts: Vec<String>,
    rows: Vec<Row>,
}

fn table_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/roles.txt")
}

impl Table {
    fn read() -> Table {
        let text = std::fs::read_to_string(table_path()).unwrap();
        let mut table = Table { comments: String::new(), accounts: Vec::new(), rows: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with('#') {
                table.comments += &format!("{line}\n");
                continue;
            }
            // A row that was never asked ends with its last bar.
            let line = format!("{line} ");
            let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [operation, path, body, answers] = columns[..] else { panic!("four columns are expected: {line}") };
            if operation == "operation" {
                table.accounts = answers.split_whitespace().map(str::to_owned).collect();
                continue;
            }
            let answers = answers.split_whitespace().map(|status| status.parse().unwrap()).collect();
            table.rows.push(Row { operation: operation.into(), path: path.into(), body: body.into(), answers });
        }
        table
    }

    fn write(&self) {
        let width = |of: fn(&Row) -> &String| self.rows.iter().map(|row| of(row).len()).max().unwrap_or(0);
        let (first, second, third) = (width(|row| &row.operation), width(|row| &row.path), width(|row| &row.body));
        let mut text = format!("{}\n", self.comments);
        let mut line = |operation: &str, path: &str, body: &str, answers: &[String]| {
            let answers: Vec<String> = answers
                .iter()
                .zip(&self.accounts)
                .map(|(answer, account)| format!("{answer:width$}", width = account.len().max(3)))
                .collect();
            let answers = answers.join(" ");
            writeln!(text, "{operation:first$} | {path:second$} | {body:third$} | {}", answers.trim_end()).unwrap();
        };
        line("operation", "asked as", "with", &self.accounts);
        for row in &self.rows {
            let answers: Vec<String> = row.answers.iter().map(u16::to_string).collect();
            line(&row.operation, &row.path, &row.body, &answers);
        }
        std::fs::write(table_path(), text).unwrap();
    }
}

/// What the requests of the table speak of.
struct Subjects<'g> {
    gate: &'g TestGate,
    /// Collected, and long at rest: its receipt is signed.
    released: String,
    /// The request to lift an isolation, with what a vote on it binds.
    lift: Value,
    /// What was made for one request alone.
    made: u32,
}

impl Subjects<'_> {
    fn new(gate: &TestGate) -> Subjects<'_> {
        let sent = gate.put("acme", "acme-in/released.txt", b"twelve infusion sets\n").json();
        let released = sent["reference"].as_str().unwrap().to_owned();
        let get = |path: &str| gate.request("ben", "GET", path).send().status == 200;
        wait_for("the key to move", || get(&format!("/api/v1/out/acme-in/{released}")).then_some(()));
        wait_for("the receipt", || get(&format!("/api/v1/transfers/{released}/receipt")).then_some(()));
        assert_eq!(gate.request("ana", "POST", "/api/v1/parties/cloudhost/isolation").send().status, 200);
        let lift = gate.request("claire", "POST", "/api/v1/parties/cloudhost/isolation/lift").send().json();
        Subjects { gate, released, lift, made: 0 }
    }

    /// A request's text with its subjects in their places. `<held>` and `<token>` are made for this request.
    fn fill(&mut self, text: &str) -> String {
        self.made += 1;
        let mut text = text.replace("<n>", &self.made.to_string()).replace("<released>", &self.released);
        text = text.replace("<lift>", self.lift["id"].as_str().unwrap());
        text = text.replace("<lift-binding>", self.lift["binding"].as_str().unwrap());
        if text.contains("<held>") {
            let sent = self.gate.put("acme", &format!("acme-in/held-{}.bin", self.made), PROGRAM).json();
            text = text.replace("<held>", sent["reference"].as_str().unwrap());
        }
        if text.contains("<token>") {
            let made = self.gate.request("acme", "POST", "/api/v1/tokens").body("{\"days\": 1}").send().json();
            text = text.replace("<token>", made["id"].as_str().unwrap());
        }
        text
    }

    /// What a vote on the transfer that a path names has to bind.
    fn binding(&self, path: &str) -> String {
        let reference = path.split('/').find(|part| part.starts_with("LZ-")).unwrap();
        let shown = self.gate.get("ana", &format!("/api/v1/transfers/{reference}"));
        shown["binding"].as_str().unwrap().to_owned()
    }

    fn ask(&mut self, account: &str, row: &Row) -> u16 {
        let method = row.operation.split_whitespace().next().unwrap();
        let path = self.fill(&row.path);
        let account = if account == "nobody" { "" } else { account };
        let request = self.gate.request(account, method, &path);
        let file = self.gate.file("body.txt", format!("{account} asks for {path}\n").as_bytes());
        let request = match row.body.as_str() {
            "-" => request,
            "file" => request.upload(&file),
            "form" => request.option(&["--form", &format!("files=@{}", file.display())]),
            "rules" => {
                let rules = self.gate.file("rules.cedar", BASELINE.as_bytes());
                request.option(&["--data-binary", &format!("@{}", rules.display())])
            }
            "ballot" => {
                let binding = self.binding(&path);
                request.body(&json!({"vote": "approve", "binding": binding, "reason": "seen"}).to_string())
            }
            body => request.body(&self.fill(body)),
        };
        request.send().status
    }
}

/// Every operation that the served description names, as the table spells them.
fn described(gate: &TestGate) -> BTreeSet<String> {
    let document = gate.request("", "GET", "/api/v1/openapi.json").send().json();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[expect(clippy::disallowed_methods, reason = "the test is no product code, and this is its only setting")]
fn is_to_be_written() -> bool {
    std::env::var(GOLDEN).is_ok_and(|wish| wish == "write")
}

// EVIDENCE-OF: R-313
#[test]
fn every_operation_gives_every_account_the_answer_of_the_table() {
    let gate = TestGate::start();
    let mut table = Table::read();
    let listed: BTreeSet<String> = table.rows.iter().map(|row| row.operation.clone()).collect();
    let described = described(&gate);
    let missing: Vec<_> = described.difference(&listed).collect();
    assert!(missing.is_empty(), "add a row for each of these to {}: {missing:#?}", table_path().display());
    let stale: Vec<_> = listed.difference(&described).collect();
    assert!(stale.is_empty(), "no such operation any more: {stale:#?}");
    let known = ["people", "parties"].map(|kind| gate.ready[kind].as_array().unwrap().clone()).concat();
    let mut known: BTreeSet<String> = known.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    known.insert("nobody".to_owned());
    assert_eq!(table.accounts.iter().cloned().collect::<BTreeSet<String>>(), known, "everybody has a column");

    let mut subjects = Subjects::new(&gate);
    let mut wrong = String::new();
    let accounts = table.accounts.clone();
    for row in &mut table.rows {
        let got: Vec<u16> = accounts.iter().map(|account| subjects.ask(account, row)).collect();
        for ((account, got), expected) in accounts.iter().zip(&got).zip(&row.answers) {
            if got != expected {
                writeln!(wrong, "{} as {} by {account}: {got}, not {expected}", row.operation, row.path).unwrap();
            }
        }
        if got.len() != row.answers.len() {
            writeln!(wrong, "{} as {}: one answer for each account", row.operation, row.path).unwrap();
        }
        row.answers = got;
    }
    if is_to_be_written() {
        table.write();
        return;
    }
    assert!(
        wrong.is_empty(),
        "if this is meant: {GOLDEN}=write cargo nextest run -p lazaret --test it of_the_table\n{wrong}"
    );
}

#[test]
fn a_body_with_a_field_that_nobody_knows_is_refused_even_where_the_rest_would_do() {
    let gate = TestGate::start();
    let table = Table::read();
    let mut subjects = Subjects::new(&gate);
    let mut asked = 0;
    for row in &table.rows {
        let mut body = match row.body.as_str() {
            "ballot" => json!({"vote": "approve", "binding": "0".repeat(64), "reason": "seen"}),
            text if text.starts_with('{') => serde_json::from_str(text).unwrap(),
            _ => continue,
        };
        let allowed = table.accounts.iter().zip(&row.answers).find(|(_, answer)| **answer < 300);
        let Some((account, _)) = allowed else { continue };
        body["unknown"] = json!(1);
        let row =
            Row { body: body.to_string(), operation: row.operation.clone(), path: row.path.clone(), answers: vec![] };
        assert_eq!(subjects.ask(account, &row), 400, "{} as {} by {account}", row.operation, row.path);
        asked += 1;
    }
    assert!(asked > 8, "only {asked} operations take a body");
}
