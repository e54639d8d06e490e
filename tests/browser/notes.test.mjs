import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, until } from "./harness.mjs";

let daybook;
let browser;
let token;
before(async () => {
  [daybook, browser] = await Promise.all([Daybook.start(), launch()]);
  token = await daybook.token("member");
});
after(async () => {
  await browser?.close();
  await daybook?.stop();
});

const HOSTILE = `# <script>alert(1)</script>

<script>alert(2)</script>

<img src=x onerror="alert(3)">

[a link](javascript:alert(4)) and [another](JaVaScRiPt:alert(5)) <javascript:alert(6)>

![an image](https://elsewhere.example/pixel.png) ![a script](data:text/html,<script>alert(7)</script>)

[a reference][evil] and [a good link](https://example.com/)

[evil]: vbscript:alert(8)

<svg onload=alert(9)></svg> <iframe srcdoc="<script>alert(10)</script>"></iframe>
`;

async function write(page, { title, path, body, tags = "" }) {
  await page.getByRole("button", { name: "New note" }).click();
  await page.getByLabel("Title").fill(title);
  await page.getByLabel("Path").fill(path);
  await page.getByLabel("Tags").fill(tags);
  await page.getByLabel("Text (Markdown)").fill(body);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: title, exact: true }).waitFor();
}

test("a workspace is made, and notes are written, read, changed and deleted in it", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await page.getByRole("button", { name: "New workspace" }).click();
  await page.getByLabel("Name").fill("Runbooks");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "No notes yet" }).waitFor();
  await write(page, { title: "Restart", path: "ops/restart", tags: "ops, night", body: "## Steps\n\n1. *Breathe*\n2. `systemctl restart`\n" });
  await page.locator(".markdown ol li").nth(1).waitFor();
  assert.equal(await page.locator(".markdown em").textContent(), "Breathe");
  assert.deepEqual(await page.locator(".note .tag").allTextContents(), ["ops", "night"]);

  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Title").fill("Restart it");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("version 2").waitFor();
  await page.locator(".note-row").getByText("Restart it").waitFor();

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "No notes yet" }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("what is refused is told at its field", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await page.getByRole("button", { name: "New note" }).click();
  await page.getByLabel("Title").fill("A title");
  await page.getByLabel("Path").fill("/not//a path/");
  await page.getByRole("button", { name: "Save" }).click();
  await until("the field is marked", async () => (await page.getByLabel("Path").getAttribute("aria-invalid")) === "true");
  assert.deepEqual(page.complaints, []);
});

test("who saves second is told, and neither text is lost", async () => {
  const one = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await write(one, { title: "Shared", path: "shared", body: "first" });
  const other = await open(browser, one.url(), { token });
  for (const page of [one, other]) await page.getByRole("button", { name: "Edit" }).click();
  await one.getByLabel("Text (Markdown)").fill("from the one");
  await one.getByRole("button", { name: "Save" }).click();
  await one.locator(".markdown").getByText("from the one").waitFor();
  await other.getByLabel("Text (Markdown)").fill("from the other");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByText("Someone else has saved this note.").waitFor();
  assert.equal(await other.getByLabel("Text (Markdown)").inputValue(), "from the other");
  await other.getByRole("button", { name: /^Take theirs/ }).click();
  await until("the text of the one", async () => (await other.getByLabel("Text (Markdown)").inputValue()) === "from the one");
  await other.getByLabel("Text (Markdown)").fill("from both");
  await other.getByRole("button", { name: "Save" }).click();
  await other.locator(".markdown").getByText("from both").waitFor();
  assert.deepEqual([...one.complaints, ...other.complaints], []);
});

test("a hostile note runs nothing, loads nothing and leads nowhere", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await write(page, { title: '<img src=x onerror="alert(0)">', path: "hostile", body: HOSTILE });
  const note = page.locator(".markdown");
  await note.getByText("a good link").waitFor();
  assert.equal(await note.locator("script, img, svg, iframe, object, embed, style").count(), 0);
  const links = await note.locator("a").evaluateAll((all) => all.map(({ href, rel }) => ({ href, rel })));
  assert.deepEqual(links, [
    { href: "https://elsewhere.example/pixel.png", rel: "noreferrer noopener" },
    { href: "https://example.com/", rel: "noreferrer noopener" },
  ]);
  assert.ok((await note.textContent()).includes('<img src=x onerror="alert(3)">'));
  assert.deepEqual(page.complaints, []);
});

test("a link to another note leads there, with its ending or without", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await write(page, { title: "Here", path: "links/here", body: "no links" });
  await write(page, { title: "From", path: "links/deep/from", body: "[up](../here.md) and [gone](../gone.md) and [out](//elsewhere.example/x)" });
  const note = page.locator(".markdown");
  assert.deepEqual(await note.getByRole("link").allTextContents(), ["up"]);
  await note.getByRole("link", { name: "up" }).click();
  await page.getByRole("heading", { name: "Here", exact: true }).waitFor();
  await page.locator(".markdown").getByText("no links").waitFor();
  assert.deepEqual(page.complaints, []);
});

test("a workspace is exported and downloaded", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/notes`, { token });
  await page.locator("a.note-row").first().waitFor();
  await page.getByRole("button", { name: "Export" }).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("dialog").getByRole("button", { name: "Download" }).click();
  assert.match((await downloading).suggestedFilename(), /\.zip$/);
  assert.deepEqual(page.complaints, []);
});

test("a member is offered notes alone", async () => {
  const page = await open(browser, daybook.url, { token });
  await page.waitForURL(/\/o\/acme\/notes/);
  const offered = await page.getByRole("navigation", { name: "Sections" }).getByRole("link").allTextContents();
  assert.deepEqual(offered, ["Notes", "GraphiQL"]);
  assert.deepEqual(page.complaints, []);
});
