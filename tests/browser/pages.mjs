/** Each page of the dashboard, how to get there, and when it is complete. */

const heading = (name) => (page) => page.getByRole("heading", { name, exact: true }).waitFor();

export const PAGES = [
  { name: "sign-in", path: "/", isPublic: true, ready: heading("Sign in to Daybook") },
  {
    name: "audit log",
    path: "/o/acme/log",
    ready: async (page) => {
      await page.locator(".entry-row[aria-rowindex]").first().waitFor();
      await page.locator(".histogram-plot").waitFor();
    },
  },
  {
    name: "audit log filtered",
    path: "/o/acme/log?action=user.*&range=30d&outcome=DENIED",
    ready: (page) => page.locator(".entry-row[aria-rowindex]").first().waitFor(),
  },
  { name: "audit log without match", path: "/o/acme/log?action=none", ready: heading("No entry matches") },
  {
    name: "entry",
    path: "/o/acme/log?action=user.role.change",
    ready: async (page) => {
      await page.locator(".entry-row[aria-rowindex]").first().click();
      await page.getByRole("columnheader", { name: "Before" }).waitFor();
    },
  },
  {
    name: "time range",
    path: "/o/acme/log",
    ready: async (page) => {
      await page.getByRole("button", { name: /^Happened/ }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "unknown place", path: "/o/nowhere/log", ready: heading("There is no such page") },
];
