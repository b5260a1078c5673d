/** Parsers of option values. A bad value ends the command with exit code 2 and a message that says what to write. */
import { InvalidArgumentError } from "commander";
import { DURATION_HINT, parseDurationMs } from "../config/units.ts";

export function durationOption(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError(`It is not a duration; ${DURATION_HINT}.`);
  return ms;
}

/** Parses a number within bounds, also `1e6` and `0.5`. */
export function numberOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
    return value;
  };
}

export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Parses a probability: `0.01` or `1%`. */
export function shareOption(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) / (match[2] === "%" ? 100 : 1);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Give a share from 0 to 1, or from 0% to 100%.");
  return value;
}

/** Parses milliseconds since 1970, or RFC 3339. A date alone is its midnight in UTC. */
export function timeOption(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const dated = /^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].*([Zz]|[+-][0-9]{2}:[0-9]{2}))?$/.test(text);
    const ms = /^[0-9]{1,15}$/.test(text) ? Number(text) : dated ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(ms)) {
      throw new InvalidArgumentError("Write a time such as 2026-01-01, 2026-01-01T12:00:00Z or 1767225600000.");
    }
    if (ms < minMs || ms > maxMs) {
      const range = [minMs, maxMs].map((bound) => new Date(bound).toISOString()).join(" to ");
      throw new InvalidArgumentError(`It is outside ${range}. Numbers are milliseconds, not seconds.`);
    }
    return ms;
  };
}

/** Returns the base URL of a service, without a slash at the end. */
export function serviceUrlOption(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url?.protocol === "kafka:")
    throw new InvalidArgumentError("The command needs a service, not a topic; give http://HOST:PORT.");
  if (url === null || !["http:", "https:", "ws:", "wss:"].includes(url.protocol)) {
    throw new InvalidArgumentError("Give the address of a service, such as http://127.0.0.1:8080.");
  }
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  return `${secure ? "https" : "http"}://${url.host}${url.pathname.replace(/\/+$/, "")}`;
}
