//! Who is told what: recipients before a release, outsiders about others, isolated parties, clinicians, strangers.

use serde_json::{Value, json};

use crate::gate::{Answer, TestGate, wait_for};
use crate::passkey::Visitor;

/// A message that names a patient.
const ADMISSION: &str = "MSH|^~\\&|A|B|C|D|20261101093000||ADT^A01|M1|T|2.5\rPID|1||100200^^^H^MR||Muster^Maxima||19700101|F|||12 Sample Street^^Town\r";
/// A Linux program's first bytes: held, since nobody signed it.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn reference(answer: &Answer) -> String {
    answer.json()["reference"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

fn items(gate: &TestGate, name: &str, path: &str) -> Vec<Value> {
    gate.get(name, path)["items"].as_array().unwrap().clone()
}

fn agree(gate: &TestGate, name: &str, party: &str) -> u16 {
    let body = json!({"kind": "baa", "days": 365}).to_string();
    gate.request(name, "POST", &format!("/api/v1/parties/{party}/agreements")).body(&body).send().status
}

fn state(gate: &TestGate, reference: &str) -> String {
    gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"].as_str().unwrap().to_owned()
}

/// A session of the console, by the demo's button: the line that shows it.
fn session(gate: &TestGate, person: &str) -> String {
    let origin = format!("Origin: {}", gate.https());
    let request = gate.request("", "POST", "/sign-in").header(&origin);
    let answer = request.option(&["--data-urlencode", &format!("demo={person}")]).send();
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    format!("Cookie: {cookie}")
}

fn page(gate: &TestGate, session: &str, path: &str) -> Answer {
    gate.request("", "GET", path).header(session).header("Sec-Fetch-Site: none").send()
}

#[test]
fn a_recipient_knows_of_nothing_before_its_release_and_takes_nothing_back() {
    let gate = TestGate::start();
    let held = reference(&gate.put("tom", "lab-out/adt.hl7", ADMISSION.as_bytes()));
    let path = format!("/api/v1/transfers/{held}");
    assert_eq!(items(&gate, "labco", "/api/v1/transfers"), [Value::Null; 0]);
    for path in [path.clone(), format!("{path}/receipt")] {
        assert_eq!(gate.request("labco", "GET", &path).send().status, 404, "{path}");
    }
    let withdraw = format!("{path}/withdraw");
    assert_eq!(gate.request("labco", "POST", &withdraw).send().status, 404);
    assert_eq!(state(&gate, &held), "held");

    assert_eq!(agree(&gate, "claire", "labco"), 200);
    wait_for("the release", || (state(&gate, &held) == "released").then_some(()));
    assert_eq!(gate.get("labco", &path)["state"], "accepted");
    assert_eq!(items(&gate, "labco", "/api/v1/transfers").len(), 1);
    assert_eq!(gate.request("labco", "POST", &withdraw).send().status, 403, "it is not theirs to take back");

    let own = reference(&gate.put("acme", "acme-in/pump.bin", PROGRAM));
    let withdraw = format!("/api/v1/transfers/{own}/withdraw");
    assert_eq!(gate.request("lena", "POST", &withdraw).send().status, 200, "whoever is of the party that sent it");
}

// EVIDENCE-OF: R-418
#[test]
fn an_outsider_learns_nothing_of_other_parties_names_lanes_and_state() {
    let gate = TestGate::start();
    assert_eq!(gate.put("medlog", "medlog-in/despatch-7.csv", b"one,two\n").status, 201);
    let answers = |lane: &str| {
        let file = gate.file("body", b"x");
        let put = |name: &str| {
            let request = gate.request("acme", "PUT", &format!("/api/v1/in/{lane}/{name}"));
            let answer = request.header("If-None-Match: *").upload(&file).send();
            (answer.status, String::from_utf8(answer.body).unwrap())
        };
        (put("despatch-7.csv"), put("nothing.csv"))
    };
    let unknown = answers("no-such-lane");
    assert_eq!((unknown.0.0, &unknown.0), (403, &unknown.1));
    assert!(unknown.0.1.contains("lane-closed"), "{}", unknown.0.1);
    let same = |what: &str| {
        for lane in ["medlog-in", "lab-out", "acme-out"] {
            assert_eq!(answers(lane), unknown, "{lane}, {what}");
        }
    };
    same("open");
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/medlog/isolation").send().status, 200);
    same("medlog isolated");

    for path in ["isolation", "isolation?dry_run=true", "isolation/lift", "agreements"] {
        let ask = |party: &str| {
            let answer = gate.request("acme", "POST", &format!("/api/v1/parties/{party}/{path}")).body("{}").send();
            (answer.status, answer.body)
        };
        let (known, unknown) = (ask("medlog"), ask("nobody"));
        assert_eq!(known.0, 403, "{path}");
        assert_eq!(known, unknown, "{path}");
        assert_eq!(known, ask("imagingco"), "{path}");
    }
    let filtered = |party: &str| gate.request("acme", "GET", &format!("/api/v1/transfers?party={party}")).send();
    assert_eq!((filtered("ana").status, filtered("nobody").status, filtered("acme").status), (400, 400, 400));
    let filtered = |party: &str| gate.request("dan", "GET", &format!("/api/v1/transfers?party={party}")).send();
    assert_eq!((filtered("ana").status, filtered("nobody").status, filtered("acme").status), (400, 400, 200));
}

// EVIDENCE-OF: R-404
#[test]
fn isolation_ends_what_tokens_open_for_a_party_and_its_people() {
    let gate = TestGate::start();
    let session = session(&gate, "lena");
    assert_eq!(page(&gate, &session, "/portal").status, 200);
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    for name in ["acme", "lena"] {
        for path in ["whoami", "transfers", "receipts", "tokens", "out/acme-out"] {
            let answer = gate.request(name, "GET", &format!("/api/v1/{path}")).send();
            assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("lane-closed")), "{name} {path}");
        }
        let made = gate.request(name, "POST", "/api/v1/tokens").body("{\"days\": 1}").send();
        assert_eq!(made.status, 403, "{}", made.text());
    }
    assert_eq!(page(&gate, &session, "/portal").status, 303, "the session is over");
    assert_eq!(gate.request("medlog", "GET", "/api/v1/whoami").send().status, 200);
}

