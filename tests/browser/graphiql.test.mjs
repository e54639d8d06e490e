import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, open, until } from "./harness.mjs";

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

const answer = async (page) => {
  const lines = await page.locator(".graphiql-response .view-line").allTextContents();
  return lines.join("").replaceAll("\u00a0", " ");
};

/** The document is in the editor, and the organization's ID below it. */
const filled = (page, document) =>
  until(`${document} in the editor`, async () => {
    const text = (await page.locator(".graphiql-editors").innerText()).replaceAll("\u00a0", " ");
    return text.includes(document) && text.includes('"organizationId"');
  });

test("the token is in place, and examples are one click away", async () => {
  const page = await open(browser, `${daybook.url}/graphql`, { token });
  await page.locator(".graphiql-editors").getByText("memberships").waitFor();
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until("the viewer", async () => (await answer(page)).includes('"ADMIN"'));
  await page.getByRole("button", { name: /^Query the log/ }).click();
  await filled(page, "query Entries");
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until("entries", async () => (await answer(page)).includes('"totalCount"'));
  assert.deepEqual(page.complaints, []);
});

test("the panel that is open stays when the colours change", async () => {
  const page = await open(browser, `${daybook.url}/graphql`, { token });
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const documentation = page.getByText("Root Types");
  await documentation.waitFor();
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await page.locator(`body.graphiql-${colorScheme}`).waitFor();
    assert.ok(await documentation.isVisible(), colorScheme);
  }
  assert.deepEqual(page.complaints, []);
});

test("subscriptions run", async () => {
  const page = await open(browser, `${daybook.url}/graphql`, { token });
  await page.getByRole("button", { name: /^Watch the log/ }).click();
  await filled(page, "subscription Recorded");
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until("an entry as it is recorded", async () => {
    await daybook.record(token, "graphiql.watched");
    return (await answer(page)).includes("graphiql.watched");
  });
  assert.deepEqual(page.complaints, []);
});

test("what is run before GraphiQL has looked at it runs as what it is", async () => {
  const page = await open(browser, `${daybook.url}/graphql`, { token });
  const example = page.getByRole("button", { name: /^Watch the log/ });
  const execute = page.getByRole("button", { name: /Execute query/ });
  await until("the editors are there", () => example.isEnabled());
  // Both within the tenth of a second that GraphiQL takes.
  const [exampleElement, executeElement] = await Promise.all([example, execute].map((button) => button.elementHandle()));
  await page.evaluate(async ([example, execute]) => {
    example.click();
    await new Promise((resolve) => setTimeout(resolve, 20));
    execute.click();
  }, [exampleElement, executeElement]);
  await until("an entry as it is recorded", async () => {
    await daybook.record(token, "graphiql.hurried");
    return (await answer(page)).includes("graphiql.hurried");
  });
  assert.deepEqual(page.complaints, []);
});

test("without a token it asks for one", async () => {
  const page = await open(browser, `${daybook.url}/graphql`);
  await page.getByLabel("Token or API key", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: /Execute query/ }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test("a narrow window has it all, one part below the other", async () => {
  const page = await open(browser, `${daybook.url}/graphql`, { token, viewport: { width: 375, height: 812 } });
  await page.getByRole("button", { name: /^Query the log/ }).click();
  await filled(page, "query Entries");
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until("entries", async () => (await answer(page)).includes('"totalCount"'));
  for (const part of [".graphiql-query-editor", ".graphiql-response"]) {
    const { x, width, height } = await page.locator(part).boundingBox();
    assert.ok(x >= 0 && x + width <= 375 && height > 200, `${part}: ${[x, width, height]}`);
  }
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375);
  assert.deepEqual(page.complaints, []);
});
