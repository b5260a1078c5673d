/** Structured logs: one JSON object per line, or lines for people. They go to standard error, because standard output is for the results of commands. */
import pino from "pino";
import { maskSecrets } from "../shared/mask-secrets.ts";
import { printableJson, printableText } from "../shared/printable-text.ts";
import { BoundedSink, type LineSink, standardErrorSink } from "./bounded-sink.ts";
import { RepeatFilter } from "./repeat-filter.ts";

export type Logger = pino.Logger;

type LoggingOptions = {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly format: "json" | "text";
};

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

/** Levels whose repeated messages are counted. Lower levels are written in full, and a fatal error is never held back. */
const COUNTED_LEVELS = { 30: "info", 40: "warn", 50: "error" } as const;
type CountedLevel = (typeof COUNTED_LEVELS)[keyof typeof COUNTED_LEVELS];

/** Lines go to `sink`, which is standard error by default. */
export function createLogger(options: LoggingOptions, sink: LineSink = standardErrorSink()): Logger {
  let isReporting = false;
  const filter = new RepeatFilter<CountedLevel>((level, kind, held) => {
    isReporting = true;
    logger[level]({ repeated: held }, `${kind} (and ${held} more like this)`);
    isReporting = false;
  });
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: "***" },
      serializers: { err: serializeError },
      hooks: {
        logMethod(args, method, level) {
          const counted = COUNTED_LEVELS[level as keyof typeof COUNTED_LEVELS];
          if (counted === undefined || isReporting || filter.passes(counted, textFrom(args))) method.apply(this, args);
        },
      },
    },
    maskingSink(options.format === "text" ? textSink(sink) : jsonSink(sink)),
  );
  if (sink instanceof BoundedSink) {
    sink.onResumed = (dropped) => logger.warn({ dropped }, "lines were dropped, because the log was not read");
  }
  return logger;
}

/** Returns the message of a call, without the members that vary. */
function textFrom(args: readonly unknown[]): string {
  const text = typeof args[0] === "string" ? args[0] : args[1];
  return typeof text === "string" ? text : "";
}

/** Returns the parts of an error that are logged: its code, its causes, and the stack of the innermost one. */
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

/** Masks secrets, because addresses in messages of clients and of the system may hold a password. */
function maskingSink(sink: LineSink): LineSink {
  return { write: (line) => sink.write(maskSecrets(line)) };
}

/** Escapes the characters that a terminal acts on; JSON escapes only some of them. */
function jsonSink(sink: LineSink): LineSink {
  return { write: (line) => sink.write(printableJson(line)) };
}

function textSink(sink: LineSink): LineSink {
  return { write: (line) => sink.write(textOf(line)) };
}

/** Returns `12:00:00.123 warn  message  key=value`. Times are UTC, as in the JSON logs without the date. */
function textOf(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const members = Object.entries(rest).map(([key, value]) => ` ${key}=${valueText(value)}`);
  return `${clock} ${String(level).padEnd(5)} ${printableText(String(msg ?? ""))}${members.join("")}\n`;
}

/** Quotes a value, so that a foreign one cannot look like a line or a member. */
function valueText(value: unknown): string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : printableJson(JSON.stringify(value) ?? "");
}