#[test]
fn what_is_no_clear_word_isolates_nobody() {
    let gate = TestGate::start();
    for query in
        ["dry_run=1", "dry_run=True", "dry_run=", "dry_run", "dryrun=true", "dry_run=true&dry_run=false", "x=y"]
    {
        let answer = gate.request("ana", "POST", &format!("/api/v1/parties/acme/isolation?{query}")).send();
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    let plan = gate.request("ben", "POST", "/api/v1/parties/acme/isolation?dry_run=true").send();
    assert_eq!((plan.status, plan.json()["isolated"].as_bool()), (200, Some(false)), "{}", plan.text());
    assert_eq!(gate.get("ana", "/api/v1/parties/acme")["isolated"], false);
    assert_eq!(gate.request("ben", "POST", "/api/v1/parties/acme/isolation?dry_run=false").send().status, 403);
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation?dry_run=false").send().status, 200);
    assert_eq!(gate.get("ana", "/api/v1/parties/acme")["isolated"], true);
}

#[test]
fn what_only_an_auditor_reads_lies_in_no_cache() {
    let gate = TestGate::start_with("ledger.public_entries = false\n", &[]);
    let size = wait_for("a checkpoint", || {
        let checkpoint = gate.request("", "GET", "/log/checkpoint").send();
        let text = String::from_utf8_lossy(&checkpoint.body).into_owned();
        text.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).filter(|size| (1..256).contains(size))
    });
    let path = format!("/log/tile/entries/000.p/{size}");
    assert_eq!(gate.request("", "GET", &path).send().status, 401);
    assert_eq!(gate.request("ana", "GET", &path).send().status, 403);
    let read = gate.request("claire", "GET", &path).send();
    assert_eq!((read.status, read.header("cache-control")), (200, "private, no-store"), "{}", read.text());
    let tile = gate.request("", "GET", &format!("/log/tile/0/000.p/{size}")).send();
    assert_eq!((tile.status, tile.header("cache-control")), (200, "public, max-age=31536000, immutable"));
}

#[test]
fn nobody_opens_the_way_for_patient_data_of_their_own() {
    let gate = TestGate::start();
    let held = reference(&gate.put("sam", "lab-out/own.hl7", ADMISSION.as_bytes()));
    let other = reference(&gate.put("tom", "lab-out/other.hl7", ADMISSION.as_bytes()));
    let bad = json!({"kind": "baa", "days": 0}).to_string();
    let bad = gate.request("sam", "POST", "/api/v1/parties/labco/agreements").body(&bad).send();
    assert_eq!(bad.status, 400, "{}", bad.text());
    assert_eq!(agree(&gate, "sam", "labco"), 200);
    wait_for("tom's to be released", || (state(&gate, &other) == "released").then_some(()));
    assert_eq!(state(&gate, &held), "held", "who asks for it recorded the agreement");
    assert_eq!(gate.put("sam", "lab-out/again.hl7", ADMISSION.as_bytes()).status, 202);
    assert_eq!(agree(&gate, "claire", "labco"), 200);
    wait_for("sam's to be released", || (state(&gate, &held) == "released").then_some(()));
}

