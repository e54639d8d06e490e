import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Daybook, launch, open } from "./harness.mjs";

let daybook;
let browser;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

test("a backup is made, verified, looked into and downloaded", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/backups`, { token: await daybook.token() });
  await page.getByRole("heading", { name: "No backups yet" }).waitFor();
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.locator(".job-row").getByText("Succeeded").waitFor({ timeout: 60_000 });
  await page.locator(".job-row").getByRole("link").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Verified").waitFor();
  const log = dialog.getByRole("row", { name: /^audit_logs/ });
  assert.match(await log.textContent(), /3,0\d\d/);
  const downloading = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Download" }).click();
  const text = await readFile(await (await downloading).path(), "utf8");
  assert.ok(text.includes("audit_logs"));
  assert.deepEqual(page.complaints, []);
});

test("an operator sees the instance's jobs and backs all of it up; an auditor is offered neither", async () => {
  const operator = await daybook.command("token", "--operator", "--subject", "root");
  const page = await open(browser, daybook.url, { token: operator });
  await page.waitForURL(/\/instance\/jobs/);
  await page.getByRole("link", { name: "Backups" }).click();
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.getByRole("link", { name: "Backup of the whole instance" }).waitFor();
  const auditor = await open(browser, daybook.url, { token: await daybook.token("auditor") });
  await auditor.getByRole("link", { name: "Exports" }).waitFor();
  assert.equal(await auditor.getByRole("link", { name: "Backups" }).count(), 0);
  assert.deepEqual([...page.complaints, ...auditor.complaints], []);
});

test("who may see a job and not have its file is offered no download, and told why", async () => {
  const admin = await daybook.token();
  const organizationId = await daybook.organizationId(admin);
  const start = "mutation($input: StartBackupInput!) { startBackup(input: $input) { job { id } } }";
  await daybook.query(admin, start, { input: { organizationId, idempotencyKey: "seen-by-others" } });
  const operator = await daybook.command("token", "--operator", "--subject", "root");
  for (const [token, path] of [[await daybook.token("auditor"), "/o/acme/jobs"], [operator, "/instance/jobs"]]) {
    const page = await open(browser, daybook.url + path, { token });
    const row = page.locator(".job-row", { hasText: "Backup of the organization" }).first();
    await row.getByText("Succeeded").waitFor({ timeout: 60_000 });
    await row.getByText("File not available to your role").waitFor();
    assert.equal(await row.getByRole("button", { name: /Download|Retry|Cancel/ }).count(), 0);
    await row.getByRole("link").click();
    await page.getByRole("dialog").getByText("but not to download its file").waitFor();
    assert.equal(await page.getByText("expired").count(), 0);
    assert.deepEqual(page.complaints, []);
  }
});

test("a backup's progress does not fall and names its phases", async () => {
  const admin = await daybook.token();
  const organizationId = await daybook.organizationId(admin);
  const entry = { actor: { id: "ada" }, action: "bulk.entry", resource: { type: "device", id: "d" } };
  const entries = Array.from({ length: 1000 }, () => entry);
  const record = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }";
  for (let batch = 0; batch < 12; batch++) await daybook.query(admin, record, { input: { organizationId, entries } });
  const page = await open(browser, `${daybook.url}/o/acme/backups`, { token: admin });
  await page.getByRole("button", { name: "Back up now" }).waitFor();
  await page.evaluate(() => {
    window.seen = [];
    new MutationObserver(() => {
      const bar = document.querySelector(".job-row .progress[aria-valuenow]");
      if (bar) window.seen.push([Number(bar.getAttribute("aria-valuenow")), bar.querySelector(".progress-label").textContent]);
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await page.getByRole("button", { name: "Back up now" }).click();
  // By its size: backups of other tests are listed, too.
  const row = page.locator(".job-row", { hasText: /15,\d{3} records/ });
  await row.getByText("Succeeded").waitFor({ timeout: 90_000 });
  const seen = await page.evaluate(() => window.seen);
  const values = seen.map(([value]) => value);
  assert.deepEqual(values, values.toSorted((one, other) => one - other));
  assert.ok(seen.some(([, text]) => /^(Writing|Verifying)/.test(text)), JSON.stringify(seen));
  assert.deepEqual(page.complaints, []);
});
