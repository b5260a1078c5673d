/** Options that several commands have. */
import { type Command, Option } from "commander";
import type { Output } from "./output.ts";
import { integerOption, serviceUrlOption } from "./values.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";

/** Adds one command with its sub-commands. */
export type Add = (program: Command, output: Output, signal: AbortSignal) => void;

export const configOption = (): Option =>
  new Option(
    "-c, --config <file>",
    "configuration file (YAML); without it, only defaults and environment variables",
  ).env("SWAPSTATS_CONFIG");

export const dataDirOption = (): Option =>
  new Option("--data-dir <folder>", "data folder (default: data_dir of the configuration)");

export const portOption = (): Option =>
  new Option("-p, --port <n>", "port of the API; 0 takes a free port (default: the port of api.http.addr)").argParser(
    integerOption(0, 65_535),
  );

export const urlOption = (): Option =>
  new Option("--url <url>", "address of the service").argParser(serviceUrlOption).default(DEFAULT_URL);
