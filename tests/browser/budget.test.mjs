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

const MOST_SCRIPT_BYTES = 250 * 1024;
/** Of the browser's own measure of how much moves; 0.1 is called good. */
const MOST_SHIFT = 0.02;

test("the first load is under 250 KiB of compressed script", async (context) => {
  const page = await open(browser, `${daybook.url}/o/acme/log`, { token });
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  const loaded = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter(({ name }) => name.endsWith(".js"))
      .map(({ name, encodedBodySize }) => [name.split("/").at(-1), encodedBodySize]),
  );
  const total = loaded.reduce((sum, [, bytes]) => sum + bytes, 0);
  context.diagnostic(`${(total / 1024).toFixed(1)} KiB of compressed script in ${loaded.length} files`);
  assert.ok(loaded.length > 0 && loaded.every(([, bytes]) => bytes > 0));
  assert.ok(total < MOST_SCRIPT_BYTES, JSON.stringify(loaded));
});

test("nothing moves while the log loads, and it is there within a second or so", async (context) => {
  const page = await open(browser, "about:blank", { token });
  await page.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(`${daybook.url}/o/acme/log`);
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  const { shift, ready } = await page.evaluate(() => ({ shift: window.shift, ready: performance.now() }));
  context.diagnostic(`layout shift ${shift.toFixed(4)}, entries after ${Math.round(ready)} ms`);
  assert.ok(shift < MOST_SHIFT, `${shift}`);
});

test("assets are cached for ever, pages never, and both are compressed", async () => {
  const get = (path, headers) => fetch(daybook.url + path, { headers });
  const page = await get("/", { "accept-encoding": "br" });
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const html = await page.text();
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)[1];
  for (const encoding of ["br", "gzip"]) {
    const asset = await get(script, { "accept-encoding": encoding });
    assert.equal(asset.headers.get("content-encoding"), encoding);
    assert.match(asset.headers.get("cache-control"), /immutable/);
    assert.equal(asset.headers.get("x-content-type-options"), "nosniff");
  }
  const known = await get("/", { "accept-encoding": "br", "if-none-match": page.headers.get("etag") });
  assert.equal(known.status, 304);
  assert.equal((await get("/assets/none.js")).status, 404);
  assert.equal((await get("/assets/..%2findex.html")).status, 404);
});
