import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { counted, Daybook, launch, Network, open, until } from "./harness.mjs";

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

const rows = (page) => page.locator(".entry-row[aria-rowindex]");

async function explorer(query = "") {
  const page = await open(browser, `${daybook.url}/o/acme/log${query}`, { token });
  await rows(page).first().waitFor();
  return page;
}

test("suggestions make a filter, which is in the URL and can be taken away", async () => {
  const page = await explorer();
  await page.getByRole("combobox", { name: "Action" }).fill("device");
  await page.getByRole("option", { name: "device.retire" }).click();
  await page.waitForURL(/action=device\.retire/);
  await page.getByRole("combobox", { name: "Resource type" }).fill("dev");
  await page.getByRole("option", { name: "device", exact: true }).click();
  await page.waitForURL(/resourceType=device/);
  await until("only retired devices", async () => {
    const actions = await page.locator(".entry-action").allTextContents();
    return actions.length > 5 && actions.every((action) => action === "device.retire");
  });
  const told = await counted(page);

  // Whoever gets the link sees the same.
  const shared = await explorer(new URL(page.url()).search);
  await until("the same count", async () => (await counted(shared)) === told);

  await page.getByRole("button", { name: "Remove filter Action" }).click();
  await until("more than before", async () => (await counted(page)) > told);
  assert.ok(!page.url().includes("action="));
  await page.getByRole("button", { name: "Clear all" }).click();
  assert.equal(new URL(page.url()).search, "");
  await page.goBack();
  assert.match(page.url(), /resourceType=device/);
  assert.deepEqual([...page.complaints, ...shared.complaints], []);
});

test("a prefix, an outcome and conditions of the second row filter, too", async () => {
  const page = await explorer();
  await page.getByRole("combobox", { name: "Action" }).fill("session.*");
  await page.keyboard.press("Enter");
  await page.waitForURL(/action=session/);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /Outcome/ }).click();
  await page.getByRole("option", { name: "Denied" }).click();
  await page.waitForURL(/outcome=DENIED/);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("textbox", { name: "Actor ID" }).fill("grace");
  await page.keyboard.press("Enter");
  await page.waitForURL(/actorId=grace/);
  await page.keyboard.press("Escape");
  await until("denied sessions of Grace", async () => {
    const texts = await rows(page).allTextContents();
    return texts.length > 0 && texts.every((text) => /Grace Hopper.*session\..*Denied/.test(text));
  });
  assert.deepEqual(page.complaints, []);
});

test("several values, what is not, networks and values in extra filter, too", async () => {
  const entry = (action, ipAddress, region) => ({ action, metadata: { ipAddress, extra: { deploy: { region } } } });
  await daybook.record(
    token,
    entry("filter.one", "10.1.2.3", "eu"),
    entry("filter.two", "192.0.2.7", "us"),
    entry("filter.three", "192.0.2.8", "eu"),
  );
  const page = await explorer();
  const shown = (page, ...actions) =>
    until(`only ${actions}`, async () => {
      const texts = await page.locator(".entry-action").allTextContents();
      return texts.join() === actions.join();
    });
  const choose = async (select, option) => {
    await form.getByRole("button", { name: select }).click();
    await page.getByRole("option", { name: option, exact: true }).click();
  };
  const form = page.getByRole("form", { name: "Add a condition" });
  const add = async (value) => {
    await form.getByLabel("Value").fill(value);
    await form.getByRole("button", { name: "Add", exact: true }).click();
  };
  await page.getByRole("button", { name: "More" }).click();
  await add("filter.one");
  await page.waitForURL(/action=filter\.one/);
  await add("filter.two");
  await page.waitForURL(/action=filter\.one&action=filter\.two/);
  await shown(page, "filter.two", "filter.one");
  await choose(/Field/, "IP address");
  await choose(/Comparison/, "is not");
  await add("ten");
  await form.getByText("Enter an address").waitFor();
  await add("10.0.0.0/8");
  await page.waitForURL(/not\.ipAddress=10/);
  await shown(page, "filter.two");
  await choose(/Field/, "Extra");
  await form.getByLabel("Path").fill("/deploy/region");
  await add("us");
  await page.waitForURL(/extra=/);
  await shown(page, "filter.two");
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/filter.png` });
  await page.keyboard.press("Escape");

  // Whoever gets the link sees the same, and takes away one condition after the other.
  const shared = await explorer(new URL(page.url()).search);
  await shown(shared, "filter.two");
  if (process.env.SCREENSHOTS) await shared.screenshot({ path: `${process.env.SCREENSHOTS}/chips.png` });
  await shared.getByRole("button", { name: "Remove filter Extra /deploy/region" }).click();
  await shared.getByRole("button", { name: "Remove filter IP address is not 10.0.0.0/8" }).click();
  await shown(shared, "filter.two", "filter.one");
  await shared.getByRole("button", { name: "Remove filter Action filter.two" }).click();
  await shown(shared, "filter.one");
  assert.match(new URL(shared.url()).search, /^\?action=filter\.one$/);
  assert.equal(await shared.getByRole("combobox", { name: "Action" }).inputValue(), "filter.one");
  assert.deepEqual([...page.complaints, ...shared.complaints], []);
});

test("words are searched for", async () => {
  const page = await explorer();
  await page.getByLabel("Search").fill("lovelace retire");
  await page.keyboard.press("Enter");
  await page.waitForURL(/search=lovelace/);
  await until("Ada's retired devices alone", async () => {
    const texts = await rows(page).allTextContents();
    return texts.length > 0 && texts.every((text) => /Ada Lovelace.*device\.retire/.test(text));
  });
  assert.deepEqual(page.complaints, []);
});

test("what matches nothing says what to do", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/log?action=nothing.such`, { token });
  await page.getByRole("heading", { name: "No entry matches" }).waitFor();
  await page.getByRole("button", { name: "Clear all filters" }).click();
  await rows(page).first().waitFor();
  assert.deepEqual(page.complaints, []);
});