/// Somebody whom ana recorded and let in by a link; the header that signs their requests.
fn carl(gate: &TestGate) -> String {
    let added = json!({"slug": "carl", "name": "Carl Example"}).to_string();
    assert_eq!(gate.request("ana", "POST", "/api/v1/people").body(&added).send().status, 200);
    let made = gate.request("ana", "POST", "/api/v1/people/carl/invitation").send().json();
    let visitor = Visitor::by_link(gate, "carl", made["link"].as_str().unwrap(), &[]);
    let token = std::fs::read_to_string(visitor.token_file("carl.token")).unwrap();
    format!("Authorization: Bearer {token}")
}

#[test]
fn whoever_sends_outward_has_a_role_and_their_patient_data_a_cover_by_others() {
    let gate = TestGate::start();
    let (signed, file) = (carl(&gate), gate.file("carl.hl7", ADMISSION.as_bytes()));
    let send = |name: &str| {
        let request = gate.request("", "PUT", &format!("/api/v1/in/lab-out/{name}")).header(&signed);
        request.header("Prefer: wait=60").upload(&file).send()
    };
    let refused = send("early.hl7");
    assert_eq!(refused.status, 403, "{}", refused.text());
    let role = json!({"role": "clinician"}).to_string();
    assert_eq!(gate.request("ana", "POST", "/api/v1/people/carl/roles").body(&role).send().status, 200);
    let held = reference(&send("admission.hl7"));
    let other = reference(&gate.put("tom", "lab-out/other.hl7", ADMISSION.as_bytes()));
    assert_eq!(agree(&gate, "ana", "labco"), 200);
    wait_for("tom's to be released", || (state(&gate, &other) == "released").then_some(()));
    assert_eq!(state(&gate, &held), "held", "ana made the account, and the agreement");
    assert_eq!(agree(&gate, "claire", "labco"), 200);
    wait_for("carl's to be released", || (state(&gate, &held) == "released").then_some(()));
}

// EVIDENCE-OF: R-011
#[test]
fn whoever_made_a_partys_token_is_not_one_of_two_on_what_comes_by_it() {
    let gate = TestGate::start();
    let made = gate.request("ana", "POST", "/api/v1/parties/acme/tokens").body("{\"days\": 1}").send().json();
    let signed = format!("Authorization: Bearer {}", made["token"].as_str().unwrap());
    // A token that was asked for by it is hers as well.
    let again = gate.request("", "POST", "/api/v1/tokens").header(&signed).body("{\"days\": 1}").send().json();
    let signed = format!("Authorization: Bearer {}", again["token"].as_str().unwrap());
    let file = gate.file("pump.bin", PROGRAM);
    let sent = gate.request("", "PUT", "/api/v1/in/acme-in/pump.bin").header(&signed).header("Prefer: wait=60");
    let path = format!("/api/v1/transfers/{}", reference(&sent.upload(&file).send()));
    let vote = |name: &str| {
        let binding = gate.get(name, &path)["binding"].as_str().unwrap().to_owned();
        let ballot = json!({"vote": "approve", "binding": binding, "reason": "seen"}).to_string();
        gate.request(name, "POST", &format!("{path}/approvals")).body(&ballot).send()
    };
    let refused = vote("ana");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("whoever let the sender in"), "{}", refused.text());
    let can = gate.get("ben", &path)["who"].to_string();
    assert!(can.contains("Dan Weiss") && !can.contains("Ana Ruiz"), "{can}");
    assert_eq!((vote("ben").status, vote("dan").status), (200, 200));
}

/// A picture of one dot: it may show a person, and no inspector can say.
const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01\x48\xaf\xa4\x71\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

