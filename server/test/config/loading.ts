import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { tempDir } from "../support/tmp.ts";

/** Returns the problems that loading finds, as lines. */
export function problemsOf(options: Parameters<typeof loadConfig>[0]): string[] {
  try {
    loadConfig(options);
  } catch (error) {
    assert.ok(error instanceof SwapstatsError && error.code === "bad_config");
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  return [];
}

/** Writes a configuration file. */
export function fromYaml(t: Parameters<typeof tempDir>[0], text: string): { filePath: string } {
  const filePath = join(tempDir(t), "config.yaml");
  writeFileSync(filePath, text);
  return { filePath };
}

/** Returns the configuration of these environment variables. */
export const fromEnv = (env: Record<string, string>): Config => loadConfig({ env }).config;
