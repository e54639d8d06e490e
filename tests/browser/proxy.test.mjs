import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, RewritingProxy, startExport, until } from "./harness.mjs";

let daybook;
let browser;
let token;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start({ DAYBOOK_EXPORTS_PER_HOUR: "100" }), launch()]);
  token = await daybook.token();
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

test("behind a proxy that rewrites Host, the dashboard says what to set and stops trying", async (context) => {
  const proxy = await RewritingProxy.to(daybook.port);
  context.after(() => proxy.stop());
  const page = await open(browser, `${proxy.url}/o/acme/jobs`, { token });
  const banner = page.locator(".connection-banner");
  await banner.getByText("The server refuses live updates.").waitFor();
  const text = await banner.innerText();
  for (const word of [`DAYBOOK_PUBLIC_URL=${proxy.url}`, `127.0.0.1:${daybook.port}`, "DAYBOOK_CORS_ORIGINS"]) {
    assert.ok(text.includes(word), `${word} is not in ${text}`);
  }
  assert.ok(!text.includes("Reconnecting"));
  const tries = proxy.upgrades;
  // The next page shares what is known, and what is there is shown.
  await page.getByRole("link", { name: "Audit log" }).click();
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  await page.getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await page.waitForFunction(() => performance.now() > 6_000);
  assert.equal(proxy.upgrades, tries, "it goes on trying");
  await banner.getByText("The server refuses live updates.").waitFor();
});

test("with DAYBOOK_PUBLIC_URL the same proxy carries live updates", async (context) => {
  const proxy = await RewritingProxy.to(daybook.port);
  context.after(() => proxy.stop());
  context.after(async () => {
    delete daybook.environment.DAYBOOK_PUBLIC_URL;
    await daybook.kill();
    await daybook.resume();
  });
  await daybook.kill();
  daybook.environment.DAYBOOK_PUBLIC_URL = proxy.url;
  await daybook.resume();
  const page = await open(browser, `${proxy.url}/o/acme/jobs`, { token });
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await startExport(daybook, token);
  await page.locator(".job-row").getByText("Succeeded").waitFor();
  assert.equal(await page.locator(".connection-banner").count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("a proxy that passes no WebSockets on is told from a server that restarts", async (context) => {
  const proxy = await RewritingProxy.to(daybook.port, { passesUpgrades: false });
  context.after(() => proxy.stop());
  context.after(async () => {
    delete daybook.environment.DAYBOOK_PUBLIC_URL;
    await daybook.kill();
    await daybook.resume();
  });
  await daybook.kill();
  daybook.environment.DAYBOOK_PUBLIC_URL = proxy.url;
  await daybook.resume();
  const page = await open(browser, `${proxy.url}/o/acme/jobs`, { token });
  await page.getByText("Live updates are blocked.").waitFor();
  const tries = proxy.upgrades;
  await until("it tries again by and by", () => proxy.upgrades > tries);
  assert.equal(await page.getByText("Reconnecting…").count(), 0);
});
