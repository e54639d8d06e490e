import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open } from "./harness.mjs";

let daybook;
let browser;
let token;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
  token = await daybook.token();
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

/** The picker of a log in Berlin, where clocks went back from 03:00 to 02:00 on 25 October 2026. */
async function picker(query = "") {
  const options = { token, timezoneId: "Europe/Berlin" };
  const page = await open(browser, `${daybook.url}/o/acme/log${query}`, options);
  await page.getByRole("button", { name: /^Happened/ }).click();
  return page;
}

async function applied(page) {
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("button", { name: "Apply" }).waitFor({ state: "detached" });
  const query = new URL(page.url()).searchParams;
  return [query.get("from"), query.get("to")];
}

test("a range that nobody touched stays what it was, to the microsecond", async () => {
  for (const [from, to] of [
    ["2026-11-01T10:00:15.123456Z", "2026-11-21T22:59:59.999999Z"],
    // The second 02:30 of that night, to its second 02:45.
    ["2026-10-25T01:30:00Z", "2026-10-25T01:45:00Z"],
    // From the first 02:45 to the second 02:15: later, though its text is earlier.
    ["2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z"],
  ]) {
    const page = await picker(`?from=${from}&to=${to}`);
    assert.deepEqual(await applied(page), [from, to]);
    assert.deepEqual(page.complaints, []);
  }
});

test("the other end of a range stays what it was", async () => {
  const page = await picker("?from=2026-11-01T10:00:15.123456Z&to=2026-11-21T23:00:00Z");
  await page.getByLabel("To", { exact: true }).fill("2026-11-22T10:00");
  assert.deepEqual(await applied(page), ["2026-11-01T10:00:15.123456Z", "2026-11-22T09:01:00.000Z"]);
});

test("a range includes its last minute, and says so", async () => {
  const page = await picker();
  await page.getByLabel("To", { exact: true }).fill("2026-11-21T23:59");
  await page.getByText("The last minute is included.").waitFor();
  assert.deepEqual(await applied(page), [null, "2026-11-21T23:00:00.000Z"]);
  await page.getByRole("button", { name: /^Happened: Until Nov 21, 11:59 PM/ }).click();
  assert.equal(await page.getByLabel("To", { exact: true }).inputValue(), "2026-11-21T23:59");
});

test("an hour that clocks show twice can be chosen", async () => {
  const page = await picker();
  await page.getByLabel("From").fill("2026-10-25T02:30");
  const which = page.getByLabel("Clocks show this time twice");
  assert.deepEqual(await which.locator("option").allTextContents(), [
    "the first time, UTC+02:00",
    "the second time, UTC+01:00",
  ]);
  await which.selectOption({ index: 1 });
  await page.getByLabel("To", { exact: true }).fill("2026-10-25T03:00");
  assert.deepEqual(await applied(page), ["2026-10-25T01:30:00.000Z", "2026-10-25T02:01:00.000Z"]);
  await page.getByRole("button", { name: /^Happened/ }).click();
  assert.equal(await page.getByLabel("Clocks show this time twice").inputValue(), "2026-10-25T01:30:00.000Z");
});

test("an hour that clocks skip is taken as a browser takes it", async () => {
  const page = await picker();
  await page.getByLabel("From").fill("2026-03-29T02:30");
  assert.deepEqual(await applied(page), ["2026-03-29T01:30:00.000Z", null]);
});
