import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Daybook, launch, open, startExport, violations } from "./harness.mjs";
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

const shots = process.env.DAYBOOK_SCREENSHOTS;

for (const { name, path, isPublic, ready } of PAGES) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 375]) {
      test(`${name} is accessible in ${colorScheme} at ${width} px`, async () => {
        const viewport = { width, height: 812 };
        const page = await open(browser, daybook.url + path, {
          token: isPublic ? undefined : token,
          colorScheme,
          viewport,
        });
        await ready(page);
        if (shots) {
          await mkdir(shots, { recursive: true });
          await page.screenshot({ path: `${shots}/${name.replaceAll(" ", "-")}-${colorScheme}-${width}.png` });
        }
        assert.deepEqual(await violations(page), []);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(beyond <= 0, `${beyond} px stand beyond the window`);
        assert.deepEqual(page.complaints, []);
        await page.context().close();
      });
    }
  }
}