// EVIDENCE-OF: R-007
#[test]
fn other_terms_of_a_lane_release_nothing_that_came_by_it_before() {
    let gate = TestGate::start();
    let terms = |said: Value| {
        let mut body = json!({"party": "acme", "direction": "in"});
        body.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let answer = gate.request("ana", "PUT", "/api/v1/lanes/acme-in").body(&body.to_string()).send();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let before = terms(json!({}));
    assert_eq!(
        before["inspectors"],
        json!(["kind", "archive", "malware", "phi", "signature"]),
        "what is not said stays"
    );
    assert_eq!(before["recipients"], json!(["ben", "priya"]));
    let early = reference(&gate.put("acme", "acme-in/early.png", PICTURE));
    wait_for("it to be held", || (state(&gate, &early) == "not_checked").then_some(()));
    let after = terms(json!({"inspectors": []}));
    assert_eq!(
        (&after["inspectors"], &after["recipients"]),
        (&json!(["kind", "archive", "malware"]), &before["recipients"])
    );
    let late = reference(&gate.put("acme", "acme-in/late.png", PICTURE));
    wait_for("the later one to be released", || (state(&gate, &late) == "released").then_some(()));
    assert_eq!(state(&gate, &early), "not_checked", "it came on the stricter terms");
    assert_eq!(gate.request("ana", "POST", &format!("/api/v1/transfers/{early}/inspection")).send().status, 200);
    let again = || gate.get("ana", &format!("/api/v1/transfers/{early}"))["history"].to_string();
    wait_for("it to be ruled again", || {
        (again().matches("inspected").count() >= 2 && state(&gate, &early) == "not_checked").then_some(())
    });
}

// EVIDENCE-OF: R-019
#[test]
fn a_clinician_is_told_what_a_sender_is_told() {
    let gate = TestGate::start();
    let held = reference(&gate.put("acme", "acme-in/pump.bin", PROGRAM));
    let path = format!("/api/v1/transfers/{held}");
    let shown = gate.get("okafor", &path);
    assert_eq!((shown["state"].as_str(), shown["reference"].as_str()), (Some("reviewing"), Some(held.as_str())));
    for part in ["because", "would_release", "who", "verdicts", "history"] {
        assert_eq!(shown[part], json!([]), "{part}");
    }
    assert!(shown["text"].is_string() && shown.get("binding").is_none() && shown.get("phi").is_none(), "{shown}");
    let as_a_clinician = page(&gate, &session(&gate, "okafor"), &format!("/t/{held}"));
    let as_an_approver = page(&gate, &session(&gate, "ben"), &format!("/t/{held}"));
    let says = |answer: &Answer, word: &str| String::from_utf8_lossy(&answer.body).contains(word);
    assert_eq!((as_a_clinician.status, as_an_approver.status), (200, 200));
    assert!(says(&as_a_clinician, "REVIEWING") && says(&as_an_approver, "unsigned-code"));
    for word in ["unsigned-code", "Biomed", "Inspect again", "Who can"] {
        assert!(!says(&as_a_clinician, word), "{word}");
    }
    let refused = gate.request("okafor", "GET", "/api/v1/policy").send();
    assert_eq!((refused.status, refused.json().get("detail")), (403, None), "the remedy is for operators");
    for (name, status) in [("okafor", 403), ("claire", 200), ("tom", 403), ("acme", 403), ("mei", 200)] {
        let again = wait_for("it to be held again", || {
            (state(&gate, &held) == "held").then(|| gate.request(name, "POST", &format!("{path}/inspection")).send())
        });
        assert_eq!(again.status, status, "{name}: {}", again.text());
    }
}

#[test]
fn a_refused_token_is_counted_as_a_sign_in_that_failed() {
    let mut gate = TestGate::start();
    let metrics = format!("{}/metrics", gate.ready["admin"].as_str().unwrap());
    let failures = |gate: &TestGate| {
        let text = gate.request("", "GET", &metrics).send().text();
        let line =
            text.lines().find_map(|line| line.strip_prefix("lazaret_sign_in_failures_total ").map(str::to_owned));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(failures(&gate), 0);
    let wrong = gate.request("", "GET", "/api/v1/whoami").header("Authorization: Bearer lzt_0000").send();
    assert_eq!(wrong.status, 401);
    let made = gate.request("acme", "POST", "/api/v1/tokens").body("{\"days\": 1}").send().json();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert_eq!(gate.request("acme", "DELETE", &format!("/api/v1/tokens/{id}")).send().status, 200);
    let revoked = gate.request("", "GET", "/api/v1/whoami").header(&format!("Authorization: Bearer {token}")).send();
    assert_eq!((revoked.status, revoked.body), (401, wrong.body), "a revoked token looks like a wrong one");
    assert_eq!(failures(&gate), 2);
    assert_eq!(gate.request("", "GET", "/api/v1/whoami").send().status, 401);
    assert_eq!(failures(&gate), 2, "who shows nothing has not failed");
    gate.terminate();
}

#[test]
fn a_set_of_rules_is_read_only_for_those_who_may_ask() {
    let gate = TestGate::start();
    for path in ["/api/v1/policy/simulation", "/api/v1/policy/activations"] {
        for name in ["acme", "okafor", "priya"] {
            let answer = gate.request(name, "POST", path).body("no rules at all").send();
            assert_eq!(answer.status, 403, "{name} {path}: {}", answer.text());
        }
        let answer = gate.request("ana", "POST", path).body("no rules at all").send();
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    let baseline = include_str!("../../../lazaret-core/policies/baseline.cedar");
    let escape =
        baseline.replace("when { resource.malware };", "when { resource.malware && resource.kind == \"file\" };");
    assert_ne!(escape, baseline);
    let file = gate.file("escape.cedar", escape.as_bytes());
    let answer = gate.request("ana", "POST", "/api/v1/policy/activations");
    let answer = answer.option(&["--data-binary", &format!("@{}", file.display())]).send();
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("no-malware"), "{}", answer.text());
}

#[test]
fn a_filter_that_means_nothing_shows_nothing() {
    let gate = TestGate::start();
    gate.put("acme", "acme-in/note.txt", b"twelve infusion sets\n");
    let session = session(&gate, "ana");
    let shows = |query: &str| {
        let answer = page(&gate, &session, &format!("/transfers?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        String::from_utf8_lossy(&answer.body).contains("note.txt")
    };
    for query in ["", "party=acme", "state=&party=", "direction=in"] {
        assert!(shows(query), "{query}");
    }
    for query in ["party=acne", "party=ana", "state=hold", "direction=inn", "since=23.11.2026", "party=medlog"] {
        assert!(!shows(query), "{query}");
    }
}

#[test]
fn what_is_asked_twice_is_told_to_wait_for_votes_and_an_agreement_of_no_effect_to_be_another() {
    let gate = TestGate::start();
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    let rules = format!("{}\n// Next week's.\n", include_str!("../../../lazaret-core/policies/baseline.cedar"));
    let rules = gate.file("rules.cedar", rules.as_bytes());
    let rules = format!("@{}", rules.display());
    for path in ["/api/v1/parties/acme/isolation/lift", "/api/v1/policy/activations"] {
        let ask = || gate.request("claire", "POST", path).option(&["--data-binary", &rules]).send();
        let first = ask();
        assert_eq!(first.status, 200, "{path}: {}", first.text());
        let second = ask();
        assert_eq!(second.status, 409, "{path}: {}", second.text());
        let problem = second.json();
        assert_eq!(problem["title"], "This is not possible as things stand.", "{path}");
        assert_eq!(problem["detail"], "a request about the same waits for votes: see lazaret requests list", "{path}");
    }
    for kind in ["nda", "data_sharing"] {
        let body = json!({"kind": kind, "days": 30}).to_string();
        let answer = gate.request("ana", "POST", "/api/v1/parties/medlog/agreements").body(&body).send();
        assert_eq!(answer.status, 400, "{kind}: {}", answer.text());
        assert!(answer.text().contains("kind is contract, baa or dpa"), "{}", answer.text());
    }
}

#[test]
fn a_lane_names_each_kind_and_inspector_once_however_often_they_are_sent() {
    let gate = TestGate::start();
    let kinds: Vec<&str> = ["software", "file"].into_iter().cycle().take(80_000).collect();
    let inspectors: Vec<&str> = ["sbom", "phi"].into_iter().cycle().take(80_000).collect();
    let body = |recipients: Value| {
        json!({
            "party": "medlog", "direction": "out", "kinds": kinds, "inspectors": inspectors, "recipients": recipients,
        })
    };
    let file = |body: &Value| gate.file("lane.json", body.to_string().as_bytes());
    let open = |body: &Value| {
        let sent = format!("@{}", file(body).display());
        gate.request("ana", "PUT", "/api/v1/lanes/medlog-out").option(&["--data-binary", &sent]).send()
    };
    let opened = open(&body(json!([])));
    assert_eq!(opened.status, 200, "{}", opened.text());
    let lane = opened.json();
    assert_eq!(lane["kinds"].as_array().unwrap().len(), 2, "{lane}");
    assert_eq!(lane["inspectors"], json!(["kind", "archive", "malware", "phi", "sbom"]));
    let crowd = open(&body(json!(vec!["priya"; 65])));
    assert_eq!(crowd.status, 400, "{}", crowd.text());
    assert!(crowd.text().contains("1 to 64 people"), "{}", crowd.text());
}
