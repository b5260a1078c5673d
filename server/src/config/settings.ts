/** A setting on its way from where it was given to the configuration. */
import type { KeySpec, KeyValue } from "./key.ts";

type Origin = "default" | "file" | "environment" | "command line";

/** A value that was given, before it is read. */
export type RawSetting = {
  readonly path: string;
  readonly raw: unknown;
  readonly origin: Origin;
  /** `config.yaml:12`, the name of the environment variable, or `command line`. */
  readonly where: string;
};

export type Setting = {
  readonly path: string;
  readonly spec: KeySpec;
  readonly value: KeyValue;
  readonly origin: Origin;
  /** As in `RawSetting`; empty for a default. */
  readonly where: string;
};

export type ConfigProblem = {
  /** Dotted path of the key. */
  readonly path: string;
  /** As in `RawSetting`, or empty. */
  readonly where: string;
  /** Follows the path of the key: `is not set; give ...`. */
  readonly message: string;
};
