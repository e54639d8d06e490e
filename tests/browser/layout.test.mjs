import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Daybook, launch, open, startExport } from "./harness.mjs";
import { unreadable } from "./layout.mjs";
import { PAGES } from "./pages.mjs";

let daybook;
let browser;
let token;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
  token = await daybook.token();
  await startExport(daybook, token);
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

/** Both sides of each width at which the layout changes, and steps between. */
const EDGES = [480, 720, 900, 1100].flatMap((width) => [width - 1, width, width + 1]);
const STEPS = Array.from({ length: 57 }, (_, step) => 320 + 20 * step);
const WIDTHS = [...new Set([...EDGES, ...STEPS, 375, 768, 789])].sort((one, other) => one - other);
const shots = process.env.DAYBOOK_SCREENSHOTS;
const SHOWN = [375, 721, 768, 789, 1440];

/** GraphiQL's own layout is not ours. */
const OURS = PAGES.filter(({ path }) => path !== "/graphql");

for (const { name, path, isPublic, ready } of OURS) {
  test(`${name} can be read at each width from 320 to 1440 px`, async () => {
    const viewport = { width: 1440, height: 900 };
    const page = await open(browser, daybook.url + path, { token: isPublic ? undefined : token, viewport });
    await ready(page);
    const found = [];
    for (const width of WIDTHS.toReversed()) {
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      for (const what of await page.evaluate(unreadable)) found.push(`${width}: ${what}`);
      if (!shots || !SHOWN.includes(width)) continue;
      await mkdir(shots, { recursive: true });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${shots}/${name.replaceAll(" ", "-")}-${colorScheme}-${width}.png` });
      }
    }
    assert.deepEqual(found, []);
    await page.context().close();
  });
}
