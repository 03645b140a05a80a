// What people do: vote by passkey and by the demo's button, see that something changed, isolate and lift, send, follow.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Gate, openBrowser, openWindow, signInAs, until, virtualPasskey } from "./gate.mjs";

/** What takes a second may take this long where other work runs beside the test. */
const LOADED_MS = 6_000;
const script = (text) => Buffer.from(`#!/bin/sh\necho ${text}\n`);

let gate;
let browser;

before(async () => {
  gate = await Gate.start();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  assert.equal(await gate?.stop(), 0);
});

async function person(name, options) {
  const context = await openWindow(browser, gate, options);
  const page = await context.newPage();
  await signInAs(page, name);
  return page;
}

const stateOf = async (reference) => (await gate.api("ana", "GET", `/api/v1/transfers/${reference}`)).json();

async function enrol(name) {
  const page = await person(name);
  const passkey = await virtualPasskey(page);
  await page.goto("/account");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("Added").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Your short name").fill(name);
  await page.getByRole("button", { name: "Sign in with passkey" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return { page, ...passkey };
}

async function voteByPasskey({ page }, reference, choice, reason) {
  await page.goto(`/t/${reference}`);
  await page.getByLabel(choice).check();
  await page.getByLabel("Reason").fill(reason);
  await page.getByRole("button", { name: "Sign with passkey" }).click();
  await page.getByText("Recorded as entry").waitFor();
}

// EVIDENCE-OF
test("two people release by passkey what one cannot, and the page of the first follows by itself", async () => {
  const reference = await gate.put("acme", "acme-in/pump-fw-4.2.1.sh", script("one"));
  const [ana, ben] = [await enrol("ana"), await enrol("ben")];
  await voteByPasskey(ana, reference, "Release it", "looked at the diff");
  assert.equal((await stateOf(reference)).state, "held", "one is not enough");
  assert.equal(await ana.page.getByRole("button", { name: "Sign with passkey" }).count(), 0, "and votes once");
  assert.match(await ana.page.locator("main").innerText(), /you have voted already/);
  await ana.page.goto(`/t/${reference}`);
  await voteByPasskey(ben, reference, "Release it", "tested on a pump");
  await until("it is released", async () => (await stateOf(reference)).state === "released");
  await ana.page.locator(".banner.ok").getByText("RELEASED").waitFor();
  const history = await ana.page.locator("main").innerText();
  assert.match(history, /Ana Ruiz approved for Security: “looked at the diff”/);
  assert.match(history, /Ben Kim approved for Biomed: “tested on a pump”/);
  const entry = (await stateOf(reference)).history.filter((known) => known.kind === "approved.v1");
  assert.equal(entry.length, 2);
  await ana.page.context().close();
  await ben.page.context().close();
});

// EVIDENCE-OF: R-012
test("what a passkey signed for one vote counts for no other, and counts once", async () => {
  const one = await gate.put("acme", "acme-in/bound-1.sh", script("bound 1"));
  const dan = await enrol("dan");
  await dan.page.goto(`/t/${one}`);
  // The page's own script, stopped between the passkey's answer and the form: the vote is turned round.
  const cast = (choice, begun) => dan.page.evaluate(async ([choice, begun]) => {
    const form = document.querySelector("form[data-passkey='/vote/begin']");
    const fields = new URLSearchParams(new FormData(form));
    fields.set("vote", begun);
    const options = await (await fetch("/vote/begin", { method: "POST", body: fields })).json();
    const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const asked = options.options.publicKey;
    const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: asked.allowCredentials.map((known) => ({ ...known, id: bytes(known.id) })) };
    const got = await navigator.credentials.get({ publicKey });
    const { authenticatorData, clientDataJSON, signature } = got.response;
    fields.set("handle", options.handle);
    fields.set("credential", JSON.stringify({ id: got.id, rawId: text(got.rawId), type: got.type, extensions: {}, response: {
      authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature), userHandle: null,
    } }));
    fields.set("vote", choice);
    const first = await fetch("/vote", { method: "POST", body: fields });
    const second = await fetch("/vote", { method: "POST", body: fields });
    return [first.status, second.status];
  }, [choice, begun]);
  assert.deepEqual(await cast("reject", "approve"), [401, 401], "turned round");
  assert.equal((await stateOf(one)).approvals.counted, 0);
  const [first, second] = await cast("approve", "approve");
  assert.equal(first, 200);
  assert.notEqual(second, 200, "the same answer again");
  assert.equal((await stateOf(one)).approvals.counted, 1);
  await dan.page.context().close();
});

