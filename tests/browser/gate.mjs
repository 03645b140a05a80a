// The real program with a directory of its own, and a browser that looks at it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, openSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

/** A condition is waited for this long, then the test fails. */
export const PATIENCE_MS = 30_000;

const ROOT = resolve(fileURLToPath(import.meta.url), "../../..");
const PROGRAM = process.env.LAZARET_PROGRAM ?? join(ROOT, "target/debug/lazaret");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-quic", "--no-first-run",
];

/** Waits until `condition` gives something. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((wake) => setTimeout(wake, 25));
  }
}

export class Gate {
  /** Starts a gate in a new directory; `demo` loads the demo hospital. */
  static async start({ demo = true } = {}) {
    const gate = new Gate();
    gate.dir = join(mkdtempSync(join(tmpdir(), "lazaret-browser-")), "gate");
    gate.demo = demo;
    await gate.run();
    return gate;
  }

  /** Runs the program in its directory, and waits until it listens. */
  async run() {
    const free = "127.0.0.1:0";
    const args = ["up", "--dir", this.dir, "--https", free, "--admin", free, "--sftp", free];
    if (this.demo) args.push("--demo");
    const log = openSync(`${this.dir}.log`, "a");
    this.exit = undefined;
    this.child = spawn(PROGRAM, args, { stdio: ["ignore", log, log] });
    this.child.on("exit", (code) => { this.exit = code ?? -1; });
    const ready = join(this.dir, "ready.json");
    await until("the gate is ready", () => {
      if (this.exit !== undefined) throw new Error(`the gate ended: ${readFileSync(`${this.dir}.log`, "utf8")}`);
      return existsSync(ready);
    });
    this.ready = JSON.parse(readFileSync(ready, "utf8"));
    this.ca = readFileSync(this.ready.ca_file);
  }

  /** Ends the program as an operator would; its exit code. */
  async end() {
    this.child.kill("SIGTERM");
    return (await until("the gate has ended", () => (this.exit === undefined ? null : { code: this.exit }))).code;
  }

  /** The same, and nothing is left of it. */
  async stop() {
    const code = await this.end();
    rmSync(resolve(this.dir, ".."), { recursive: true, force: true });
    return code;
  }

  get url() { return this.ready.https; }

  token(name) {
    const account = [...this.ready.people, ...this.ready.parties].find((known) => known.name === name);
    return readFileSync(account.token_file, "utf8");
  }

  /** A request over the API as this account. */
  api(as, method, path, { body, headers = {} } = {}) {
    const options = { method, ca: this.ca, headers: { Authorization: `Bearer ${this.token(as)}`, ...headers } };
    return new Promise((done, failed) => {
      const request = https.request(this.url + path, options, (answer) => {
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("end", () => {
          const text = Buffer.concat(pieces).toString("utf8");
          done({ status: answer.statusCode, text, json: () => JSON.parse(text) });
        });
      });
      request.on("error", failed);
      request.end(body);
    });
  }

  /** Sends one object and waits for the decision; the transfer's reference. */
  async put(as, path, body, headers = {}) {
    const answer = await this.api(as, "PUT", `/api/v1/in/${path}`, { body, headers: { Prefer: "wait=20", ...headers } });
    if (answer.status >= 500 || !answer.text.startsWith("{")) throw new Error(`PUT ${path}: ${answer.status} ${answer.text}`);
    return answer.json().reference;
  }
}

/** Bytes that look like a program of the machine's. */
export function firmware(seed = 1) {
  const bytes = Buffer.alloc(4096, seed);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]).copy(bytes);
  return bytes;
}

export async function openBrowser() {
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
}

/** A window onto this gate. */
export async function openWindow(browser, gate, options = {}) {
  const context = await browser.newContext({
    baseURL: gate.url,
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** Signs in by the demo's button. */
export async function signInAs(page, person, next = "/") {
  await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
  await page.locator(`button[name=demo][value=${person}]`).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}

/** A passkey that lives in the browser and always says yes (Web Authentication Level 3, section 11). */
export async function virtualPasskey(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("WebAuthn.enable", { enableUI: false });
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { session, authenticatorId };
}
