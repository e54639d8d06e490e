import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, startExport } from "./harness.mjs";
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

/** Far more than any page has places for the focus. */
const MOST_STEPS = 400;

/** In the page: what can be used with a pointer and is not reached by moving inside of something else. */
function markUsable() {
  const usable = "a[href], button, input, select, textarea, summary, [tabindex]";
  // What is behind a dialog is not to be reached.
  const dialogs = [...document.querySelectorAll("[role=dialog]")];
  const scope = dialogs.at(-1) ?? document;
  const elements = [...scope.querySelectorAll(usable)].filter((element) => {
    const isSeen = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    // A roving tabindex, or what only screen readers press.
    return isSeen && element.tabIndex >= 0 && !element.disabled && !element.closest("[inert]");
  });
  // Of radio buttons one takes the focus for all.
  const alone = elements.filter((element) => element.type !== "radio" || element.checked);
  alone.forEach((element, index) => element.setAttribute("data-usable", index));
  return alone.length;
}

/** In the page: the element that has the focus, and whether it shows that. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  // The outline may be drawn by what is around a small control.
  const shows = [element, element.parentElement, element.closest("label")].some((shown) => {
    if (!shown) return false;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(shown);
    return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  });
  return { index: element.dataset.usable, shows, html: element.outerHTML.slice(0, 120) };
}

// Monaco, GraphiQL's editor, takes the tabulator for itself until Ctrl+M is pressed.
for (const { name, path, isPublic, ready } of PAGES.filter(({ name }) => !name.startsWith("graphiql"))) {
  test(`${name}: the tabulator reaches all that can be used, and shows where it is`, async () => {
    const page = await open(browser, daybook.url + path, { token: isPublic ? undefined : token });
    await ready(page);
    const count = await page.evaluate(markUsable);
    assert.ok(count > 0);
    const [reached, hidden] = [new Set(), new Set()];
    for (let step = 0; step < MOST_STEPS && reached.size < count; step++) {
      await page.keyboard.press("Tab");
      const place = await page.evaluate(focused);
      if (place?.index !== undefined) reached.add(place.index);
      if (place && !place.shows) hidden.add(place.html);
    }
    const missed = await page.evaluate(
      (reached) => [...document.querySelectorAll("[data-usable]")]
        .filter(({ dataset }) => !reached.includes(dataset.usable))
        .map(({ outerHTML }) => outerHTML.slice(0, 120)),
      [...reached],
    );
    assert.deepEqual(missed, [], "not reached");
    assert.deepEqual([...hidden], [], "has the focus and does not show it");
    await page.context().close();
  });
}

/** Moves the focus on until it is on an element with this name. */
async function go(page, name) {
  for (let step = 0; step < MOST_STEPS; step++) {
    await page.keyboard.press("Tab");
    const told = await page.evaluate(() => {
      const { activeElement: element } = document;
      return element?.getAttribute("aria-label") ?? element?.labels?.[0]?.textContent ?? element?.textContent;
    });
    if (name.test(told ?? "")) return;
  }
  assert.fail(`the focus never comes to ${name}`);
}

test("signing in, reading an entry, exporting and watching the job need no pointer", async () => {
  const page = await open(browser, `${daybook.url}/`);
  await go(page, /^Token or API key/);
  await page.keyboard.insertText(token);
  await page.keyboard.press("Enter");
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();

  await go(page, /^Audit log entries/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await page.reload();
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  await go(page, /^Export$/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await go(page, /^Start export/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText("Succeeded").waitFor();
  await page.keyboard.press("Escape");
  await page.reload();
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  await go(page, /^Jobs/);
  await page.keyboard.press("Enter");
  await page.locator(".job-row").nth(1).waitFor();
  assert.deepEqual(page.complaints, []);
});
