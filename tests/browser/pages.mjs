/** Each page of the dashboard, how to get there, and when it is complete. */
import { until } from "./harness.mjs";

const heading = (name) => (page) => page.getByRole("heading", { name, exact: true }).waitFor();

/** GraphiQL with an example's answer. */
async function answered(page) {
  const example = page.getByRole("button", { name: /^Query the log/ });
  await until("the editors are there", () => example.isEnabled());
  await example.click();
  await page.locator(".graphiql-editor-tool .view-line").getByText("organizationId").waitFor();
  await page.getByRole("button", { name: /Execute query/ }).click();
  await page.locator(".graphiql-response .view-line").getByText("totalCount").waitFor();
}

/** GraphiQL's own tabs are list items with that role around two buttons, which keys reach all the same. */
const GRAPHIQL_EXCUSES = [{ rule: "nested-interactive", selector: ".graphiql-tab" }];

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
      await page.getByText("match the filter").waitFor();
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
  { name: "graphiql", path: "/graphql", ready: answered, excuses: GRAPHIQL_EXCUSES },
  {
    name: "graphiql documentation",
    path: "/graphql",
    ready: async (page) => {
      await answered(page);
      await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
      await page.getByText("Root Types").waitFor();
    },
    excuses: GRAPHIQL_EXCUSES,
  },
  {
    name: "graphiql settings",
    path: "/graphql",
    ready: async (page) => {
      await answered(page);
      await page.getByRole("button", { name: "Open settings dialog" }).click();
      await page.getByRole("dialog").waitFor();
    },
    excuses: GRAPHIQL_EXCUSES,
  },
  { name: "unknown place", path: "/o/nowhere/log", ready: heading("Page not found") },
];
