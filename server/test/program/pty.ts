/** A program on a real pseudo-terminal, and the screen that a terminal of its size would show. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { displayWidth } from "../../src/cli/table.ts";
import { within } from "../support/within.ts";

const RELAY = join(import.meta.dirname, "pty-relay.py");
const ESCAPE = "\x1b";
const SEQUENCE = new RegExp(`${ESCAPE}\\[(\\??[0-9;]*)([A-Za-z])|\\r|\\n|[^${ESCAPE}\\r\\n]`, "gu");
const UNFINISHED = new RegExp(`${ESCAPE}(\\[\\??[0-9;]*)?$`, "u");

/**
 * The part of a terminal that the live views use: cursor home, clear to the end of the line, line feeds, colours, the other screen, no
 * wrapping. As in real terminals the cursor stays on the last column behind a line that is as wide as the terminal.
 */
export class TerminalScreen {
  columns: number;
  rows: number;
  lines: string[];
  /** True while the program holds the other screen. */
  isTaken = false;
  hasColours = false;
  /** Lines that did not fit when they were written. */
  readonly tooWide: string[] = [];
  /** Control characters that are no sequence of the program's own. */
  readonly foreign: string[] = [];
  /** The beginning of a sequence whose end comes with the next piece of output. */
  #unfinished = "";
  #row = 0;
  #written: string[] = [];

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.lines = Array(rows).fill("");
  }

  get text(): string {
    return this.lines.join("\n");
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.lines = Array(rows).fill("");
  }

  feed(text: string): void {
    const all = this.#unfinished + text;
    this.#unfinished = UNFINISHED.exec(all)?.[0] ?? "";
    const whole = all.slice(0, all.length - this.#unfinished.length);
    for (const [token, parameters, command] of whole.matchAll(SEQUENCE)) {
      if (command !== undefined) this.#control(parameters ?? "", command);
      else if (token === "\r") this.#written = [];
      else if (token === "\n") this.#row = Math.min(this.#row + 1, this.rows - 1);
      else this.#put(token);
    }
  }

  #control(parameters: string, command: string): void {
    if (command === "H") {
      this.#row = 0;
      this.#written = [];
    } else if (command === "K") {
      const at = displayWidth(this.#written.join(""));
      if (at >= this.columns) this.#written.pop();
      this.lines[this.#row] = this.#written.join("");
    } else if (command === "m") this.hasColours = true;
    else if (parameters === "?1049") this.isTaken = command === "h";
  }

  #put(character: string): void {
    if (/\p{Cc}/u.test(character)) this.foreign.push(character);
    this.#written.push(character);
    const line = this.#written.join("");
    if (displayWidth(line) > this.columns) this.tooWide.push(line);
    this.lines[this.#row] = line;
  }
}

/** Resolves waits as output comes; a wait whose program ends first fails with what was to be seen. */
export class PtyProgram {
  readonly screen: TerminalScreen;
  readonly #closed: Promise<number | null>;
  readonly #child: ChildProcess;
  #raw = "";
  #hasEnded = false;
  #changed = Promise.withResolvers<void>();

  constructor(
    python: string,
    command: readonly string[],
    columns: number,
    rows: number,
    env: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.screen = new TerminalScreen(columns, rows);
    const all = { ...process.env, TERM: "xterm-256color", NO_COLOR: undefined, FORCE_COLOR: undefined, ...env };
    this.#child = spawn(python, [RELAY, String(rows), String(columns), ...command], {
      env: all,
      stdio: ["pipe", "pipe", "inherit", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8");
    this.#child.stdout?.on("data", (text: string) => {
      this.#raw += text;
      this.screen.feed(text);
      this.#wake();
    });
    this.#closed = new Promise((resolve) =>
      this.#child.on("close", (code) => {
        this.#hasEnded = true;
        this.#wake();
        resolve(code);
      }),
    );
  }

  /** Resolves with the exit code. */
  get ended(): Promise<number | null> {
    return within(this.#closed, () => `the program does not end:\n${this.screen.text}`);
  }

  /** Everything that was written, with its sequences. */
  get raw(): string {
    return this.#raw;
  }

  press(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    (this.#child.stdio[3] as Writable).write(`${rows} ${columns}\n`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async until(what: string, condition: (screen: TerminalScreen) => boolean): Promise<void> {
    await within(this.#seen(what, condition), () => `no ${what} on the screen:\n${this.screen.text}`);
  }

  async #seen(what: string, condition: (screen: TerminalScreen) => boolean): Promise<void> {
    while (!condition(this.screen)) {
      assert.ok(!this.#hasEnded, `the program ended before ${what}:\n${this.#raw}`);
      await this.#changed.promise;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