test("the whole log scrolls by, with few rows in the document at any time", async () => {
  const page = await explorer("?order=RECORDED_ASC");
  const grid = page.locator(".entry-grid");
  let most = 0;
  await until("the end of the log", async () => {
    await grid.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
    });
    most = Math.max(most, await rows(page).count());
    return (await page.getByRole("grid").getAttribute("aria-rowcount")) !== "-1";
  });
  assert.ok(most < 80, `${most} rows`);
  const told = await counted(page);
  const count = Number(await page.getByRole("grid").getAttribute("aria-rowcount")) - 1;
  assert.equal(count, told);
  // None is there twice, none is missing: the numbers of the rows are those of the entries.
  await until("the last row", async () => (await rows(page).last().getAttribute("aria-rowindex")) === String(count + 1));
  await rows(page).last().click();
  const digits = new Intl.NumberFormat("en-US").format(count);
  await page.getByRole("heading", { name: `Entry ${digits}`, exact: true }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("keys alone lead to an entry, its neighbours and back", async () => {
  const page = await explorer("?action=user.role.change");
  await page.locator(".entry-grid").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.locator('[aria-selected="true"]').getAttribute("aria-rowindex"), "3");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("columnheader", { name: "Before" }).waitFor();
  assert.equal(await dialog.locator("del").textContent(), "member");
  assert.equal(await dialog.locator("ins").textContent(), "admin");
  const entry = new URL(page.url()).searchParams.get("entry");
  await dialog.getByRole("button", { name: "Next entry" }).click();
  await until("the next entry", () => new URL(page.url()).searchParams.get("entry") !== entry);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.className.trim()), "entry-grid");
  assert.deepEqual(page.complaints, []);
});

test("the detail says for whom, on what else, and by which clock", async () => {
  await daybook.record(token, {
    action: "detail.whole",
    timestamp: new Date(Date.now() + 3_600_000).toISOString(),
    actor: { id: "bot", type: "AGENT" },
    onBehalfOf: { id: "grace", name: "Grace Hopper", email: "grace@acme.test" },
    // The same resource twice is shown twice.
    relatedResources: ["site-7", "site-7"].map((id) => ({ type: "site", id })),
  });
  const page = await explorer("?action=detail.whole");
  await rows(page).first().click();
  const dialog = page.getByRole("dialog");
  for (const text of ["Grace Hopper", "grace@acme.test", "The recording application's clock is wrong"]) {
    await dialog.getByText(text).waitFor();
  }
  assert.equal(await dialog.locator(".fact", { hasText: "Related resource" }).count(), 2);
  await dialog.getByRole("button", { name: "Show only this resource" }).last().click();
  await page.waitForURL(/resourceId=site-7/);
  await until("the entry by its related resource", async () => (await counted(page)) === 1);
  assert.deepEqual(page.complaints, []);
});

