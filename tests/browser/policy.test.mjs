// The content security policy, without a bypass: it reports nothing while every script runs, and stops what is injected.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Gate, openBrowser, openWindow, signInAs } from "./gate.mjs";

let gate;
let browser;
let reference;

before(async () => {
  gate = await Gate.start();
  browser = await openBrowser();
  reference = await gate.put("acme", "acme-in/pump-fw.sh", "#!/bin/sh\necho firmware\n");
});
after(async () => {
  await browser?.close();
  await gate?.stop();
});

/** A page whose violations and errors are kept. */
async function watched(name) {
  const context = await openWindow(browser, gate);
  await context.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // A page that is left takes its stream with it, and htmx says so.
    if (message.type() === "error" && !message.text().includes("Failed to fetch")) errors.push(message.text());
  });
  await signInAs(page, name);
  return { page, errors, violations: () => page.evaluate(() => globalThis.violations) };
}

// EVIDENCE-OF
test("the policy reports nothing while every script runs", async () => {
  const { page, errors, violations } = await watched("ana");
  for (const path of ["/", "/transfers", `/t/${reference}`, "/approvals", "/suppliers", "/s/acme", "/s/acme/isolate", "/send", "/account", "/r/unsigned-code", "/sign-in/again", `/status/${reference}`]) {
    const answer = await page.goto(path);
    const policy = answer.headers()["content-security-policy"];
    assert.match(policy, /^default-src 'none'; script-src 'nonce-[A-Za-z0-9+/]{22}=='; style-src 'self';/, path);
    assert.ok(!policy.includes("unsafe"), path);
    assert.equal(answer.headers()["referrer-policy"], "same-origin");
    assert.equal(answer.headers()["x-content-type-options"], "nosniff");
    assert.equal(await page.evaluate(() => typeof globalThis.htmx), "object", `htmx runs on ${path}`);
    await page.keyboard.press("?");
    await page.locator("dialog#keys").waitFor();
    await page.keyboard.press("Escape");
    assert.deepEqual(await violations(), [], path);
  }
  // A live part is fetched, and swapped in.
  await page.goto(`/t/${reference}`);
  const swapped = page.evaluate(() => new Promise((done) => document.addEventListener("htmx:after:swap", () => done(true), { once: true })));
  await gate.put("acme", "acme-in/another.txt", "x\n");
  assert.equal(await swapped, true);
  assert.deepEqual(await violations(), []);
  assert.deepEqual(errors, []);
  await page.context().close();
});

test("what is injected runs nothing and fetches nothing", async () => {
  const { page, violations } = await watched("ana");
  await page.goto("/transfers");
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.evaluate(() => {
    const place = document.querySelector("main");
    const button = document.createElement("button");
    button.setAttribute("hx-get", "/injected-get");
    button.setAttribute("hx-trigger", "load");
    place.append(button);
    globalThis.htmx.process(place);
  });
  await page.waitForTimeout(500);
  assert.ok(!asked.includes("/injected-get"), "htmx does not act without the nonce");
  await assert.rejects(page.evaluate(() => { document.querySelector("main").innerHTML = "<b>x</b>"; }), /TrustedHTML/);
  await assert.rejects(page.evaluate(() => document.createElement("img").setAttribute("onerror", "1")), /TrustedScript/);
  assert.ok((await violations()).length > 0);
  await page.context().close();
});

test("a fragment with a hole in it runs nothing either", async () => {
  const { page } = await watched("ana");
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const hostile = "<img src='/injected-image' onerror='globalThis.ran = true'><b id='hostile' hx-get='/injected-get' hx-trigger='load'>x</b>";
  await page.route((url) => url.pathname === "/transfers", async (route) => {
    if (!route.request().headers()["hx-request"]) return route.continue();
    const answer = await route.fetch();
    return route.fulfill({ response: answer, body: (await answer.text()).replace("<table>", `${hostile}<table>`) });
  });
  await page.goto("/transfers");
  await gate.put("acme", "acme-in/news.txt", "news\n");
  await page.locator("#hostile").waitFor();
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => globalThis.ran), undefined, "no handler runs");
  assert.ok(!asked.includes("/injected-get"), "htmx does not act without the nonce");
  await page.context().close();
});

test("a hostile file name stays text wherever it is shown", async () => {
  const name = "<img src=x onerror=alert(1)>.txt";
  const hostile = await gate.put("acme", `acme-in/${encodeURIComponent(name)}`, "hello\n");
  const { page, violations } = await watched("ana");
  for (const path of ["/transfers", `/t/${hostile}`, "/s/acme"]) {
    await page.goto(path);
    assert.equal(await page.locator("main img").count(), 0, path);
    assert.deepEqual(await violations(), []);
  }
  await page.goto(`/t/${hostile}`);
  assert.equal(await page.locator("h1").innerText(), name);
  await page.context().close();
});

test("programs are answered with problems, people with pages, and neither is sniffed", async () => {
  const { page } = await watched("ana");
  const html = await page.goto("/nothing/here");
  assert.equal(html.status(), 404);
  assert.match(html.headers()["content-type"], /^text\/html/);
  const json = await gate.api("ana", "GET", "/nothing/here");
  assert.equal(json.json().code, "not-found");
  await page.context().close();
});
