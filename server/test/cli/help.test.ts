import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.ts";
import { runCli } from "../../src/cli/run.ts";
import { memoryOutput } from "../support/memory-output.ts";

const never = new AbortController().signal;

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(args, output, never);
  return { code, out: output.outText(), err: output.errText() };
}

test("help shows the command that is named, at any depth", async () => {
  const program = makeProgram(memoryOutput(), never);
  const walk = async (command: Command, names: readonly string[]): Promise<void> => {
    const { code, out } = await cli("help", ...names);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: ${["swapstats", ...names].join(" ")} `), `${names}: ${out.slice(0, 80)}`);
    assert.equal(out, (await cli(...names, "--help")).out);
    for (const sub of command.commands) await walk(sub, [...names, sub.name()]);
  };
  await walk(program, []);
});

test("help about an unknown command lists the existing ones", async () => {
  const { code, err } = await cli("help", "config", "chek");
  assert.equal(code, 2);
  assert.match(err, /swapstats config has no command 'chek' \(did you mean check\?\); there are check, init, show/);
});

test("without arguments, or with a group alone, the command ends with wrong usage and shows the help", async () => {
  for (const args of [[], ["config"], ["checkpoint"], ["log"], ["topic"]]) {
    const { code, out, err } = await cli(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(out + err, /^Usage: swapstats/);
  }
});

test("defaults in help texts are written as they are given: durations with units, scopes as words", async () => {
  assert.match((await cli("generate", "--help")).out, /lie behind the stream\s+\(default:\s+30s\)/);
  assert.match((await cli("key", "create", "--help")).out, /with commas\s+\(default:\s+read\)/);
  const mint = (await cli("token", "mint", "--help")).out;
  assert.match(mint, /with commas\s+\(default:\s+read\)/);
  assert.match(mint, /how long it is valid\s+\(default:\s+1h\)/);
});
