/** A real server on SQLite, a real browser, and what both are asked for in every test. */
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, createServer as createHttpServer, request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const root = new URL("../..", import.meta.url).pathname;
const binary = process.env.DAYBOOK_BIN ?? join(root, "target/debug/daybook");
const run = promisify(execFile);

/** Without a sandbox only as root, where Chromium refuses one; nothing of it reaches for the internet. */
const BROWSER_OPTIONS = [
  ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: BROWSER_OPTIONS });
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A server with the demonstration's data, in a folder of its own. */
export class Daybook {
  static async start(settings = {}, options = []) {
    const daybook = new Daybook();
    daybook.options = options;
    daybook.folder = await mkdtemp(join(tmpdir(), "daybook-browser-"));
    daybook.port = await freePort();
    daybook.url = `http://127.0.0.1:${daybook.port}`;
    daybook.environment = {
      ...process.env,
      DAYBOOK_DATA_DIR: daybook.folder,
      DAYBOOK_LISTEN: `127.0.0.1:${daybook.port}`,
      DAYBOOK_LOG: "warn,daybook_api::demo=info",
      ...settings,
    };
    await daybook.resume();
    return daybook;
  }

  /** Starts the process, also after `kill`, on the same port. */
  async resume() {
    const options = { env: this.environment, stdio: ["ignore", "ignore", "pipe"] };
    this.process = spawn(binary, ["serve", "--demo", ...this.options], options);
    this.process.stderr.setEncoding("utf8").on("data", (text) => {
      // It serves before it has recorded all of it, which tests that count would see.
      this.isFilled ||= text.includes("recorded sample data");
      process.stderr.write(text);
    });
    await until("the server serves", async () => {
      const response = await fetch(`${this.url}/readyz`).catch(() => null);
      return response?.ok && this.isFilled;
    });
  }

  async kill(signal = "SIGKILL") {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
  }

  /** Starts the server anew, with jobs: a SQLite database has one process that serves or works. */
  async work() {
    await this.kill("SIGTERM");
    this.options = this.options.filter((option) => option !== "--no-jobs");
    await this.resume();
  }

  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async command(...parameters) {
    const { stdout } = await run(binary, parameters, { env: this.environment });
    return stdout.trim();
  }

  token(role = "admin", { organization = "acme", subject = role, ttl = "1h" } = {}) {
    const options = ["--organization", organization, "--role", role, "--subject", subject, "--ttl", ttl];
    return this.command("token", ...options, "--email", `${subject}@acme.test`);
  }

  /** The data of a document that must run without errors. */
  async query(token, query, variables = {}) {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async organizationId(token) {
    const { viewer } = await this.query(token, "{ viewer { memberships { organization { id slug } } } }");
    return viewer.memberships.find(({ organization }) => organization.slug === "acme").organization.id;
  }

  /** Records entries by `action`, or as they are given. */
  async record(token, ...entries) {
    const organizationId = await this.organizationId(token);
    const whole = entries.map((entry) => (typeof entry === "string" ? { action: entry } : entry)).map((entry) => ({
      actor: { id: "ada", name: "Ada Lovelace" },
      resource: { type: "device", id: "device-1" },
      ...entry,
    }));
    const document = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }";
    await this.query(token, document, { input: { organizationId, entries: whole } });
  }

  /** Records an entry given as JSON, whose numbers JavaScript might round. */
  async recordText(token, entry) {
    const input = `{ "organizationId": "${await this.organizationId(token)}", "entries": [${entry}] }`;
    const document = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }";
    const body = `{ "query": ${JSON.stringify(document)}, "variables": { "input": ${input} } }`;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`${this.url}/graphql`, { method: "POST", headers, body });
    const { data, errors } = await response.json();
    if (errors || data.recordAuditLogs.userErrors.length) throw new Error(JSON.stringify({ data, errors }));
  }
}

/** Starts an export of the whole log, as a program does; the job's ID. */
export async function startExport(daybook, token, format = "CSV") {
  const organizationId = await daybook.organizationId(token);
  const document = `mutation($input: StartExportInput!) {
    startExport(input: $input) { job { id } userErrors { message } }
  }`;
  const input = { organizationId, format, source: { auditLogs: {} }, idempotencyKey: randomUUID() };
  const { startExport } = await daybook.query(token, document, { input });
  return startExport.job.id;
}

/** Waits until `condition` holds; fails with `what` after `seconds`. */
export async function until(what, condition, seconds = 90) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many entries the audit log's page says there are, as soon as it says so. */
export async function counted(page) {
  const lead = page.locator(".page-lead", { hasText: /\d/ });
  return Number((await lead.textContent()).replace(/\D/g, ""));
}

