import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daybook, launch, Network, open } from "./harness.mjs";

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

test("a page that is opened without a network says so, and loads by itself once it is back", async (context) => {
  const network = await Network.to(daybook.port);
  context.after(() => network.stop());
  const ways = [
    { lose: () => network.cut(), find: () => network.restore() },
    { lose: (page) => page.context().setOffline(true), find: (page) => page.context().setOffline(false) },
  ];
  for (const { lose, find } of ways) {
    const page = await open(browser, `${network.url}/o/acme/log`, { token });
    await page.locator(".entry-row[aria-rowindex]").first().waitFor();
    await lose(page);
    await page.getByRole("link", { name: "Notes" }).click();
    await page.getByText("The server can't be reached.", { exact: false }).first().waitFor();
    assert.equal(await page.getByText("another version").count(), 0);
    await find(page);
    await page.getByRole("heading", { name: "Notes", exact: true }).waitFor();
    await page.locator("a.note-row").first().waitFor();
  }
});

test("a page that the server has no more is told as another version", async () => {
  const page = await open(browser, `${daybook.url}/o/acme/log`, { token });
  await page.locator(".entry-row[aria-rowindex]").first().waitFor();
  await page.route("**/assets/*.js", (route) => route.fulfill({ status: 404, body: "" }));
  await page.route((url) => url.pathname === "/", (route) =>
    route.fulfill({ contentType: "text/html", body: '<script type="module" src="/assets/index-other.js"></script>' }),
  );
  await page.getByRole("link", { name: "Notes" }).click();
  await page.getByText("The server is running a new version.").waitFor();
  await page.unroute("**/assets/*.js");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Notes", exact: true }).waitFor();
});
