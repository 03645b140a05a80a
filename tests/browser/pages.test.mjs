// Every page, for everybody: axe finds nothing, nothing scrolls sideways, the keyboard reaches all of it, the markup is
// valid, it is whole without scripts, and it stays within its budget.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { HtmlValidate } from "html-validate";

import { Gate, openBrowser, openWindow, signInAs } from "./gate.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let gate;
let browser;
/** Pages by who looks at them. */
let pages;

before(async () => {
  gate = await Gate.start();
  browser = await openBrowser();
  const script = (text) => `#!/bin/sh\necho ${text}\n`;
  const held = await gate.put("acme", "acme-in/infusion-pump-fw-4.2.1.sh", script("1"));
  const denied = await gate.put("acme", "acme-in/eicar.txt", readFileSync(`${gate.dir}/samples/eicar.txt`));
  const released = await gate.put("acme", "acme-in/note.txt", "a note\n");
  const unchecked = await gate.put("imagingco", "imaging-in/ct-study.7z", Buffer.from("377abcaf271c0004", "hex"));
  await gate.put("acme", `acme-in/${"a-name-without-an-end-".repeat(9)}.txt`, "x\n");
  await gate.put("tom", "lab-out/adt-a01.hl7", readFileSync(`${gate.dir}/samples/adt-a01.hl7`));
  for (let at = 0; at < 45; at += 1) await gate.put("medlog", `medlog-in/delivery-${at}.csv`, `item,count\nHeparin,${at}\n`);
  await gate.api("ana", "POST", "/api/v1/parties/cloudhost/isolation");
  await gate.api("claire", "POST", "/api/v1/parties/cloudhost/isolation/lift");
  const voted = await gate.put("acme", "acme-in/voted.sh", script("2"));
  const binding = (await gate.api("dan", "GET", `/api/v1/transfers/${voted}`)).json().binding;
  await gate.api("dan", "POST", `/api/v1/transfers/${voted}/approvals`, {
    body: JSON.stringify({ vote: "approve", binding, reason: "looks fine" }), headers: { "Content-Type": "application/json" },
  });
  const rules = (await gate.api("ana", "GET", "/api/v1/policy")).json().rules.map((rule) => rule.text).join("\n\n");
  await gate.api("ana", "POST", "/api/v1/policy/activations", {
    body: rules.replace("Harmful software is never released, by anyone.", "Nobody releases harmful software."), headers: { "Content-Type": "text/plain" },
  });
  const asked = (await gate.api("dan", "GET", "/api/v1/requests")).json().items.find((request) => request.act === "activate_policy");
  pages = {
    "": ["/sign-in", "/sign-in?ended=1", `/status/${held}`, "/status/LZ-0000-0000", "/setup/over", "/nonsense"],
    ana: [
      "/", "/transfers", "/transfers?state=held", "/transfers?state=expired", "/transfers?q=nonsense", `/t/${held}`, `/t/${denied}`,
      `/t/${released}`, `/t/${unchecked}`, `/t/${voted}`, "/approvals", "/approvals?show=others", "/approvals?show=mine", "/suppliers",
      "/s/acme", "/s/acme/isolate", "/s/cloudhost", "/send", "/account", "/r/unsigned-code", "/sign-in/again", `/status/${unchecked}`,
      "/nonsense",
    ],
    dan: ["/approvals", `/approvals?look=${asked.id}`, "/approvals?show=mine", `/t/${voted}`],
    priya: ["/send", `/t/${released}`, "/account", "/transfers"],
    lena: ["/portal", `/t/${held}`, `/t/${denied}`, "/send", "/account"],
  };
});
after(async () => {
  await browser?.close();
  await gate?.stop();
});

/** Goes through every page, as everybody, in one kind of window. */
async function through(options, visit) {
  for (const [name, paths] of Object.entries(pages)) {
    const context = await openWindow(browser, gate, options);
    const page = await context.newPage();
    if (name) await signInAs(page, name);
    for (const path of paths) {
      const answer = await page.goto(path);
      await visit(page, `${name || "nobody"} ${path}`, answer);
    }
    await context.close();
  }
}

async function findings(page) {
  await page.evaluate(AXE);
  return page.evaluate(async (tags) => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    const { violations } = await globalThis.axe.run(document, { runOnly: tags });
    return violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  }, TAGS);
}

const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 320]) {
    test(`axe finds nothing and nothing scrolls sideways, ${colorScheme}, ${width} px`, async () => {
      const found = [];
      await through({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true }, async (page, where) => {
        for (const finding of await findings(page)) found.push(`${where}: ${finding}`);
        if (await sideways(page) > 0) found.push(`${where}: scrolls sideways`);
      });
      assert.equal(found.join("\n"), "");
    });
  }
}