/** A page that is signed in, and keeps what it complains of. */
export async function open(browser, url, { token, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  // Long, since a busy machine is no fault; what is there is not waited for.
  context.setDefaultTimeout(60_000);
  if (token) {
    // Only where the tab has none yet: signing out must last.
    const keep = (value) => {
      if (sessionStorage.getItem("test.seen")) return;
      sessionStorage.setItem("test.seen", "yes");
      sessionStorage.setItem("daybook.token", value);
    };
    await context.addInitScript(keep, token);
  }
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    if (dialog.type() === "beforeunload") {
      // Whether the reader leaves all the same, as the test has it.
      page.asked = (page.asked ?? 0) + 1;
      return void (page.isLeaving ? dialog.accept() : dialog.dismiss());
    }
    page.complaints.push(`a script ran: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const isOwn = request.url().startsWith(new URL(url).origin) || /^(data|blob):/.test(request.url());
    if (!isOwn) page.complaints.push(`loaded from elsewhere: ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

/**
 * The violations that axe finds, of WCAG 2.2 A and AA and its best practices, but for those that
 * `excuses` has by rule and selector.
 */
export async function violations(page, excuses = []) {
  const source = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
  // Not as a script element, which the page's Content-Security-Policy would refuse.
  await page.evaluate(source);
  return page.evaluate(async (excuses) => {
    // React Aria puts a button to dismiss into each popover, for screen readers; a popover is no landmark.
    const rules = { region: { enabled: false } };
    const { violations } = await axe.run(document, { resultTypes: ["violations"], elementRef: true, rules });
    return violations.flatMap(({ id, nodes }) => {
      const selectors = excuses.filter(({ rule }) => rule === id).map(({ selector }) => selector);
      const isExcused = ({ element }) => selectors.some((selector) => element.matches(selector));
      const told = nodes.filter((node) => !isExcused(node));
      return told.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`);
    });
  }, excuses);
}

/** Carries connections to a server, until the network is cut. */
export class Network {
  static async to(port) {
    const network = new Network();
    network.sockets = new Set();
    network.isCut = false;
    network.server = createServer((client) => {
      if (network.isCut) return client.destroy();
      const server = connect(port, "127.0.0.1");
      for (const [socket, other] of [[client, server], [server, client]]) {
        network.sockets.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          network.sockets.delete(socket);
          other.destroy();
        });
        socket.on("data", (bytes) => {
          // A silent network neither carries nor says so.
          if (!network.isSilent) other.write(bytes);
        });
      }
    }).listen(0, "127.0.0.1");
    await once(network.server, "listening");
    network.url = `http://127.0.0.1:${network.server.address().port}`;
    return network;
  }

  /** Ends all connections and takes no new ones. */
  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Lets connections stand, and carries nothing more on them; new ones work. */
  silence() {
    this.isSilent = true;
  }

  restore() {
    this.isCut = false;
    this.isSilent = false;
  }

  stop() {
    this.cut();
    this.server.close();
  }
}

/** A reverse proxy that names its upstream as the host, as many do where they are not told otherwise. */
export class RewritingProxy {
  static async to(port, { passesUpgrades = true } = {}) {
    const proxy = new RewritingProxy();
    const host = `127.0.0.1:${port}`;
    const agent = new Agent({ keepAlive: false });
    proxy.upgrades = 0;
    proxy.server = createHttpServer((asked, answer) => {
      const { method, url: path, headers } = asked;
      const upstream = request({ agent, port, method, path, headers: { ...headers, host } }, (told) => {
        answer.writeHead(told.statusCode, told.headers);
        told.pipe(answer);
      });
      upstream.on("error", () => answer.destroy());
      asked.pipe(upstream);
    });
    proxy.server.on("upgrade", (asked, client) => {
      proxy.upgrades += 1;
      if (!passesUpgrades) return client.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
      const upstream = connect(port, "127.0.0.1");
      const headers = Object.entries({ ...asked.headers, host }).map(([name, value]) => `${name}: ${value}\r\n`);
      upstream.write(`GET ${asked.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
      upstream.pipe(client).on("error", () => upstream.destroy());
      client.pipe(upstream).on("error", () => client.destroy());
    });
    proxy.server.listen(0, "127.0.0.1");
    await once(proxy.server, "listening");
    // Another name than the upstream's, as users would have it.
    proxy.url = `http://localhost:${proxy.server.address().port}`;
    return proxy;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Complaints but for those of a connection that is lost while the server starts anew. */
export function unexpected(complaints) {
  return complaints.filter((complaint) => !/ERR_CONNECTION_REFUSED|WebSocket connection to/.test(complaint));
}
