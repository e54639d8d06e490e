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
  await page.getByText("Backup of the whole instance").waitFor();
  const auditor = await open(browser, daybook.url, { token: await daybook.token("auditor") });
  await auditor.getByRole("link", { name: "Exports" }).waitFor();
  assert.equal(await auditor.getByRole("link", { name: "Backups" }).count(), 0);
  assert.deepEqual([...page.complaints, ...auditor.complaints], []);
});
