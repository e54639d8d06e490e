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

/** In the page: colours change gradually. */
async function untilSettled() {
  await new Promise(requestAnimationFrame);
  const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
  await Promise.allSettled(transitions.map(({ finished }) => finished));
}

for (const { name, path, isPublic, ready, excuses } of PAGES) {
  for (const width of [1280, 375]) {
    test(`${name} is accessible at ${width} px, in light and dark`, async () => {
      const viewport = { width, height: 812 };
      const page = await open(browser, daybook.url + path, { token: isPublic ? undefined : token, viewport });
      await ready(page);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(untilSettled);
        if (shots) {
          await mkdir(shots, { recursive: true });
          await page.screenshot({ path: `${shots}/${name.replaceAll(" ", "-")}-${colorScheme}-${width}.png` });
        }
        assert.deepEqual(await violations(page, excuses), [], colorScheme);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(beyond <= 0, `${beyond} px stand beyond the window in ${colorScheme}`);
      }
      assert.deepEqual(page.complaints, []);
      await page.context().close();
    });
  }
}