test("axe finds nothing on pages that answer a form", async () => {
  const context = await openWindow(browser, gate, { viewport: { width: 320, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  await signInAs(page, "ana");
  const found = [];
  const look = async (where) => {
    for (const finding of await findings(page)) found.push(`${where}: ${finding}`);
    if (await sideways(page) > 0) found.push(`${where}: scrolls sideways`);
  };
  const held = pages.ana.find((path) => path.startsWith("/t/"));
  const vote = async (spoil) => {
    await page.goto(held);
    await page.getByLabel("Release it").check();
    if (spoil) await page.locator("input[name=binding]").evaluate((field) => { field.value = "0".repeat(64); });
    await page.getByRole("button", { name: "Go on without a passkey" }).click();
    await page.locator("main h1").waitFor();
  };
  await vote(false);
  await page.getByRole("heading", { name: "Confirm your vote" }).waitFor();
  await look("confirm");
  await vote(true);
  await page.getByRole("link", { name: "Look again" }).waitFor();
  await look("stale");
  await page.getByRole("link", { name: "Look again" }).click();
  await page.getByText("This has changed since you looked.").waitFor();
  await look("changed");
  await page.goto("/s/acme/isolate");
  await page.getByLabel("Type the supplier's name").fill("another");
  await page.getByRole("button", { name: /^Isolate/ }).click();
  await page.getByText("Nothing was done.").waitFor();
  await look("wrong name");
  await page.goto("/sign-in");
  await page.getByLabel("Your short name").fill("nobody");
  await page.locator("input[name=handle]").evaluate((field) => { field.value = "x"; });
  await page.locator("input[name=credential]").evaluate((field) => { field.value = "x"; });
  await page.getByRole("button", { name: "Sign in with passkey" }).click();
  await page.getByText("that passkey did not open this").waitFor();
  await look("not signed in");
  assert.equal(found.join("\n"), "");
  await context.close();
});

test("larger text and more space between lines cut nothing off", async () => {
  const found = [];
  await through({ viewport: { width: 320, height: 900 }, bypassCSP: true }, async (page, where) => {
    // WCAG 2.2, 1.4.12: line height 1.5, after paragraphs 2, between letters 0.12, between words 0.16.
    await page.addStyleTag({ content: "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; } p { margin-bottom: 2em !important; }" });
    if (await sideways(page) > 0) found.push(where);
  });
  assert.equal(found.join("\n"), "");
});

test("forced colours and reduced motion lose nothing", async () => {
  const context = await openWindow(browser, gate, { forcedColors: "active", reducedMotion: "reduce" });
  const page = await context.newPage();
  await signInAs(page, "ana");
  await page.goto("/transfers");
  const border = await page.locator(".pill").first().evaluate((pill) => getComputedStyle(pill).borderTopWidth);
  assert.notEqual(border, "0px", "a pill keeps its edge");
  await context.close();
});

test("every control can be hit with a finger", async () => {
  const small = [];
  await through({ viewport: { width: 320, height: 900 } }, async (page, where) => {
    const found = await page.evaluate(() => [...document.querySelectorAll("button, select, input:not([type=hidden]), .places a, summary")]
      .filter((element) => element.checkVisibility() && !element.closest("dialog"))
      .map((element) => ({ box: element.getBoundingClientRect(), label: element.textContent.trim().slice(0, 20) || element.name, labelled: element.closest("label") }))
      .filter(({ box, labelled }) => (labelled ? labelled.getBoundingClientRect().height : box.height) < 24 || box.width < 20)
      .map(({ label }) => label));
    for (const label of found) small.push(`${where}: ${label}`);
  });
  assert.equal(small.join("\n"), "");
});

test("the markup is valid", async () => {
  const validator = new HtmlValidate({
    extends: ["html-validate:recommended", "html-validate:a11y"],
    // maud writes void elements and boolean attributes in the short form; long lines are no fault of a machine's output.
    rules: { "void-style": "off", "attribute-boolean-style": "off", "attribute-empty-style": "off", "no-trailing-whitespace": "off", "long-title": "off" },
  });
  const found = new Set();
  await through({ javaScriptEnabled: false }, async (page, where, answer) => {
    const report = await validator.validateString(await answer.text());
    for (const result of report.results) {
      for (const message of result.messages) found.add(`${where}: ${message.ruleId}: ${message.message} (${message.line}:${message.column})`);
    }
  });
  assert.equal([...found].join("\n"), "");
});

test("pages stay within their budget", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await signInAs(page, "ana");
  for (const path of pages.ana.filter((path) => path !== "/send")) {
    let bytes = 0;
    const loaded = [];
    const count = async (response) => {
      // What follows an open page is no part of its first load.
      if (!["document", "stylesheet", "script", "image", "font"].includes(response.request().resourceType())) return;
      loaded.push(response.url());
      bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
    };
    await context.clearCookies({ name: "none" });
    page.on("response", count);
    const session = await context.newCDPSession(page);
    await session.send("Network.clearBrowserCache");
    const answer = await page.goto(path, { waitUntil: "load" });
    await page.waitForTimeout(100);
    page.off("response", count);
    const html = (await answer.body()).length;
    assert.ok(html <= 24 * 1024, `${path}: ${html} bytes of HTML`);
    assert.ok(bytes <= 80 * 1024, `${path}: ${bytes} bytes in all: ${loaded.join(" ")}`);
  }
  await context.close();
});

test("the keyboard finds, goes, moves, opens and chooses", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await signInAs(page, "ana");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByRole("heading", { name: "Transfers" }).waitFor();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "find");
  await page.keyboard.type("gt?");
  assert.equal(await page.locator("#find").inputValue(), "gt?", "no shortcut while typing");
  await page.locator("main").focus();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const second = await page.evaluate(() => document.activeElement.getAttribute("href"));
  await page.keyboard.press("k");
  assert.notEqual(await page.evaluate(() => document.activeElement.getAttribute("href")), second);
  await page.keyboard.press("o");
  await page.waitForURL(/\/t\/LZ-/);
  await page.goto("/approvals");
  await page.keyboard.press("d");
  assert.equal(await page.locator("input[name=vote]:checked").inputValue(), "reject");
  await page.keyboard.press("a");
  assert.equal(await page.locator("input[name=vote]:checked").inputValue(), "approve");
  assert.equal(new URL(page.url()).pathname, "/approvals", "a key never submits");
  await page.goto("/account");
  await page.getByLabel("Shortcuts of single keys").uncheck();
  await page.goto("/");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForTimeout(200);
  assert.equal(new URL(page.url()).pathname, "/", "switched off");
  await context.close();
});

