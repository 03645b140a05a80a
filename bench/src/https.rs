//! One large object by HTTPS PUT, curl as the client of both sides, TLS 1.3 with the same cipher.

use std::path::Path;

use crate::Result;
use crate::gate::{Gate, SENDER};
use crate::measure::{Run, Side, alternate};
use crate::nginx::Nginx;
use crate::plan::Plan;
use crate::process::{command, run};
use crate::table::{Compared, Report};
use crate::work::Work;

const CIPHER: &str = "TLS_AES_256_GCM_SHA384";
const NOTE: &str = "it neither encrypts at rest, hashes, inspects nor fsyncs";

/// Runs the comparison by HTTP/1.1 and by HTTP/2.
pub fn compare(plan: &Plan, work: &Work, report: &mut Report) -> Result<()> {
    let nginx = Nginx::start(work)?;
    let file = work.file(plan.size_bytes)?;
    for (version, flag) in [("HTTP/1.1", "--http1.1"), ("HTTP/2", "--http2")] {
        // A new gate each, whose folder takes the place of the last one's: what was put lies on the disk.
        let gate = Gate::start(plan, work)?;
        let measured = put(plan, &gate, &nginx, &file, flag)?;
        let mib = mib(plan.size_bytes);
        let compared = Compared {
            what: &format!("HTTPS PUT {mib:.0} MiB, {version}"),
            peer: "nginx WebDAV",
            amount: (mib, "MiB/s"),
            goal: Some(1.0),
            note: NOTE,
        };
        report.compared(&compared, measured)?;
        gate.end();
    }
    Ok(())
}

fn put(plan: &Plan, gate: &Gate, nginx: &Nginx, file: &Path, version: &str) -> Result<[Run; 2]> {
    let (token, ca) = (gate.token(SENDER)?, gate.says("ca_file")?.to_owned());
    let url = format!("{}/api/v1/in/acme-in/large.bin", gate.says("https")?);
    let mut ours = Side {
        pid: gate.pid(),
        act: Box::new(|| {
            let key = format!("Idempotency-Key: {}", unique());
            let mut curl = curl(Path::new(&ca), file, version);
            curl.args(["--header", &format!("Authorization: Bearer {token}"), "--header", &key]);
            run(curl.arg(&url)).map(drop)
        }),
        settle: Box::new(|| gate.settle()),
    };
    let theirs_url = nginx.url("large.bin");
    let mut theirs = Side {
        pid: nginx.pid(),
        act: Box::new(|| run(curl(&nginx.ca_file(), file, version).arg(&theirs_url)).map(drop)),
        settle: Box::new(|| Ok(())),
    };
    alternate(plan.runs, &mut ours, &mut theirs)
}

fn curl(ca: &Path, file: &Path, version: &str) -> std::process::Command {
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--fail", version, "--tlsv1.3", "--tls13-ciphers", CIPHER]);
    // Both sides answer at once, and curl does not wait a second for a 100.
    curl.args(["--header", "Expect:", "--output", "/dev/null"]);
    curl.arg("--cacert").arg(ca).arg("--upload-file").arg(file);
    curl
}

/// Another number at each call.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Bytes as MiB.
#[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
