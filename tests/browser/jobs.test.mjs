import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, Network, open, startExport, until, unexpected } from "./harness.mjs";

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

const rows = (page) => page.locator(".job-row");

/** The cursors with which the page subscribed to jobs, connection by connection. */
function subscriptions(page) {
  const cursors = [];
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(payload);
      const isJobs = message.type === "subscribe" && message.payload.query.includes("jobUpdates");
      if (isJobs) cursors.push(message.payload.variables.after ?? null);
    }),
  );
  return cursors;
}

async function succeeded(page, count) {
  await until(`${count} jobs succeeded`, async () => {
    const told = await page.locator(".tile-succeeded .tile-count").textContent();
    return told === String(count) && (await rows(page).getByText("Succeeded").count()) === count;
  });
}

test("jobs appear live, are counted by state, and each tells its life", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/jobs`, { token });
  await page.getByRole("heading", { name: "No jobs yet" }).waitFor();
  await startExport(daybook, token);
  await succeeded(page, 1);
  await startExport(daybook, token, "JSON");
  await succeeded(page, 2);
  await page.getByRole("button", { name: /Failed/ }).click();
  await page.getByRole("heading", { name: "No job in this state" }).waitFor();
  await page.getByRole("button", { name: /Succeeded/ }).click();
  assert.equal(await rows(page).count(), 2);
  await rows(page).first().getByRole("link").click();
  await page.locator(".timeline-step").nth(2).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("charts tell how many ended how, how long they took, and why some failed", async (context) => {
  // Nothing works the jobs until all are there.
  const daybook = await Daybook.start({ DAYBOOK_EXPORTS_PER_HOUR: "100" }, ["--no-jobs"]);
  context.after(() => daybook.stop());
  const [admin, auditor] = [await daybook.token(), await daybook.token("auditor")];
  await startExport(daybook, admin);
  for (const format of ["CSV", "JSON"]) await startExport(daybook, auditor, format);
  const unwanted = await startExport(daybook, admin, "JSONL");
  const cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { userErrors { message } } }";
  await daybook.query(admin, cancel, { id: unwanted });
  await daybook.command("member", "remove", "auditor", "--organization", "acme");
  const page = await open(browser, `${daybook.url}/o/acme/jobs`, { token: admin });
  await page.getByText("No job has finished yet").waitFor();
  await page.getByText("None of these jobs failed.").waitFor();
  await daybook.work();

  await page.getByText(/^4 jobs finished since .*, 2 failed, 1 canceled$/).waitFor();
  const bars = (name) => page.locator(`.chart-${name}`).evaluateAll((parts) => parts.map((part) => Number(part.getAttribute("height"))));
  // In the last of the buckets, each as high as there are jobs.
  for (const [name, height] of [["good", 15], ["canceled", 15], ["bad", 30]]) {
    const heights = await bars(name);
    assert.deepEqual([heights.length, heights.at(-1)], [24, height], name);
    assert.ok(heights.slice(0, -1).every((height) => height === 0), `${name}: ${heights}`);
  }
  assert.match(await page.locator(".chart", { hasText: "Duration" }).innerText(), /median .+, 95 % within .+/);
  assert.equal(await page.locator(".chart-bar").count(), 3, "the one that was canceled never ran");
  assert.deepEqual(await page.locator(".failures li > *").allTextContents(), ["Access revoked", "2"]);
  await page.getByRole("button", { name: /Failed/ }).click();
  assert.equal(await rows(page).count(), 2);
  await rows(page).first().getByText("whoever asked for it may not do so any more").waitFor();
  await rows(page).first().getByRole("link").click();
  await page.locator(".timeline-step").getByText("Failed").waitFor();
  assert.deepEqual(unexpected(page.complaints), []);
});

test("what happens before the feed is open is shown, too", async () => {
  const page = await open(browser, "about:blank", { token });
  let letThrough;
  const opening = new Promise((resolve) => {
    letThrough = resolve;
  });
  await page.routeWebSocket(/\/graphql/, async (socket) => {
    await opening;
    socket.connectToServer();
  });
  await page.goto(`${daybook.url}/o/acme/jobs`);
  await succeeded(page, 2);
  const job = await startExport(daybook, token);
  const document = "query($id: ID!) { job(id: $id) { state } }";
  await until("it succeeded", async () => (await daybook.query(token, document, { id: job })).job.state === "SUCCEEDED");
  letThrough();
  await succeeded(page, 3);
});

test("a restart of the server is bridged, and nothing is missed", async () => {
  const page = await open(browser, "about:blank", { token });
  const cursors = subscriptions(page);
  await page.goto(`${daybook.url}/o/acme/jobs`);
  await startExport(daybook, token);
  await succeeded(page, 4);
  await daybook.kill();
  await page.getByText("Reconnecting…").waitFor();
  await daybook.resume();
  for (let index = 0; index < 3; index++) await startExport(daybook, token);
  await succeeded(page, 7);
  await page.getByText("Reconnecting…").waitFor({ state: "detached" });
  assert.ok(cursors.at(-1), `resumed by its cursor: ${cursors}`);
});

test("a network that is cut, and one that falls silent, are bridged", async (context) => {
  const network = await Network.to(daybook.port);
  context.after(() => network.stop());
  const page = await open(browser, "about:blank", { token });
  const cursors = subscriptions(page);
  await page.goto(`${network.url}/o/acme/jobs`);
  await startExport(daybook, token);
  await succeeded(page, 8);
  network.cut();
  await page.getByText("Reconnecting…").waitFor();
  for (let index = 0; index < 2; index++) await startExport(daybook, token);
  network.restore();
  await succeeded(page, 10);

  network.silence();
  await startExport(daybook, token);
  // Nobody closes the connection: only a ping without an answer tells.
  await page.getByText("Reconnecting…").waitFor();
  network.restore();
  await succeeded(page, 11);
  assert.ok(cursors.length >= 3 && cursors.slice(-2).every(Boolean), `resumed by cursors: ${cursors}`);
});
