/** The command `mapping test`: shows what a mapping makes of the first records of a file. */
import type { RegistryConfig } from "../../config/build/ingest.ts";
import { readMapping } from "../../mapping/reading/read-mapping.ts";
import { printableCut, printableJson, printableText } from "../../shared/printable-text.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits } from "../progress.ts";
import { type InputFile, inputFiles, Spool, type StdinSource } from "../replay/input.ts";
import { runMapping, type TestedRecord } from "./run-mapping.ts";

export type MappingTestCommand = {
  readonly mapPath: string;
  readonly rows: number;
  readonly format: "text" | "json";
  /** Whether any refused record makes the command fail. */
  readonly isStrict: boolean;
  /** Has the schemas of messages whose mapping names no schema file. */
  readonly registry: RegistryConfig | undefined;
};

/** Width of lines where there is no terminal. */
const WIDTH_ELSEWHERE = 100;
const WIDTH_MIN = 40;
/** Fields that the first line of a swap has, each with its names. */
const HEADLINE = [
  ["side"],
  ["amount_token", "amount"],
  ["token_address", "token"],
  ["amount_usd", "usd"],
  ["event_time", "ts"],
];
/** Characters of a refused record that are shown. */
const RAW_SHOWN = 200;

/** Rejects with `CommandFailed` when no swap came out, or a record was refused with --strict. */
export async function runMappingTest(
  path: string,
  command: MappingTestCommand,
  output: Output,
  signal: AbortSignal,
  stdin: StdinSource = () => process.stdin,
): Promise<void> {
  const mapping = readMapping(command.mapPath);
  const [input] = inputFiles([path]);
  const spool = new Spool();
  try {
    const source = { files: [], mapping, spool, stdin };
    const schemas = { registry: command.registry, signal };
    const records = await runMapping(source, input as InputFile, command.rows, schemas);
    const summary = summaryOf(records);
    if (command.format === "json") {
      output.out(printableJson(jsonOf(records, summary)));
    } else {
      const width = output.outIsTerminal ? Math.max(output.columns(), WIDTH_MIN) : WIDTH_ELSEWHERE;
      for (const record of records) for (const line of recordLines(record, width)) output.out(`${line}\n`);
      output.out(`${summaryText(summary)}\n`);
    }
    if (summary.swaps === 0) throw new CommandFailed("no swap came out");
    if (command.isStrict && summary.refused > 0) throw new CommandFailed("refused records");
  } finally {
    spool.dispose();
  }
}

type Summary = {
  readonly records: number;
  readonly swaps: number;
  readonly skipped: number;
  readonly refused: number;
  /** Swaps with the identity of an earlier one. */
  readonly copies: number;
};

function summaryOf(records: readonly TestedRecord[]): Summary {
  const sum = (count: (record: TestedRecord) => number): number =>
    records.reduce((total, record) => total + count(record), 0);
  return {
    records: records.length,
    swaps: sum(({ events }) => events.length),
    skipped: sum(({ skipped }) => skipped),
    refused: sum(({ refused }) => refused.length),
    copies: sum(({ copies }) => copies.length),
  };
}

function summaryText({ records, swaps, skipped, refused, copies }: Summary): string {
  const number = (count: number, one: string, many: string): string =>
    `${groupDigits(count)} ${count === 1 ? one : many}`;
  const first = `${number(records, "record", "records")} read: ${number(swaps, "swap", "swaps")}, ${groupDigits(skipped)} skipped, ${groupDigits(refused)} refused.`;
  if (copies === 0) return first;
  const share = copies === 1 ? "One swap has" : `${groupDigits(copies)} swaps have`;
  return `${first}\n${share} the identity of an earlier one, and would count as a copy of it.`;
}

/** Events are embedded as they are, so that their numbers stay exact. */
function jsonOf(records: readonly TestedRecord[], summary: Summary): string {
  const parts = records.map(({ row, events, copies, skipped, refused }) => {
    const rest = JSON.stringify({ copies, skipped, refused }).slice(1);
    return `{"row":${row},"events":[${events.join(",")}],${rest}`;
  });
  return `{"records":[${parts.join(",\n")}],\n"summary":${JSON.stringify(summary)}}\n`;
}

function recordLines({ row, events, copies, skipped, refused, raw }: TestedRecord, width: number): string[] {
  const lines: string[] = [];
  const titles = [
    ...(events.length === 0 ? [] : [events.length === 1 ? "1 swap" : `${events.length} swaps`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped by \`when\``]),
    ...(refused.length === 0 ? [] : [`${refused.length} refused`]),
  ];
  lines.push(`row ${row}: ${titles.length === 0 ? "no swaps" : titles.join(", ")}`);
  events.forEach((event, index) => {
    const members = membersOf(event);
    const first = HEADLINE.flatMap((names) => names.flatMap((name) => members.get(name) ?? []).slice(0, 1));
    const rest = [...members]
      .filter(([name]) => !HEADLINE.flat().includes(name))
      .map(([name, text]) => `${name} ${text}`);
    const [side = "?", amount = "?", token = "?", usd = "?", time = ""] = first;
    const said = `${side} ${amount} of ${token} for ${usd} USD at ${timeText(time)}`;
    lines.push(...wrapped(said.split(" "), "  ", "    ", width, " "), ...wrapped(rest, "    ", "    ", width));
    if (copies.includes(index)) lines.push("    ^ a copy: an earlier swap has this identity");
  });
  for (const { code, message } of refused) {
    lines.push(...wrapped(printableCut(`refused, ${code}: ${message}`, 600).split(" "), "  ", "    ", width, " "));
  }
  if (refused.length > 0) lines.push(...wrapped([`record: ${printableCut(raw, RAW_SHOWN)}`], "    ", "    ", width));
  return lines;
}

/** Returns the members of an event with their values as texts, numbers as they are written. */
function membersOf(event: string): Map<string, string> {
  const members = new Map<string, string>();
  // The mapper writes flat objects without white space: names, then texts, numbers or booleans.
  for (const [, name = "", value = ""] of event.matchAll(/"([a-z_]+)":("(?:[^"\\]|\\.)*"|[^,}]+)/g)) {
    members.set(name, printableText(value.startsWith('"') ? (JSON.parse(value) as string) : value));
  }
  return members;
}

function timeText(time: string): string {
  return /^[0-9]{12,15}$/.test(time) ? new Date(Number(time)).toISOString() : time;
}

/** Joins parts into lines of at most the width. A part that is longer is cut into several lines. */
function wrapped(parts: readonly string[], first: string, next: string, width: number, gap = "  "): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const part of parts) {
    if (!isEmpty && line.length + gap.length + part.length > width) {
      lines.push(line);
      line = next;
      isEmpty = true;
    }
    line += isEmpty ? part : gap + part;
    isEmpty = false;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = next + line.slice(width);
    }
  }
  lines.push(line);
  return lines;
}