test("in the demo a second button stands in for the passkey, and the entry says so", async () => {
  const reference = await gate.put("acme", "acme-in/pump-fw-4.2.2.sh", script("two"));
  for (const [name, group] of [["dan", "Security"], ["mei", "Biomed"]]) {
    const page = await person(name);
    await page.goto("/approvals");
    await page.getByRole("link", { name: "pump-fw-4.2.2.sh" }).first().click();
    await page.locator("section[aria-labelledby=looked]").getByText(`You decide for ${group}`).waitFor();
    await page.getByLabel("Release it").check();
    await page.getByRole("button", { name: "Go on without a passkey" }).click();
    await page.getByRole("heading", { name: "Confirm your vote" }).waitFor();
    await page.getByRole("button", { name: /^Confirm as/ }).click();
    await page.getByText("Recorded as entry").waitFor();
    await page.context().close();
  }
  await until("it is released", async () => (await stateOf(reference)).state === "released");
});

test("a vote on what has changed meanwhile is not recorded, and the page says so", async () => {
  const reference = await gate.put("acme", "acme-in/pump-fw-4.2.3.sh", script("three"));
  const page = await person("dan");
  await page.goto(`/t/${reference}`);
  await page.getByLabel("Release it").check();
  await page.locator("input[name=binding]").evaluate((field) => { field.value = "0".repeat(64); });
  await page.getByRole("button", { name: "Go on without a passkey" }).click();
  await page.getByText("What you saw has changed, so your vote was not recorded.").waitFor();
  await page.getByRole("link", { name: "Look again" }).click();
  await page.getByText("This has changed since you looked.").waitFor();
  assert.equal((await stateOf(reference)).approvals.counted, 0);
  await page.context().close();
});

// EVIDENCE-OF: R-314
test("whoever may not act sees no button and sees whom to ask", async () => {
  const reference = await gate.put("acme", "acme-in/pump-fw-4.2.4.sh", script("four"));
  const tom = await person("tom");
  await tom.goto(`/t/${reference}`);
  const text = await tom.locator("main").innerText();
  assert.match(text, /You cannot decide here: you are in none of the groups that are asked/);
  assert.match(text, /Who can: .*Ana Ruiz.* for Security; .*Ben Kim.* for Biomed/);
  assert.equal(await tom.locator("form[action='/vote']").count(), 0);
  await tom.goto("/s/acme");
  assert.equal(await tom.getByRole("link", { name: /Isolate/ }).count(), 0);
  assert.match(await tom.locator("main").innerText(), /ask Security or an administrator/);
  const forced = await tom.request.get(`${gate.url}/s/acme/isolate`);
  assert.equal(forced.status(), 403);
  await tom.context().close();
});

// EVIDENCE-OF: R-404
test("a supplier is isolated after a plan and its name, and two others lift it", async () => {
  const ana = await person("ana");
  await ana.goto("/s/medlog");
  await ana.getByRole("link", { name: "Isolate supplier…" }).click();
  await ana.getByLabel("Type the supplier's name").fill("medlog");
  await ana.getByRole("button", { name: "Isolate MedLog Supplies" }).click();
  await ana.getByText("That is not the supplier's name. Nothing was done.").waitFor();
  await ana.getByLabel("Type the supplier's name").fill("MedLog Supplies");
  await ana.getByRole("button", { name: "Isolate MedLog Supplies" }).click();
  await ana.locator(".banner.bad").getByText("ISOLATED").waitFor();
  const refused = await gate.api("medlog", "PUT", "/api/v1/in/medlog-in/a.txt", { body: "a" });
  assert.equal(refused.status, 403);

  const claire = await person("claire");
  await claire.goto("/s/medlog");
  await claire.getByRole("button", { name: "Ask to lift the isolation" }).click();
  await claire.getByText("You cannot decide here: you asked for it yourself").waitFor();
  await claire.getByRole("button", { name: "Take it back" }).click();
  await claire.goto("/s/medlog");
  await claire.getByRole("button", { name: "Ask to lift the isolation" }).click();
  await claire.getByText("You cannot decide here: you asked for it yourself").waitFor();
  const dan = await person("dan");
  await dan.goto("/approvals");
  await dan.getByRole("link", { name: "Lift an isolation" }).click();
  await dan.getByLabel("Lift the isolation").check();
  await dan.getByRole("button", { name: "Go on without a passkey" }).click();
  await dan.getByRole("button", { name: /^Confirm as/ }).click();
  await dan.getByRole("heading", { name: "Approvals" }).waitFor();
  await dan.goto("/s/medlog");
  await dan.locator(".banner.bad").getByText("ISOLATED").waitFor();
  assert.match(await dan.locator("main").innerText(), /Two people from Security/);
  await ana.context().close();
  await claire.context().close();
  await dan.context().close();
});

