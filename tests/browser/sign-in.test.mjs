import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open } from "./harness.mjs";

let daybook;
let browser;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
  await daybook.command("organization", "create", "initech", "--name", "Initech");
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

test("a token is tried, taken, and kept for the tab only", async () => {
  const page = await open(browser, daybook.url);
  await page.getByLabel("Token or API key", { exact: true }).fill("nonsense");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This token or API key is not valid").waitFor();
  // The 401 that the browser tells of is what was asked for.
  page.complaints.length = 0;

  // As people copy it from a header.
  await page.getByLabel("Token or API key", { exact: true }).fill(`Bearer ${await daybook.token()}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Audit log" }).waitFor();
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage })), "{}");
  assert.equal(await page.evaluate(() => document.cookie), "");

  const other = await page.context().newPage();
  await other.goto(daybook.url);
  await other.getByRole("heading", { name: "Sign in to Daybook" }).waitFor();

  await page.reload();
  await page.getByRole("heading", { name: "Audit log" }).waitFor();
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Daybook" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("daybook.token")), null);
  assert.deepEqual(page.complaints, []);
});

test("an API key is taken, and does what its role may", async () => {
  const key = await daybook.command("api-key", "create", "--organization", "acme", "--role", "auditor", "--name", "tab");
  const page = await open(browser, daybook.url);
  await page.getByLabel("Token or API key", { exact: true }).fill(key.trim());
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Audit log" }).waitFor();
  await page.getByRole("grid").waitFor();
  assert.deepEqual(page.complaints, []);
});

test("a credential that runs out leads back with the reason", async () => {
  const token = await daybook.token("auditor", { subject: "brief", ttl: "12s" });
  const page = await open(browser, daybook.url, { token });
  await page.getByRole("heading", { name: "Audit log" }).waitFor();
  await page.getByText("Your token or API key has expired or was revoked.").waitFor();
});

test("the switcher leads to another organization and keeps to what the role may see", async () => {
  await daybook.token("admin", { subject: "both" });
  const token = await daybook.token("auditor", { organization: "initech", subject: "both" });
  const page = await open(browser, daybook.url, { token });
  await page.getByRole("button", { name: /Organization/ }).click();
  await page.getByRole("option", { name: "Initech" }).click();
  await page.waitForURL(/\/o\/initech\/log/);
  await page.getByRole("grid").waitFor();
  assert.match(await page.title(), /Initech/);
  assert.deepEqual(page.complaints, []);
});

test("what a role may not do is not offered", async () => {
  const page = await open(browser, daybook.url, { token: await daybook.token("writer") });
  await page.getByText("Your role can't view anything").waitFor();
  assert.equal(await page.getByRole("link", { name: "Audit log" }).count(), 0);
  const foreign = await open(browser, `${daybook.url}/o/initech/log`, { token: await daybook.token("auditor") });
  await foreign.getByText("Page not found").waitFor();
  assert.deepEqual([...page.complaints, ...foreign.complaints], []);
});
