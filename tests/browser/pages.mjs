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
  {
    name: "export dialog",
    path: "/o/acme/log?action=device.*",
    ready: async (page) => {
      await page.getByRole("button", { name: "Export" }).click();
      await page.getByText("match what you see").waitFor();
    },
  },
  { name: "exports", path: "/o/acme/exports", ready: (page) => page.locator(".job-row").getByText("Succeeded").waitFor() },
  {
    name: "backups",
    path: "/o/acme/backups",
    ready: (page) => page.getByRole("button", { name: "Back up now" }).waitFor(),
  },
  { name: "jobs", path: "/o/acme/jobs", ready: (page) => page.locator(".job-row").first().waitFor() },
  {
    name: "job",
    path: "/o/acme/jobs",
    ready: async (page) => {
      await page.locator(".job-title").first().click();
      await page.locator(".timeline-step").nth(2).waitFor();
    },
  },
  {
    name: "note",
    path: "/o/acme/notes",
    ready: async (page) => {
      await page.locator("a.note-row").first().click();
      await page.locator(".markdown").waitFor();
    },
  },
  {
    name: "note editor",
    path: "/o/acme/notes",
    ready: async (page) => {
      await page.getByRole("button", { name: "New note" }).click();
      await page.getByLabel("Text (Markdown)").waitFor();
    },
  },
  { name: "unknown place", path: "/o/nowhere/log", ready: heading("There is no such page") },
];