test("without scripts one signs in, finds, reads and approves", async () => {
  const context = await openWindow(browser, gate, { javaScriptEnabled: false });
  const page = await context.newPage();
  const reference = await gate.put("acme", "acme-in/without-scripts.sh", "#!/bin/sh\necho plain\n");
  await page.goto(`/t/${reference}`);
  await page.locator("button[name=demo][value=dan]").click();
  await page.getByRole("heading", { name: "without-scripts.sh" }).waitFor();
  assert.match(await page.locator("main time").first().innerText(), /UTC$/, "times say their zone");
  await page.getByLabel("Find a transfer").fill(reference.toLowerCase().replaceAll("-", " "));
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("heading", { name: "without-scripts.sh" }).waitFor();
  await page.getByLabel("Release it").check();
  await page.getByLabel("Reason").fill("by hand");
  await page.getByRole("button", { name: "Go on without a passkey" }).click();
  await page.getByRole("button", { name: /^Confirm as/ }).click();
  await page.getByText("Recorded as entry").waitFor();
  await page.getByRole("link", { name: "Transfers" }).click();
  await page.getByLabel("State").selectOption("held");
  await page.getByLabel("Party").selectOption("acme");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("link", { name: "without-scripts.sh" }).waitFor();
  await page.getByRole("link", { name: "Show all" }).click();
  await page.getByRole("link", { name: "Older →" }).click();
  assert.equal(await page.getByRole("link", { name: "without-scripts.sh" }).count(), 0, "the next page");
  await context.close();
});

// EVIDENCE-OF: R-312
test("a receipt and an object are handed out as files, to those who may have them", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await signInAs(page, "priya");
  const reference = pages.priya[1].slice("/t/".length);
  await page.goto(`/t/${reference}`);
  for (const link of [`${reference}.receipt`, "Collect"]) {
    const href = await page.getByRole("link", { name: link }).getAttribute("href");
    const headers = await page.evaluate(async (href) => Object.fromEntries((await fetch(href)).headers), href);
    assert.match(headers["content-disposition"], /^attachment/, link);
    assert.match(headers["content-security-policy"], /sandbox/, link);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: link }).click()]);
    assert.ok((await download.path()).length > 0, link);
  }
  await page.locator(".banner").getByText("DELIVERED").waitFor();
  await context.close();
});
