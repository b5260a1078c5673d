import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { PROTO_FILE } from "../src/proto/contract.ts";
import { statsFile } from "../src/proto/descriptor.ts";

const repository = resolve(import.meta.dirname, "../..");
const documents = join(repository, "docs/api");
const buf = join(dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin/buf");

/** Runs buf on the folder of the contract, without any network. Rejects with its output when it finds something. */
async function runBuf(...args: readonly string[]): Promise<Buffer> {
  const config = JSON.stringify({ version: "v2", lint: { use: ["STANDARD"] }, breaking: { use: ["FILE"] } });
  const run = promisify(execFile)(buf, [...args, "--config", config], { cwd: repository, encoding: "buffer" });
  return (await run).stdout;
}

test("buf finds nothing against the rules in the .proto file", async () => {
  assert.equal((await runBuf("lint", documents, "--error-format", "text")).toString(), "");
});

test("the .proto file breaks no client of the released one: no field, type or method is gone, and no number has changed", async () => {
  const released = join(repository, "protocol/test/released");
  assert.equal((await runBuf("breaking", documents, "--against", released)).toString(), "");
  // The check itself must find what it is for.
  const folder = mkdtempSync(join(tmpdir(), "swapstats-proto-"));
  try {
    cpSync(documents, folder, { recursive: true });
    const file = join(folder, PROTO_FILE);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("optional string volume_usd = 4;", "optional string volume_usd = 99;"));
    await assert.rejects(runBuf("breaking", folder, "--against", released), /breaking|exit code|Command failed/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the compiled .proto file is the descriptor that the service uses", async () => {
  const compiled = fromBinary(
    FileDescriptorSetSchema,
    await runBuf("build", documents, "--as-file-descriptor-set", "-o", "-"),
  );
  const [file] = compiled.file;
  assert.ok(file !== undefined);
  // Comments and positions are the text's own.
  delete file.sourceCodeInfo;
  const json = (proto: FileDescriptorProto) => toJson(FileDescriptorProtoSchema, proto);
  assert.deepEqual(json(file), json(statsFile));
});
