/** Commands for credentials: API keys, and tokens for development. */
import { InvalidArgumentError, Option } from "commander";
import { isKeyName, KEY_NAME_HINT } from "../access/identity/api-keys.ts";
import { readScopes } from "../access/identity/scopes.ts";
import type { Scope } from "../access/identity.ts";
import { type Add, configOption } from "./common-options.ts";
import { durationOption } from "./values.ts";

const READ_ALONE: ReadonlySet<Scope> = new Set(["read"]);
const TTL_DEFAULT = "1h";
const SECOND_MS = 1_000;

type KeyOptions = { readonly file?: string; readonly config?: string };
type MintOptions = {
  readonly sub: string;
  readonly scope: ReadonlySet<Scope>;
  readonly ttl: number;
  readonly config?: string;
};

export const addKey: Add = (program, output) => {
  const key = program
    .command("key")
    .summary("create and list API keys")
    .description("Creates and lists API keys, for programs that get no tokens from an issuer.");
  /** The configuration is read only if no file is named, so its other problems do not matter then. */
  const fileOf = async ({ file, config }: KeyOptions): Promise<string | undefined> => {
    if (file !== undefined) return file;
    const { readConfig } = await import("./read-config.ts");
    return readConfig(config, output).config.security.apiKeysPath;
  };
  key
    .command("create")
    .description(
      "Adds a key to the file of keys, and prints it once. The file holds only its hash. A running service reads the file again by itself.",
    )
    .argument("<name>", "name of the program that gets the key; it is the subject in logs and limits", nameOption)
    .addOption(scopeOption())
    .option("--file <file>", "file of keys (default: security.api_keys_path of the configuration)")
    .addOption(configOption())
    .addHelpText(
      "after",
      "\nExamples:\n  swapstats key create dashboard --file api-keys\n  swapstats key create collector --scope ingest --config config.yaml",
    )
    .action(async (name: string, options: KeyOptions & { scope: ReadonlySet<Scope> }) => {
      const { runKeyCreate } = await import("./key.ts");
      runKeyCreate({ name, scopes: options.scope }, await fileOf(options), output);
    });
  key
    .command("list")
    .description("Lists the keys of the file: their names, their scopes, and the beginnings of their hashes.")
    .option("--file <file>", "file of keys (default: security.api_keys_path of the configuration)")
    .addOption(configOption())
    .addHelpText("after", "\nExample:\n  swapstats key list --file api-keys")
    .action(async (options: KeyOptions) => {
      const { runKeyList } = await import("./key.ts");
      runKeyList(await fileOf(options), output);
    });
};

export const addToken: Add = (program, output) => {
  const token = program
    .command("token")
    .summary("sign a token for development")
    .description("Signs tokens for development. In production an issuer signs them.");
  token
    .command("mint")
    .description("Signs and prints a token, with security.dev_tokens: on and the key of security.jwt that signs.")
    .requiredOption("--sub <name>", "subject of the token")
    .addOption(scopeOption())
    .addOption(
      new Option("--ttl <time>", "how long it is valid")
        .argParser(readTtl)
        .default(durationOption(TTL_DEFAULT), TTL_DEFAULT),
    )
    .addOption(configOption())
    .addHelpText("after", "\nExample:\n  swapstats token mint --sub alice --scope read,ingest --config config.yaml")
    .action(async ({ sub, scope, ttl, config }: MintOptions) => {
      const [{ runTokenMint }, { readConfig }] = await Promise.all([import("./mint.ts"), import("./read-config.ts")]);
      const request = { subject: sub, scope: [...scope].join(" "), ttlMs: ttl };
      await runTokenMint(request, readConfig(config, output).config, output);
    });
};

function nameOption(text: string): string {
  if (isKeyName(text)) return text;
  throw new InvalidArgumentError(`Give ${KEY_NAME_HINT}.`);
}

const scopeOption = (): Option =>
  new Option("--scope <list>", "read, ingest and admin, with commas")
    .argParser(readScopeList)
    .default(READ_ALONE, "read");

function readScopeList(text: string): ReadonlySet<Scope> {
  const scopes = readScopes(text);
  if (scopes === undefined) throw new InvalidArgumentError("Give read, ingest or admin, several with commas.");
  return scopes;
}

function readTtl(text: string): number {
  const ms = durationOption(text);
  if (ms < SECOND_MS) throw new InvalidArgumentError("Give at least 1s.");
  return ms;
}
