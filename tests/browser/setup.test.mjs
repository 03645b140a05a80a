// A gate that is no demo: the link to set it up, the first administrator's passkey, and the doors that are not there.

import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { after, before, test } from "node:test";

import { Gate, openBrowser, openWindow, virtualPasskey } from "./gate.mjs";

let gate;
let browser;
let link;
let token;

before(async () => {
  gate = await Gate.start({ demo: false });
  browser = await openBrowser();
  link = readFileSync(gate.ready.setup_link_file, "utf8").trim();
});
after(async () => {
  await browser?.close();
  assert.equal(await gate?.stop(), 0);
});

test("without a sign-in there is a way in by passkey, and no demo's buttons", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await page.goto("/");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  assert.equal(await page.locator("button[name=demo]").count(), 0);
  assert.equal(await page.getByText("Demo.").count(), 0);
  await context.close();
});

// EVIDENCE-OF: R-205
test("the link of the ready file makes the first administrator, once", async () => {
  assert.match(link, new RegExp(`^${gate.url}/setup/[A-Za-z0-9_-]{43}$`));
  assert.equal(statSync(gate.ready.setup_link_file).mode & 0o077, 0, "nobody else may read it");
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  const { session, authenticatorId } = await virtualPasskey(page);
  await page.goto(link);
  await page.getByLabel("Your name", { exact: true }).fill("Ada Example");
  await page.getByLabel("A short name to sign in by").fill("ada");
  await page.getByRole("button", { name: "Make a passkey and sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const { credentials } = await session.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(credentials.length, 1);
  assert.equal(credentials[0].rpId, "localhost");
  assert.ok(!existsSync(gate.ready.setup_link_file), "the file is gone");

  await page.goto("/account");
  assert.match(await page.locator("main").innerText(), /administrator/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();

  const again = await page.goto(link);
  assert.equal(again.status(), 410);

  await page.goto("/sign-in?next=/transfers");
  await page.getByLabel("Your short name").fill("ada");
  await page.getByRole("button", { name: "Sign in with passkey" }).click();
  await page.getByRole("heading", { name: "Transfers" }).waitFor();
  const cookies = (await context.cookies()).filter((cookie) => cookie.name === "__Host-lazaret");
  assert.deepEqual(cookies.map(({ httpOnly, secure, sameSite, path }) => ({ httpOnly, secure, sameSite, path })),
    [{ httpOnly: true, secure: true, sameSite: "Strict", path: "/" }]);

  // Another passkey for the same person: the one that is there may not be made twice.
  await page.goto("/account");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("already known here").waitFor();
  await session.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
  await session.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", transport: "usb", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  } });
  await page.reload();
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.waitForFunction(() => document.querySelectorAll("[aria-labelledby=passkeys] ul.list li").length === 2);

  await page.getByRole("button", { name: "Make a token" }).click();
  token = (await page.locator("main p.mono").innerText()).trim();
  assert.match(token, /^lzt_/);
  await context.close();
});

test("somebody who was recorded comes in by a link, once", async () => {
  const context = await openWindow(browser, gate);
  const ask = async (path, data) => {
    const answer = await context.request.post(`${gate.url}/api/v1${path}`, { data, headers: { Authorization: `Bearer ${token}` } });
    assert.equal(answer.status(), 200, await answer.text());
    return answer.json();
  };
  await ask("/people", { slug: "ben", name: "Ben Kim" });
  const { link: invitation } = await ask("/people/ben/invitation");

  const page = await context.newPage();
  await virtualPasskey(page);
  await page.goto(invitation);
  await page.getByRole("heading", { name: "Welcome, Ben Kim" }).waitFor();
  await page.getByRole("button", { name: "Make a passkey and sign in" }).click();
  await page.getByText("sending takes a role").waitFor();
  const granted = await ask("/people/ben/roles", { role: "biomed" });
  assert.deepEqual(granted.person.roles, ["biomed"], "the house is still being founded");
  await page.goto("/account");
  assert.match(await page.locator("main").innerText(), /biomed approver/);
  assert.equal((await page.goto(invitation)).status(), 410);
  await context.close();
});

test("an account that nobody has is asked for a passkey all the same, and five failures lock it", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await page.goto("/sign-in");
  const begin = (account) => page.evaluate(async (account) => {
    const answer = await fetch("/sign-in/begin", { method: "POST", body: new URLSearchParams({ account }) });
    return { status: answer.status, body: await answer.json() };
  }, account);
  const [known, unknown, same] = [await begin("ada"), await begin("nobody"), await begin("nobody")];
  const shape = (answer) => Object.keys(answer.body.options.publicKey).sort();
  assert.deepEqual([known.status, unknown.status], [200, 200]);
  assert.deepEqual(shape(known), shape(unknown));
  assert.deepEqual(unknown.body.options.publicKey.allowCredentials, same.body.options.publicKey.allowCredentials);
  assert.notEqual(unknown.body.options.publicKey.challenge, same.body.options.publicKey.challenge);

  const fail = (account) => page.evaluate(async (account) => {
    const body = new URLSearchParams({ account, handle: "AAAAAAAAAAAAAAAAAAAAAA", credential: "{}" });
    return (await (await fetch("/sign-in", { method: "POST", body })).text()).includes("too many tries");
  }, account);
  const locked = [];
  for (let at = 0; at < 6; at += 1) locked.push(await fail("mallory"));
  assert.deepEqual(locked, [false, false, false, false, false, true]);
  assert.equal((await begin("mallory")).status, 401);
  assert.equal((await begin("ada")).status, 200, "another account is free");
  await context.close();
});

test("a demo's way in is refused where there is no demo", async () => {
  const context = await openWindow(browser, gate);
  const page = await context.newPage();
  await page.goto("/sign-in");
  const entered = await page.evaluate(async () => {
    const answer = await fetch("/sign-in", { method: "POST", body: new URLSearchParams({ demo: "ada" }) });
    return answer.redirected || (await answer.text()).includes("Overview");
  });
  assert.equal(entered, false);
  assert.deepEqual(await context.cookies(), []);
  await context.close();
});

// EVIDENCE-OF: R-205
test("after a restart the link is gone, though nobody used it", async () => {
  const unused = await Gate.start({ demo: false });
  const path = new URL(readFileSync(unused.ready.setup_link_file, "utf8").trim()).pathname;
  const context = await openWindow(browser, unused);
  assert.equal((await context.request.get(`${unused.url}${path}`)).status(), 200);
  assert.equal(await unused.end(), 0);
  await unused.run();
  assert.equal(unused.ready.setup_link_file, undefined);
  assert.ok(!existsSync(`${unused.dir}/setup-link.txt`));
  assert.equal((await context.request.get(`${unused.url}${path}`)).status(), 410);
  await context.close();
  assert.equal(await unused.stop(), 0);
});
