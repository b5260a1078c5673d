/** Structured logs: one JSON object a line, or lines for people. They go to standard error, so that standard output stays with answers of commands. */
import pino from "pino";
import { printableText } from "../shared/printable-text.ts";

export type Logger = pino.Logger;

export type LoggingOptions = {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly format: "json" | "text";
};

/** Takes whole lines, each with its newline. */
export type LineSink = { write(line: string): void };

/** Names of members whose values never reach a log, at the top and one level below. */
const SECRET_NAMES = [
  "password",
  "secret",
  "token_secret",
  "secret_key",
  "access_key",
  "nkey",
  "jwt",
  "authorization",
  "cookie",
];

/** @param sink where lines go; standard error unless given, written at once so that the last line before a crash is not lost */
export function createLogger(
  options: LoggingOptions,
  sink: LineSink = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: "***" },
      serializers: { err: serializeError },
    },
    options.format === "text" ? textSink(sink) : sink,
  );
}

/** What a log says of an error: its code and its causes, and the stack of the innermost. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    ...(error.cause === undefined ? { stack: error.stack } : { cause: serializeError(error.cause) }),
  };
}

function textSink(sink: LineSink): LineSink {
  return { write: (line) => sink.write(textOf(line)) };
}

/** `12:00:00.123 warn  message  key=value`; times are UTC, in the form of the JSON logs without the date. */
function textOf(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const members = Object.entries(rest).map(([key, value]) => ` ${key}=${valueText(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${printableText(String(msg ?? ""))}${members.join("")}\n`;
}

/** A value that came from outside must not be able to look like a line or a member of its own. */
function valueText(value: unknown): string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);
}
