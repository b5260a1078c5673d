/** Projects that have installed the packed client, as npm would install it from a registry. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { after, type TestContext } from "node:test";
import { tempDir } from "../../../server/test/support/tmp.ts";

export const REPOSITORY = resolve(import.meta.dirname, "../../..");

/** Folder of the unpacked package. It is packed once for all tests of a file, from a copy without earlier results. */
const PACKED = packedClient();

function packedClient(): string {
  const root = tempDir({ after }, "packed-client");
  const files = ["package.json", "tsconfig.json", "README.md", "LICENSE", "src"].map((name) => `sdk/${name}`);
  for (const path of ["tsconfig.base.json", ...files]) {
    cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
  }
  run("npm", ["pack", "--silent", "--offline", "--pack-destination", root], join(root, "sdk"));
  run("tar", ["-xzf", readdirSync(root).find((name) => name.endsWith(".tgz")) as string], root);
  return join(root, "package");
}

/**
 * Returns the folder of a new project with these files, where the client is installed.
 * @param links packages that the project also uses, as folders in the repository
 */
export function projectOf(t: TestContext, files: Record<string, string>, links: Record<string, string> = {}): string {
  const folder = tempDir(t, "project");
  const installed = join(folder, "node_modules/@swapstats/client");
  cpSync(PACKED, installed, { recursive: true });
  for (const [name, path] of Object.entries(links)) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(REPOSITORY, path), join(folder, "node_modules", name));
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Runs a program to its end, and returns what it wrote. Fails when it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const env = { ...process.env, PATH: `${join(REPOSITORY, "node_modules/.bin")}:${process.env["PATH"]}` };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
  assert.equal(error, undefined);
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

/** The service's address in the examples of the pages. */
const ADDRESS = "http://127.0.0.1:8080";

/** Runs an example as a program of its own, with this address of the service. Resolves with what it prints. It must end without an error. */
export async function printedBy(t: TestContext, example: string, base: string): Promise<string> {
  assert.ok(example.includes(ADDRESS));
  const folder = projectOf(t, { "main.mjs": example.replaceAll(ADDRESS, base) });
  const child = spawn(process.execPath, ["main.mjs"], { cwd: folder, env: {}, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (data) => {
      texts[name] += data;
    });
  }
  const [code] = await once(child, "close");
  assert.deepEqual([code, texts.stderr], [0, ""]);
  return texts.stdout;
}
