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

const SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>";

test("a hostile audit entry is shown as it is, and nothing of it runs", async () => {
  await daybook.record(token, {
    actor: { id: SCRIPT, name: SCRIPT, email: '"><script>alert(4)</script>@x' },
    action: `</title><script>alert(5)</script>`,
    resource: { type: SCRIPT, id: "javascript:alert(6)", name: SCRIPT },
    changes: [{ field: SCRIPT, old: { [SCRIPT]: SCRIPT }, new: `${SCRIPT}\n\u202Eevil` }],
    metadata: { userAgent: SCRIPT, requestId: "{{constructor.constructor('alert(7)')()}}", extra: { __proto__: null, html: SCRIPT } },
  });
  const page = await open(browser, `${daybook.url}/o/acme/log`, { token });
  await page.locator('[aria-rowindex="2"]').click();
  await page.getByRole("dialog").getByText("Changes").waitFor();
  assert.ok((await page.getByRole("dialog").textContent()).includes(SCRIPT));
  assert.equal(await page.locator("#root script, [role=dialog] script, img[src=x], svg[onload]").count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("numbers are shown as they were recorded", async () => {
  const exact = ["9007199254740993", "-9223372036854775807", "18446744073709551615"];
  const entry = (number) =>
    `{ "actor": { "id": "ada" }, "action": "quota.set", "resource": { "type": "quota", "id": "${number}" },
       "changes": [{ "field": "limit", "old": 9007199254740991, "new": ${number} }],
       "metadata": { "extra": { "limits": [${number}, 0.1, 1], "text": "${number}" } } }`;
  for (const number of exact) {
    await daybook.recordText(token, entry(number));
    const page = await open(browser, `${daybook.url}/o/acme/log?resourceId=${number}`, { token });
    await page.locator('[aria-rowindex="2"]').click();
    const dialog = page.getByRole("dialog");
    assert.equal(await dialog.locator("ins.changes-text").textContent(), number);
    const extra = await dialog.locator("pre.code").textContent();
    assert.equal(extra.replace(/\s/g, ""), `{"limits":[${number},0.1,1],"text":"${number}"}`);
    assert.deepEqual(page.complaints, []);
  }
});

test("a name that turns the direction of writing turns nothing else, and can be seen", async () => {
  const name = "\u202Eada\u2066\u200Bevil\u0007";
  await daybook.record(token, {
    actor: { id: "turned", name },
    action: "direction.turn",
    resource: { type: "\u05D0\u05D1", id: "1", name: "\u202E(exe)gpj.invoice" },
  });
  const page = await open(browser, `${daybook.url}/o/acme/log?actorId=turned`, { token });
  const row = page.locator('[aria-rowindex="2"]');
  await row.waitFor();
  assert.equal(await row.locator(".entry-actor").textContent(), "[U+202E]ada[U+2066][U+200B]evil[U+0007]");
  assert.equal(await row.locator(".entry-resource-name").textContent(), "[U+202E](exe)gpj.invoice");
  // Each stands where its column is, whatever the one beside it holds.
  const places = await row.locator("[role=gridcell]").evaluateAll((cells) =>
    cells.map((cell) => cell.getBoundingClientRect().left),
  );
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  assert.ok((await row.locator("bdi").count()) >= 4);
  await row.click();
  await page.getByRole("dialog").getByText("[U+202E]ada").first().waitFor();
});

test("a hostile link shows the log, not what it brings", async () => {
  const query = `?action=${encodeURIComponent(SCRIPT)}&outcome=NOPE&order=1&from=never&entry=${encodeURIComponent(SCRIPT)}`;
  const page = await open(browser, `${daybook.url}/o/acme/log${query}`, { token });
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "No entry matches" }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("the pages refuse what injected markup would try", async () => {
  const page = await open(browser, daybook.url, { token });
  await page.getByRole("heading", { name: "Audit log" }).waitFor();
  const outcome = await page.evaluate(() => {
    const script = document.createElement("script");
    try {
      script.textContent = "window.injected = true";
      document.body.append(script);
    } catch {
      return "refused";
    }
    return window.injected ? "ran" : "refused";
  });
  assert.equal(outcome, "refused");
  assert.ok(page.complaints.some((complaint) => /Content Security Policy|TrustedScript/.test(complaint)));
});