test("the detail filters by what it shows", async () => {
  const page = await explorer();
  await rows(page).nth(3).click();
  await page.getByRole("button", { name: "Show only this actor" }).click();
  await page.waitForURL(/actorId=/);
  assert.ok(!page.url().includes("entry="));
  assert.deepEqual(page.complaints, []);
});

test("new entries come in live, wait while paused or scrolled, and catch up", async () => {
  const page = await explorer();
  const newest = () => page.locator('[aria-rowindex="2"] .entry-action').textContent();
  await page.getByText("Live", { exact: true }).waitFor();
  await daybook.record(token, "live.first");
  await until("the entry is shown", async () => (await newest()) === "live.first");

  await page.getByRole("button", { name: "Pause" }).click();
  await daybook.record(token, "live.second", "live.third");
  const waiting = page.getByRole("button", { name: "Show 2 new entries" });
  await waiting.waitFor();
  assert.equal(await newest(), "live.first");
  await page.getByRole("button", { name: "Resume" }).click();
  await until("both are shown, in order", async () => {
    const actions = await page.locator(".entry-action").allTextContents();
    return actions.slice(0, 3).join() === "live.third,live.second,live.first";
  });

  await page.locator(".entry-grid").evaluate((element) => {
    element.scrollTop = 2_000;
  });
  await daybook.record(token, "live.fourth");
  await page.getByRole("button", { name: "Show 1 new entry" }).waitFor();
  await page.locator(".entry-grid").evaluate((element) => {
    element.scrollTop = 0;
  });
  await until("the fourth is shown", async () => (await newest()) === "live.fourth");
  assert.deepEqual(page.complaints, []);
});

test("what is recorded while the network is cut is shown, also where nothing matched before", async (context) => {
  const network = await Network.to(daybook.port);
  context.after(() => network.stop());
  const page = await open(browser, `${network.url}/o/acme/log?action=cut.*`, { token });
  await page.getByRole("heading", { name: "No entry matches" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  network.cut();
  await page.getByText("Reconnecting…").waitFor();
  await daybook.record(token, "cut.first", "cut.second");
  network.restore();
  await page.getByText("Reconnecting…").waitFor({ state: "detached" });
  const shown = () => page.locator(".entry-action").allTextContents();
  await until("both are shown", async () => (await shown()).join() === "cut.second,cut.first", 20);
  // From here on by an entry's own cursor.
  network.cut();
  await page.getByText("Reconnecting…").waitFor();
  await daybook.record(token, "cut.third");
  network.restore();
  await until("the third, too", async () => (await shown()).join() === "cut.third,cut.second,cut.first", 20);
  await page.context().close();
});

test("dragging over the histogram filters, and so do its keys and the presets", async () => {
  const page = await explorer();
  const plot = page.locator(".histogram-plot");
  await plot.waitFor();
  const { x, y, width, height } = await plot.boundingBox();
  await page.mouse.move(x + width * 0.25, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.5, y + height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const quarter = await until("a part of the entries", async () => {
    const count = await counted(page);
    return count > 100 && count < 1_500 && count;
  });
  assert.ok(quarter > 600 && quarter < 900, `${quarter} of 3,000 in a quarter of the time`);

  await plot.focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowLeft");
  const before = page.url();
  await page.keyboard.press("Enter");
  await until("a narrower range", () => page.url() !== before);

  await page.getByRole("button", { name: /^Happened/ }).click();
  await page.getByRole("button", { name: "Last 24 hours" }).click();
  await page.waitForURL(/range=24h/);
  assert.ok(!page.url().includes("from="));
  assert.deepEqual(page.complaints, []);
});

test("a range of one's own is refused where it ends before it begins", async () => {
  const page = await explorer();
  await page.getByRole("button", { name: /^Happened/ }).click();
  await page.getByLabel("From").fill("2026-11-02T10:00");
  await page.getByLabel("To", { exact: true }).fill("2026-11-01T10:00");
  await page.getByText("The end is before the start.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Apply" }).isDisabled());
  await page.getByLabel("To", { exact: true }).fill("2026-11-03T10:00");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/from=.*to=/);
  assert.deepEqual(page.complaints, []);
});

test("an unreachable server is told, and trying again works", async () => {
  const page = await explorer();
  await page.route("**/graphql", (route) => route.abort());
  await page.getByRole("button", { name: /Outcome/ }).click();
  await page.getByRole("option", { name: "Failure" }).click();
  await page.getByText("The server can't be reached").first().waitFor();
  await page.unroute("**/graphql");
  await page.getByRole("button", { name: "Try again" }).click();
  await rows(page).first().waitFor();
});