test("a person sends a file from the page, and sees what becomes of it", async () => {
  const tom = await person("tom", { javaScriptEnabled: false });
  await tom.goto("/send");
  await tom.getByLabel("To whom").selectOption("imaging-out");
  await tom.getByLabel("Drop files here").setInputFiles([
    { name: "order.txt", mimeType: "text/plain", buffer: Buffer.from("an order\n") },
    { name: "second.txt", mimeType: "text/plain", buffer: Buffer.from("another\n") },
  ]);
  await tom.getByRole("button", { name: "Send", exact: true }).click();
  await tom.getByText("2 files are here").waitFor();
  await tom.locator("main ul.list a").first().click();
  await tom.getByRole("heading", { name: "order.txt" }).waitFor();
  await tom.context().close();
});

test("with scripts an upload shows its progress, is read out, and leads to its transfer", async () => {
  const tom = await person("tom");
  await tom.goto("/send");
  await tom.getByLabel("To whom").selectOption("imaging-out");
  await tom.getByLabel("Drop files here").setInputFiles({ name: "long-order.txt", mimeType: "text/plain", buffer: Buffer.alloc(3_000_000, "an order\n") });
  await tom.getByRole("button", { name: "Send", exact: true }).click();
  await tom.getByRole("link", { name: "See what becomes of it" }).waitFor();
  assert.match(await tom.locator("form [role=status]").innerText(), /long-order\.txt: 100 %, received/);
  assert.equal(await tom.getByRole("progressbar", { name: "Progress of long-order.txt" }).evaluate((bar) => bar.value), 100);
  await tom.getByRole("link", { name: "See what becomes of it" }).click();
  await tom.getByRole("heading", { name: "long-order.txt" }).waitFor();
  await tom.context().close();
});

test("a supplier's person sees their own transfers in words that name no rule and nobody here", async () => {
  const lena = await person("lena");
  await lena.getByRole("heading", { name: "Your transfers" }).waitFor();
  await lena.getByRole("link", { name: "pump-fw-4.2.4.sh" }).click();
  await lena.locator(".banner").getByText("REVIEWING").waitFor();
  const text = await lena.locator("main").innerText();
  for (const secret of ["unsigned-code", "Ana", "Ben", "Security", "Biomed", "approv"]) {
    assert.ok(!text.includes(secret), `${secret}: ${text}`);
  }
  const foreign = await gate.put("medlog-none", "x", "x").catch(() => null);
  assert.equal(foreign, null);
  for (const path of ["/transfers", "/approvals", "/suppliers", "/s/acme", "/r/unsigned-code"]) {
    const answer = await lena.goto(path);
    assert.ok([403, 404].includes(answer.status()), `${path}: ${answer.status()}`);
  }
  await lena.context().close();
});

test("a page follows what happens, and keeps what somebody is typing", async () => {
  const ana = await person("ana");
  const reference = await gate.put("acme", "acme-in/pump-fw-4.2.5.sh", script("five"));
  await ana.goto(`/t/${reference}`);
  await ana.getByLabel("Reason").fill("half a sentence");
  await ana.locator("details").first().evaluate((details) => { details.open = true; });
  const mei = await gate.api("mei", "POST", `/api/v1/transfers/${reference}/approvals`, {
    body: JSON.stringify({ vote: "approve", binding: (await stateOf(reference)).binding, reason: "" }),
    headers: { "Content-Type": "application/json" },
  });
  assert.equal(mei.status, 200);
  await ana.getByText("(1 of 2)").waitFor();
  assert.equal(await ana.getByLabel("Reason").inputValue(), "half a sentence");
  assert.equal(await ana.locator("details").first().evaluate((details) => details.open), true);
  await ana.context().close();
});

// EVIDENCE-OF: R-312
test("signing out ends the session everywhere at once, and the open page says so", async () => {
  const one = await person("claire");
  const other = await one.context().newPage();
  await other.goto("/transfers");
  await other.waitForTimeout(300);
  await one.getByRole("button", { name: "Sign out" }).click();
  await one.getByRole("heading", { name: "Sign in" }).waitFor();
  const left = Date.now();
  await other.getByText("You are signed out.").waitFor();
  assert.ok(Date.now() - left < LOADED_MS, "within a second, on a machine that is not loaded");
  await one.context().close();
});

