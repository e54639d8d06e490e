import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, startExport, until } from "./harness.mjs";

let daybook;
let browser;
let token;
let workspace;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start({ DAYBOOK_EXPORTS_PER_HOUR: "1000" }), launch()]);
  token = await daybook.token();
  const organizationId = await daybook.organizationId(token);
  const make = "mutation($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }";
  const made = await daybook.query(token, make, { input: { organizationId, name: "A long one" } });
  const write = "mutation($input: CreateNoteInput!) { createNote(input: $input) { userErrors { message } } }";
  const workspaceId = made.createWorkspace.workspace.id;
  workspace = new URLSearchParams({ workspace: workspaceId });
  const body = "A long text.\n\n".repeat(200);
  for (let number = 100; number < 250; number++) {
    await daybook.query(token, write, { input: { workspaceId, path: `n${number}`, title: `Note ${number}`, body, tags: [] } });
  }
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

/** Whether an element is within the window, and within all that scrolls around it. */
const isInSight = (locator) =>
  locator.evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    const at = document.elementFromPoint((left + right) / 2, Math.max(1, (top + Math.min(bottom, innerHeight)) / 2));
    return top >= 0 && bottom <= innerHeight && (element.contains(at) || at?.contains(element));
  });
const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement || element.contains(document.activeElement));

for (const width of [1280, 375]) {
  test(`a note from far down the list is in sight with the focus, and so is its row again, at ${width} px`, async () => {
    const page = await open(browser, `${daybook.url}/o/acme/notes?${workspace}`, { token, viewport: { width, height: 800 } });
    for (const number of [240, 235]) {
      const row = page.locator("a.note-row", { hasText: `Note ${number}` });
      await row.scrollIntoViewIfNeeded();
      await row.focus();
      await page.keyboard.press("Enter");
      const heading = page.getByRole("heading", { name: `Note ${number}`, exact: true });
      await heading.waitFor();
      await until("it has the focus", () => hasFocus(heading));
      await until(`note ${number} is in sight`, () => isInSight(heading));
      // Far down the note, from where the next one begins at its top all the same.
      await page.getByText("A long text.").last().scrollIntoViewIfNeeded();
      if (width === 1280) continue;
      await page.goBack();
      await until("the row has the focus", () => hasFocus(row));
      await until(`row ${number} is in sight`, () => isInSight(row));
    }
    assert.deepEqual(page.complaints, []);
  });
}

test("a link to a note far down shows its row, too", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes?${workspace}`, { token });
  await page.locator("a.note-row", { hasText: "Note 249" }).click();
  await page.reload();
  await page.getByRole("heading", { name: "Note 249", exact: true }).waitFor();
  const row = page.locator("a.note-row[aria-current]");
  await until("the row is in sight", () => isInSight(row));
});

test("a job's detail takes the focus, and gives it back to its place in the list", async () => {
  for (let number = 0; number < 25; number++) await startExport(daybook, token);
  for (const section of ["jobs", "exports"]) {
    const page = await open(browser, `${daybook.url}/o/acme/${section}`, { token });
    const link = page.locator(".job-title").nth(20);
    await link.scrollIntoViewIfNeeded();
    await link.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Transitions").waitFor();
    await until(`the detail in ${section} has the focus`, () => hasFocus(dialog));
    await until(`it is in sight in ${section}`, () => isInSight(dialog.getByRole("heading").first()));
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await until("the link has the focus", () => hasFocus(link));
    await until(`it is in sight in ${section}`, () => isInSight(link));
  }
});

test("whoever goes on within entries comes back to the one that was looked at last", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/log`, { token });
  const grid = page.getByRole("grid");
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  await grid.focus();
  for (let times = 0; times < 8; times++) await page.keyboard.press("PageDown");
  const before = await grid.getAttribute("aria-activedescendant");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let times = 0; times < 20; times++) await page.getByRole("button", { name: "Next entry" }).click();
  await page.keyboard.press("Escape");
  await until("the grid has the focus", () => hasFocus(grid));
  const active = await grid.getAttribute("aria-activedescendant");
  assert.notEqual(active, before);
  await until("it is in sight", () => isInSight(page.locator(`[id="${active}"]`)));
});
