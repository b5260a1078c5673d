/**
 * Runs a side in a process of its own, and measures the process from outside by Linux's /proc, so that all are measured alike: from their
 * start, with compilers and collectors. The figures are asked for after the measurement.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Answer, Query } from "./figures.ts";

export type Command = { readonly program: string; readonly args: readonly string[] };
export type Measured = {
  /** From the start of the process until all records are in the state. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Processor time of the second half of the records. Undefined where the side does not say when it begins. */
  readonly laterCpuSeconds: number | undefined;
  readonly peakMb: number;
};

/** Without Linux's /proc the measurements of processor time and memory are NaN. */
export const CAN_MEASURE = existsSync("/proc/self/stat");
/** Of /proc, on all of Linux. */
const TICKS_PER_SECOND = 100;

/** Rejects when the process ends early. */
export async function runSide({ program, args }: Command, query: Query): Promise<Measured & { answer: Answer }> {
  const startedMs = performance.now();
  const child = spawn(program, [...args], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const cpu = (): number => cpuSecondsOf(child.pid!);
  let halfCpuSeconds: number | undefined;
  let measured: Measured | undefined;
  let answer: Answer | undefined;
  for await (const line of createInterface(child.stdout)) {
    if (line === "half") halfCpuSeconds = cpu();
    else if (line === "done") {
      const cpuSeconds = cpu();
      const laterCpuSeconds = halfCpuSeconds === undefined ? undefined : cpuSeconds - halfCpuSeconds;
      const seconds = (performance.now() - startedMs) / 1000;
      measured = { seconds, cpuSeconds, laterCpuSeconds, peakMb: peakMbOf(child.pid!) };
      child.stdin.write(`${JSON.stringify(query)}\n`);
    } else if (measured !== undefined) answer = JSON.parse(line) as Answer;
  }
  const [code] = await exited;
  if (code !== 0 || measured === undefined || answer === undefined) {
    throw new Error(`${program} ${args.join(" ")} ended with ${code}, without an answer`);
  }
  return { ...measured, answer };
}

function cpuSecondsOf(pid: number): number {
  if (!CAN_MEASURE) return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name of the program, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) / TICKS_PER_SECOND;
}

function peakMbOf(pid: number): number {
  if (!CAN_MEASURE) return Number.NaN;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024) / 1e6;
}