test("a form of another site does nothing, and a link of another site opens all the same", async () => {
  const page = await person("ana");
  const cookie = (await page.context().cookies()).find((known) => known.name === "__Host-lazaret");
  const headers = { Cookie: `${cookie.name}=${cookie.value}`, "Content-Type": "application/x-www-form-urlencoded" };
  const csrf = await page.locator("input[name=csrf]").first().inputValue();
  const post = (extra, body) => page.request.post(`${gate.url}/sign-out`, { headers: { ...headers, ...extra }, data: body, maxRedirects: 0 });
  assert.equal((await post({ Origin: "https://evil.example" }, `csrf=${csrf}`)).status(), 403);
  assert.equal((await post({ Origin: "null" }, `csrf=${csrf}`)).status(), 403);
  assert.equal((await post({ Origin: gate.url }, "csrf=AAAAAAAAAAAAAAAAAAAAAA")).status(), 403);
  assert.equal((await post({ Origin: gate.url, "Sec-Fetch-Site": "cross-site" }, `csrf=${csrf}`)).status(), 403);
  assert.equal((await page.goto("/")).status(), 200, "still signed in");
  const first = await page.request.get(`${gate.url}/transfers?state=held`, {
    headers: { Cookie: "", "Sec-Fetch-Site": "cross-site" }, maxRedirects: 0,
  });
  assert.match(await first.text(), /http-equiv="refresh" content="0;url=\/transfers\?state=held"/);
  await page.context().close();
});

// EVIDENCE-OF: R-418
test("a session reads the API, writes with its token, and never votes there", async () => {
  const reference = await gate.put("acme", "acme-in/by-cookie.sh", script("cookie"));
  const page = await person("dan");
  const csrf = await page.locator("input[name=csrf]").first().inputValue();
  const binding = (await stateOf(reference)).binding;
  const call = (method, path, headers = {}, body = undefined) => page.evaluate(async ([method, path, headers, body]) => {
    const answer = await fetch(path, { method, headers, body });
    return { status: answer.status, code: (await answer.json().catch(() => ({}))).code };
  }, [method, path, headers, body]);
  const transfer = `/api/v1/transfers/${reference}`;
  assert.equal((await call("GET", transfer)).status, 200);
  assert.equal((await call("POST", `${transfer}/inspection`)).status, 401, "without the token");
  assert.equal((await call("POST", `${transfer}/inspection`, { "lazaret-csrf": "AAAAAAAAAAAAAAAAAAAAAA" })).status, 401);
  const vote = JSON.stringify({ vote: "approve", binding, reason: "" });
  const voted = await call("POST", `${transfer}/approvals`, { "lazaret-csrf": csrf, "Content-Type": "application/json" }, vote);
  assert.deepEqual([voted.status, voted.code], [403, "step-up"], "a sign-in is no step-up");
  assert.equal((await stateOf(reference)).approvals.counted, 0);
  assert.equal((await call("POST", `${transfer}/inspection`, { "lazaret-csrf": csrf })).status, 200, "with the token");
  await page.context().close();
});

// EVIDENCE-OF: R-413
test("other rules come into force when two people who saw the change have said yes", async () => {
  const before = (await gate.api("ana", "GET", "/api/v1/policy")).json();
  const text = before.rules.map((rule) => rule.text).join("\n\n")
    .replace("Software is released when a registered key of its maker has signed it.", "Only signed software is released.");
  const asked = await gate.api("ana", "POST", "/api/v1/policy/activations", { body: text, headers: { "Content-Type": "text/plain" } });
  assert.equal(asked.status, 200, asked.text);
  for (const name of ["dan", "sam"]) {
    const page = await person(name);
    await page.goto("/approvals");
    await page.getByRole("link", { name: "Put other rules in force" }).click();
    const looked = page.locator("section[aria-labelledby=looked]");
    await looked.getByText("1 rule is new or changed, 0 dropped.").waitFor();
    await looked.getByText("unsigned-code", { exact: true }).click();
    await looked.getByText("Only signed software is released.").waitFor();
    await page.getByLabel("Put them in force").check();
    await page.getByRole("button", { name: "Go on without a passkey" }).click();
    await page.getByRole("button", { name: /^Confirm as/ }).click();
    await page.getByText("Decided by you").waitFor();
    await page.context().close();
  }
  const after = (await gate.api("ana", "GET", "/api/v1/policy")).json();
  assert.notEqual(after.digest, before.digest);
});

// Last: nobody needs acme after this.
test("when a supplier is isolated its people are out within a second, and stay out", async () => {
  const lena = await person("lena");
  await lena.waitForTimeout(300);
  assert.equal((await gate.api("ana", "POST", "/api/v1/parties/acme/isolation")).status, 200);
  const isolated = Date.now();
  await lena.getByText("You are signed out.").waitFor();
  assert.ok(Date.now() - isolated < LOADED_MS, "within a second, on a machine that is not loaded");
  await lena.goto("/sign-in");
  await lena.locator("button[name=demo][value=lena]").click();
  await lena.getByRole("alert").getByText("Nothing can be sent or collected here at the moment").waitFor();
  await lena.context().close();
});
