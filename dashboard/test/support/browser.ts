/** The dashboard in a real browser, which complains about everything that a user should never meet. */
import { after } from "node:test";
import { type Browser, type BrowserContext, type Locator, type Page, chromium as playwright } from "playwright-core";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** How the page is looked at. By default 1280 by 800 pixels, light. */
export type Look = {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: "light" | "dark";
  readonly reducedMotion?: "reduce" | "no-preference";
};

export type Opened = {
  readonly page: Page;
  /**
   * Errors and warnings of the console, uncaught errors, refusals by the policy, and requests to other hosts. A test asserts that there are none.
   * Lost connections are no complaints: tests cut them on purpose.
   */
  readonly complaints: readonly string[];
  /** Returns the layout shifts so far that no input caused: their scores, and the elements that moved. */
  layoutShifts(): Promise<readonly { readonly value: number; readonly sources: readonly string[] }[]>;
  /** Returns by how many pixels the page is wider than the window. */
  overhang(): Promise<number>;
};

/** Collects layout shifts and refusals before any script of the page runs. */
const WATCH = `
  window.shifts = [];
  const nameOf = ({ node }) => {
    const element = node?.nodeType === 1 ? node : node?.parentElement;
    return element === null || element === undefined ? "gone" : element.tagName.toLowerCase() + "." + (element.getAttribute("class") ?? "");
  };
  new PerformanceObserver((list) => {
    for (const { hadRecentInput, value, sources } of list.getEntries())
      if (!hadRecentInput) window.shifts.push({ value, sources: sources.map(nameOf) });
  }).observe({ type: "layout-shift", buffered: true });
  addEventListener("securitypolicyviolation", (event) =>
    console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile, event.lineNumber));
`;

/** Starts one browser for a test file, at its first page, and ends it with the file. Returns a function that opens an address. */
export function openerOf(chromium: string): (t: Cleanup, address: string, look?: Look) => Promise<Opened> {
  let starting: Promise<Browser> | undefined;
  after(async () => (await starting)?.close());
  return async (t, address, look = {}) => {
    starting ??= playwright.launch({ executablePath: chromium, args: FLAGS });
    const context = await (await starting).newContext({
      viewport: { width: look.width ?? 1280, height: look.height ?? 800 },
      colorScheme: look.colorScheme ?? "light",
      reducedMotion: look.reducedMotion ?? "no-preference",
    });
    t.after(() => context.close());
    return openPage(context, address);
  };
}

type Cleanup = { after(run: () => Promise<void>): void };

async function openPage(context: BrowserContext, address: string): Promise<Opened> {
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // The browser reports every failed request. Tests look at what the page makes of it.
    if (/Failed to load resource|WebSocket connection to/.test(message.text())) return;
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    if (protocol !== "data:" && protocol !== "blob:" && host !== new URL(address).host) {
      complaints.push(`request to another host: ${request.url()}`);
    }
  });
  await page.addInitScript({ content: WATCH });
  await page.goto(address);
  return {
    page,
    complaints,
    layoutShifts: () => page.evaluate("window.shifts"),
    overhang: () => page.evaluate<number>("document.documentElement.scrollWidth - innerWidth"),
  };
}

/** Resolves when the element has the text. */
export async function reads(element: Locator, text: string | RegExp): Promise<void> {
  await element.filter({ hasText: text }).first().waitFor();
}
