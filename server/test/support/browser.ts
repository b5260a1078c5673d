/** Pages in a real browser, which tell the test what they got by `POST /told`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { tempDir } from "./tmp.ts";

type Told = { readonly kind: string; readonly data?: unknown };

/** Serves the file at an origin of its own, and hands on what its page tells, in order. */
export async function servePage(t: TestContext, file: string): Promise<{ origin: string; next: () => Promise<Told> }> {
  const told: Told[] = [];
  let wake = (): void => {};
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.setHeader("content-type", "text/html");
      response.end(readFileSync(file));
      return;
    }
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", () => {
      told.push(JSON.parse(body));
      wake();
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const next = async (): Promise<Told> => {
    while (told.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return told.shift() as Told;
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, next };
}

/** Returns a function that opens an address with Chromium until its test ends. Each has an empty profile. */
export function browserOf(chromium: string): (t: TestContext, address: string) => void {
  const profiles = tempDir({ after }, "chromium");
  let browsers = 0;

  return (t, address) => {
    const profile = join(profiles, `${browsers++}`);
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const quiet = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    const child = spawn(chromium, [...flags, ...quiet, `--user-data-dir=${profile}`, address], {
      stdio: "ignore",
      detached: true,
    });
    t.after(async () => {
      const ended = once(child, "exit");
      // The browser is a group of processes; all of them hold its profile.
      process.kill(-(child.pid as number), "SIGKILL");
      await ended;
    });
  };
}
