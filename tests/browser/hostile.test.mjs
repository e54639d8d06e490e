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
