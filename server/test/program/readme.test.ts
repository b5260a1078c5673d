/**
 * The steps of README, in their order and to the letter, in a fresh copy of what the repository holds, with the packages that are
 * installed here, and the build, in the place of `npm ci`. Where somebody listens at one of the ports of README already, every port is
 * exchanged for a free one, in the commands and by the environment; nothing else is changed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../support/tmp.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const README_PORTS = { http: 8080, metrics: 9091 };

async function portAt(port: number): Promise<number | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
}

/** What Git tracks or would track, and the installed packages, with the workspaces of the copy itself among them. */
function freshCopy(folder: string): void {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: REPOSITORY,
  });
  for (const file of listed.toString().split("\0")) {
    if (/^(server\/test|bench)\//.test(file)) continue;
    if (file === "" || !existsSync(join(REPOSITORY, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(REPOSITORY, file), join(folder, file));
  }
  const [from, to] = [join(REPOSITORY, "node_modules"), join(folder, "node_modules")];
  mkdirSync(join(to, "@swapstats"), { recursive: true });
  for (const name of readdirSync(from)) {
    if (!["swapstats", "@swapstats", ".bin"].includes(name)) symlinkSync(join(from, name), join(to, name));
  }
  symlinkSync(join(folder, "server"), join(to, "swapstats"));
  for (const [name, workspace] of [["protocol"], ["client", "sdk"], ["dashboard"]])
    symlinkSync(join(folder, workspace ?? (name as string)), join(to, `@swapstats/${name}`));
  mkdirSync(join(to, ".bin"));
  for (const name of readdirSync(join(from, ".bin")))
    symlinkSync(readlinkSync(join(from, ".bin", name)), join(to, ".bin", name));
  for (const workspace of ["server", "protocol", "sdk", "dashboard"]) {
    const own = join(REPOSITORY, workspace, "node_modules");
    if (existsSync(own)) symlinkSync(own, join(folder, workspace, "node_modules"));
  }
  const PATH = `${join(to, ".bin")}:${process.env.PATH}`;
  execFileSync("npm", ["run", "-s", "build"], { cwd: folder, env: { ...process.env, PATH }, stdio: "pipe" });
}

/** The commands of the blocks before the part about several instances. */
function blocksOf(readme: string): string[] {
  const steps = readme.slice(0, readme.indexOf("## Several instances"));
  return [...steps.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text as string);
}

class Step {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  out = "";
  #changed = Promise.withResolvers<void>();

  constructor(command: string, cwd: string, env: NodeJS.ProcessEnv) {
    this.child = spawn("sh", ["-c", command], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (part: Buffer) => {
        this.out += part.toString();
        this.#wake();
      });
    }
    this.ended = new Promise((resolve) =>
      this.child.on("close", (code) => {
        this.#wake();
        resolve(code);
      }),
    );
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.out)) {
      assert.equal(this.child.exitCode, null, `ended early:\n${this.out}`);
      await this.#changed.promise;
    }
  }

  /** Ctrl+C in its terminal reaches every process of the group. */
  async interrupt(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null)
      process.kill(-(this.child.pid as number), "SIGINT");
    await this.ended;
  }
}

test("the steps of README work in their order on one machine", async (t) => {
  const folder = tempDir(t);
  freshCopy(folder);
  const free = (await portAt(README_PORTS.http)) !== undefined && (await portAt(README_PORTS.metrics)) !== undefined;
  const port = free ? README_PORTS.http : ((await portAt(0)) as number);
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: process.env.HOME };
  if (!free) {
    env.SWAPSTATS_API_HTTP_ADDR = `127.0.0.1:${port}`;
    env.SWAPSTATS_METRICS_PROMETHEUS = "127.0.0.1:0";
  }
  const blocks = blocksOf(readFileSync(join(REPOSITORY, "README.md"), "utf8")).map((block) =>
    block.replaceAll(String(README_PORTS.http), String(port)),
  );
  const [start = "", look = "", serve = "", post = "", replay = ""] = blocks;
  const open: Step[] = [];
  const run = (command: string): Step => {
    const step = new Step(command, folder, env);
    open.push(step);
    return step;
  };
  const answered = async (command: string): Promise<string> => {
    const step = run(command);
    assert.equal(await step.ended, 0, `${command}\n${step.out}`);
    return step.out;
  };
  t.after(() => {
    for (const { child } of open)
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), "SIGKILL");
  });

  assert.match(start, /^npm ci && npm start\b/);
  const demo = run(start.replace("npm ci && ", ""));
  await demo.until(/data in \.\/demo-data[\s\S]*Ctrl\+C stops it/);
  const [curl = "", top = ""] = look.split("\n");
  // The addresses are printed before the first swaps are counted.
  let overview = await answered(curl);
  while (overview.includes('"items":[]')) overview = await answered(curl);
  assert.match(overview, /"window":"5m".*"items":\[\{"id":"[0-9]+:0x.*"symbol":"/);
  assert.match(top, /^npx swapstats top/);
  const table = run(top);
  await table.until(/ 5m 1 /);
  await table.interrupt();
  await demo.interrupt();

  const service = run(serve);
  await service.until(/listens on .*data in \.\/data/);
  const said = await answered(post);
  t.diagnostic(said);
  assert.match(said, /"accepted":1/);
  assert.match(said, /"token":"1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"/);
  assert.match(said, /"5m":\{[^}]*"trades":1,"buys":1,"sells":0,"volume_usd":"2774\.85"/);
  await service.interrupt();

  assert.match(await answered(replay), /WETH/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => /data$/.test(name)),
    ["data", "demo-data"],
  );
});
