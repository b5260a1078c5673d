/** The credentials of a client. HTTP and live data share them, so that a token is fetched once. */
import { ClientError } from "./client-error.ts";

/** A JSON Web Token or an API key, or a function that returns one. */
export type TokenOption = string | (() => Promise<string>) | undefined;

/** A fetched token is replaced this long before it expires. */
const RENEWED_BEFORE_MS = 30_000;

export class TokenSource {
  readonly #option: TokenOption;
  #fetched: { readonly token: string; readonly useUntilMs: number } | undefined;
  #fetching: Promise<string> | undefined;

  constructor(option: TokenOption) {
    this.#option = option;
  }

  /** Whether another token can follow one that was refused. */
  get renews(): boolean {
    return typeof this.#option === "function";
  }

  /** Returns the token, or undefined if the client has none. Rejects with `token_function` when the function fails. */
  async current(): Promise<string | undefined> {
    if (typeof this.#option !== "function") return this.#option;
    if (this.#fetched !== undefined && Date.now() < this.#fetched.useUntilMs) return this.#fetched.token;
    this.#fetching ??= this.#fetch(this.#option);
    return await this.#fetching;
  }

  /** The service refused this token: the function is called for another one. */
  refused(token: string | undefined): void {
    if (this.#fetched?.token === token) this.#fetched = undefined;
  }

  async #fetch(fetchToken: () => Promise<string>): Promise<string> {
    try {
      const token = await fetchToken();
      if (typeof token !== "string" || token === "") throw new TypeError("it returned no text");
      this.#fetched = { token, useUntilMs: expiryOf(token) - RENEWED_BEFORE_MS };
      return token;
    } catch (error) {
      throw new ClientError("token_function", `The function \`token\` failed: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#fetching = undefined;
    }
  }
}

/** Returns the time in ms since 1970 at which a JSON Web Token expires. Infinity for other texts, which the service refuses when it wants another. */
export function expiryOf(token: string): number {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1_000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
