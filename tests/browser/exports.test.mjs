import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { counted, Daybook, launch, open, startExport, until, unexpected } from "./harness.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Runs a test on a server with settings of its own. */
async function on(settings, options, body) {
  const daybook = await Daybook.start(settings, options);
  try {
    await body(daybook, await daybook.token());
  } finally {
    await daybook.stop();
  }
}

test("what is seen is exported and downloaded", () =>
  on({}, [], async (daybook, token) => {
    const page = await open(browser, `${daybook.url}/o/acme/log?action=device.retire&outcome=DENIED`, { token });
    await page.locator(".entry-row[aria-rowindex]").first().waitFor();
    const seen = await counted(page);
    await page.getByRole("button", { name: "Export" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${seen} records`).waitFor();
    await dialog.getByText("JSON Lines").click();
    await dialog.getByRole("button", { name: "Start export" }).click();
    const downloading = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Download" }).click();
    const lines = (await readFile(await (await downloading).path(), "utf8")).trim().split("\n").map(JSON.parse);
    assert.equal(lines.length, seen);
    assert.ok(lines.every(({ action, outcome }) => action === "device.retire" && outcome === "DENIED"));
    assert.deepEqual(page.complaints, []);
  }));

test("a job is queued, canceled, repeated and worked before one's eyes", () =>
  on({ DAYBOOK_EXPORT_INLINE_RECORDS: "0" }, ["--no-jobs"], async (daybook, token) => {
    const page = await open(browser, `${daybook.url}/o/acme/exports`, { token });
    await page.getByRole("heading", { name: "No exports yet" }).waitFor();
    await page.getByRole("button", { name: "New export" }).click();
    await page.getByRole("button", { name: "Start export" }).click();
    await page.getByText("Waiting for a worker").first().waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).last().click();

    const rows = page.locator(".job-row");
    await rows.getByRole("button", { name: "Cancel" }).click();
    await rows.getByText("Canceled").waitFor();
    await rows.getByRole("button", { name: "Retry" }).click();
    await rows.getByText("Queued").waitFor();
    assert.equal(await rows.count(), 2);
    await rows.first().getByRole("link").click();
    const steps = page.locator(".timeline-step");
    await until("one step", async () => (await steps.count()) === 1);
    await daybook.work();
    await page.getByRole("dialog").getByText("Succeeded").first().waitFor();
    await until("three steps", async () => (await steps.count()) === 3);
    assert.deepEqual(await page.locator(".timeline-state").allTextContents(), ["Queued", "Running", "Succeeded"]);
    assert.deepEqual(unexpected(page.complaints), []);
  }));

test("an export that the cap cut off goes on piece by piece", () =>
  on({ DAYBOOK_EXPORT_MAX_RECORDS: "2000" }, [], async (daybook, token) => {
    const page = await open(browser, `${daybook.url}/o/acme/exports`, { token });
    await page.getByRole("button", { name: "New export" }).click();
    await page.getByRole("button", { name: "Start export" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Export the next piece" }).click();
    await dialog.getByRole("button", { name: "Export the next piece" }).waitFor({ state: "detached" });
    await dialog.getByText("Succeeded").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".job-row").count(), 2);
    assert.deepEqual(page.complaints, []);
  }));

test("a file that has expired says so", () =>
  on({ DAYBOOK_ARTIFACT_TTL: "20s" }, [], async (daybook, token) => {
    const job = await startExport(daybook, token);
    const page = await open(browser, `${daybook.url}/o/acme/exports`, { token });
    await page.getByRole("button", { name: "Download" }).waitFor();
    const document = "query($id: ID!) { job(id: $id) { artifact { expired } } }";
    await until("it has expired", async () => (await daybook.query(token, document, { id: job })).job.artifact?.expired);
    await page.getByRole("button", { name: "Download" }).click();
    await page.getByText("The file has expired. Start a new job to create a new file.").waitFor();
    await page.reload();
    await page.getByText("File expired").waitFor();
    assert.deepEqual(page.complaints, []);
  }));

test("a workbook is exported, and long values are named before the download", () =>
  on({}, [], async (daybook, token) => {
    await daybook.record(token, {
      actor: { id: "long" },
      action: "long.value",
      resource: { type: "document", id: "1" },
      metadata: { extra: "x".repeat(40_000) },
    });
    const page = await open(browser, `${daybook.url}/o/acme/log?action=long.value`, { token });
    await page.locator(".entry-row[aria-rowindex]").first().waitFor();
    for (const [format, note] of [
      ["Excel", "1 value with more than 32,767 characters, in full on the sheet “Long values”"],
      ["CSV", "1 value with more than 32,767 characters: Excel and LibreOffice"],
    ]) {
      await page.getByRole("button", { name: "Export" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText(format, { exact: true }).click();
      const hasCompression = (await dialog.getByText("Compression").count()) > 0;
      assert.equal(hasCompression, format === "CSV");
      await dialog.getByRole("button", { name: "Start export" }).click();
      await dialog.getByText(note).waitFor();
      const downloading = page.waitForEvent("download");
      await dialog.getByRole("button", { name: "Download" }).click();
      const download = await downloading;
      assert.match(download.suggestedFilename(), format === "Excel" ? /\.xlsx$/ : /\.csv$/);
      const start = (await readFile(await download.path())).subarray(0, 2).toString();
      assert.equal(start, format === "Excel" ? "PK" : "se");
      await page.keyboard.press("Escape");
    }
    assert.deepEqual(page.complaints, []);
  }));
