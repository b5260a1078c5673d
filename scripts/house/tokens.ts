/**
 * A tokenizer of TypeScript, just fine enough to tell code from comments, strings, templates and regular expressions, so
 * that imports and identifiers can be found by structure and not by searching text. The compiler would do it better, but
 * TypeScript 7 offers no JavaScript API, and stripping the types first would lose the type imports.
 */

export type Token = {
  readonly kind: "word" | "string" | "template" | "regex" | "number" | "punctuation";
  /** The token's text; of a string its content, without quotes and with escapes left as they are. */
  readonly text: string;
  readonly line: number;
};

/** Words after which a slash begins a regular expression and not a division. */
const BEFORE_REGEX = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "throw",
  "new",
  "else",
  "do",
  "await",
  "yield",
]);
const WORD_START = /[\p{ID_Start}$_#@]/u;
const WORD_PART = /[\p{ID_Continue}$\u200c\u200d]/u;

export function tokenize(source: string): Token[] {
  return new Tokenizer(source).run();
}

class Tokenizer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  /** Open braces; true where the brace belongs to a template's `${`. */
  readonly #braces: boolean[] = [];
  #at = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    if (this.#source.startsWith("#!")) this.#at = this.#endOfLine();
    while (this.#at < this.#source.length) this.#step();
    return this.#tokens;
  }

  #step(): void {
    const char = this.#source[this.#at]!;
    const next = this.#source[this.#at + 1];
    if (/\s/.test(char)) this.#advance(this.#at + 1);
    else if (char === "/" && next === "/") this.#at = this.#endOfLine();
    else if (char === "/" && next === "*") this.#advance(this.#after("*/", this.#at + 2));
    else if (char === '"' || char === "'") this.#string(char);
    else if (char === "`") this.#template(this.#at + 1);
    else if (char === "}" && this.#braces.pop() === true) this.#template(this.#at + 1);
    else if (char === "/" && this.#regexMayStart()) this.#regex();
    else if (/[0-9]/.test(char)) this.#emit("number", /[0-9a-zA-Z_.]/);
    else if (WORD_START.test(char)) this.#emit("word", WORD_PART);
    else this.#punctuation(char);
  }

  #punctuation(char: string): void {
    if (char === "{") this.#braces.push(false);
    this.#push("punctuation", char);
    this.#advance(this.#at + 1);
  }

  #emit(kind: Token["kind"], part: RegExp): void {
    let end = this.#at + 1;
    while (end < this.#source.length && part.test(this.#source[end]!)) end++;
    this.#push(kind, this.#source.slice(this.#at, end));
    this.#at = end;
  }

  #string(quote: string): void {
    const end = this.#closing(quote, this.#at + 1);
    this.#push("string", this.#source.slice(this.#at + 1, end));
    this.#advance(end + 1);
  }

  /** From behind a backtick, or behind the brace that closed a `${`, to the next `${` or the end of the template. */
  #template(start: number): void {
    let end = start;
    while (end < this.#source.length && this.#source[end] !== "`" && !this.#source.startsWith("${", end)) {
      end += this.#source[end] === "\\" ? 2 : 1;
    }
    this.#push("template", this.#source.slice(start, end));
    const hole = this.#source.startsWith("${", end);
    if (hole) this.#braces.push(true);
    this.#advance(end + (hole ? 2 : 1));
  }

  #regex(): void {
    let inClass = false;
    let end = this.#at + 1;
    for (; end < this.#source.length; end++) {
      const char = this.#source[end];
      if (char === "\\") end++;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
      else if (char === "/" && !inClass) break;
    }
    this.#push("regex", this.#source.slice(this.#at, end + 1));
    this.#at = end + 1;
    while (this.#at < this.#source.length && /[a-z]/.test(this.#source[this.#at]!)) this.#at++;
  }

  #regexMayStart(): boolean {
    const last = this.#tokens.at(-1);
    if (last === undefined) return true;
    if (last.kind === "word") return BEFORE_REGEX.has(last.text);
    return last.kind === "punctuation" && last.text !== ")" && last.text !== "]" && last.text !== "}";
  }

  #closing(quote: string, from: number): number {
    let end = from;
    while (end < this.#source.length && this.#source[end] !== quote) end += this.#source[end] === "\\" ? 2 : 1;
    return end;
  }

  #endOfLine(): number {
    const end = this.#source.indexOf("\n", this.#at);
    return end === -1 ? this.#source.length : end;
  }

  #after(text: string, from: number): number {
    const found = this.#source.indexOf(text, from);
    return found === -1 ? this.#source.length : found + text.length;
  }

  #advance(to: number): void {
    for (let i = this.#at; i < to; i++) if (this.#source[i] === "\n") this.#line++;
    this.#at = to;
  }

  #push(kind: Token["kind"], text: string): void {
    this.#tokens.push({ kind, text, line: this.#line });
  }
}
