import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, until } from "./harness.mjs";

let daybook;
let browser;
let token;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
  token = await daybook.token();
  await daybook.command("organization", "create", "globex", "--name", "Globex");
  await daybook.token("admin", { organization: "globex" });
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

const body = (page) => page.getByLabel("Text (Markdown)");
const asks = (page) => page.getByRole("dialog", { name: "This note is not saved" });
const written = (page) => body(page).inputValue();

/** A page in which a new note is being written. */
async function writing(text = "not saved yet") {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await page.locator("a.note-row").first().waitFor();
  await page.getByRole("button", { name: "New note" }).click();
  await body(page).pressSequentially(text);
  return page;
}

/** A note of its own, open in the editor with a change. */
async function changing(path) {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await page.getByRole("button", { name: "New note" }).click();
  await page.getByLabel("Title").fill(path);
  await page.getByLabel("Path").fill(path);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  await body(page).pressSequentially("not saved yet");
  return page;
}

test("each way out within the app asks, and staying keeps what was written", async () => {
  const page = await writing();
  const url = page.url();
  const ways = [
    () => page.getByRole("link", { name: "Jobs" }).click(),
    () => page.locator("a.note-row[data-note]").first().click(),
    () => page.getByRole("button", { name: "Cancel" }).click(),
    () => page.goBack({ waitUntil: "commit" }).catch(() => null),
    async () => {
      await page.getByRole("button", { name: "Organization" }).click();
      await page.getByRole("option", { name: "Globex" }).click();
    },
  ];
  for (const [index, leave] of ways.entries()) {
    await leave();
    await asks(page).getByRole("button", { name: "Keep writing" }).click();
    await asks(page).waitFor({ state: "detached" });
    assert.equal(await written(page), "not saved yet", `way ${index}`);
    await until("the URL is back", () => page.url() === url);
  }
  assert.deepEqual(page.complaints, []);
});

test("a draft that was left is there for who comes back, and only until it is discarded", async () => {
  const page = await writing();
  await page.goBack({ waitUntil: "commit" }).catch(() => null);
  await asks(page).getByRole("button", { name: "Leave, keep the draft" }).click();
  await page.getByRole("heading", { name: "Choose a note" }).waitFor();
  await page.getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
  await page.getByRole("link", { name: "Notes" }).click();
  await page.getByRole("link", { name: "New note draft" }).click();
  await page.getByText("Your draft was restored.").waitFor();
  assert.equal(await written(page), "not saved yet");
  await page.getByRole("button", { name: "Discard the draft" }).click();
  await page.getByRole("heading", { name: "Choose a note" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "New note draft" }).count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("closing and loading anew ask, and a page that was loaded anew has the draft", async () => {
  const page = await changing("drafts/reload");
  await page.evaluate(() => setTimeout(() => location.reload()));
  await until("it is asked", () => page.asked === 1);
  assert.equal(await written(page), "not saved yet");
  page.isLeaving = true;
  await page.evaluate(() => setTimeout(() => location.reload()));
  await page.getByText("Your draft was restored.").waitFor();
  assert.equal(await written(page), "not saved yet");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".markdown").getByText("not saved yet").waitFor();
  await page.reload();
  await page.locator(".markdown").getByText("not saved yet").waitFor();
  assert.equal(page.asked, 2, "what is saved asks nobody");
  assert.deepEqual(page.complaints, []);
});

test("a save that fails loses nothing: by the network, by an expired token, by a note that is gone", async () => {
  const page = await changing("drafts/refused");
  const save = () => page.getByRole("button", { name: "Save" }).click();
  await page.route("**/graphql", (route) => route.abort());
  await save();
  await page.getByText("Your text is still here.").waitFor();
  assert.equal(await written(page), "not saved yet");
  await page.unroute("**/graphql");

  await page.route("**/graphql", (route) => route.fulfill({ status: 401, json: { errors: [{ message: "expired" }] } }));
  await save();
  await page.getByText("Sign in again to continue").waitFor();
  await page.unroute("**/graphql");
  await page.getByLabel("Token or API key").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Your draft was restored.").waitFor();
  assert.equal(await written(page), "not saved yet");

  const id = new URL(page.url()).searchParams.get("note");
  const remove = "mutation($id: ID!) { deleteNote(input: { noteId: $id }) { deletedNoteId } }";
  await daybook.query(token, remove, { id });
  await save();
  await page.getByText("This note has been deleted.").waitFor();
  page.isLeaving = true;
  await page.reload();
  await page.getByText("This note has been deleted.").waitFor();
  assert.equal(await written(page), "not saved yet");
  await save();
  await page.locator(".markdown").getByText("not saved yet").waitFor();
  assert.notEqual(new URL(page.url()).searchParams.get("note"), id);
});

test("signing out asks first, and leaves no draft to who signs in after", async () => {
  const page = await writing("for nobody else");
  const signOut = async () => {
    await page.getByRole("button", { name: /^Account/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
  };
  await signOut();
  await page.getByRole("button", { name: "Stay" }).click();
  assert.equal(await written(page), "for nobody else");
  await signOut();
  await page.getByRole("button", { name: "Discard and sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to Daybook" }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  assert.ok(!kept.includes("for nobody else"), kept);
  assert.deepEqual(page.complaints, []);
});

test("another one who signs in in the tab does not see the draft", async () => {
  const page = await writing("of the admin");
  const other = await daybook.token("member");
  await page.route("**/graphql", (route) => route.fulfill({ status: 401, json: { errors: [{ message: "expired" }] } }));
  await page.getByLabel("Title").fill("t");
  await page.getByLabel("Path").fill("p");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Sign in again to continue").waitFor();
  await page.unroute("**/graphql");
  await page.getByLabel("Token or API key").fill(other);
  await page.getByRole("button", { name: "Sign in" }).click();
  await body(page).waitFor();
  assert.equal(await written(page), "");
});

test("a browser without room for a draft says that leaving loses it", async () => {
  const page = await writing("x");
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await body(page).pressSequentially("y");
  await page.getByRole("link", { name: "Jobs" }).click();
  await asks(page).getByText("If you leave, it is lost").waitFor();
  await asks(page).getByRole("button", { name: "Keep writing" }).click();
  assert.equal(await written(page), "xy");
});
