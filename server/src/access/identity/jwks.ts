/**
 * The key set of an issuer (JWKS, RFC 7517). It is fetched at the start, every ten minutes, and when a token names a key that is not in it.
 *
 *   empty ---- a set was fetched --------------------------> filled
 *   filled --- a fetch failed, or what it brought is bad ---> filled, with the last good set
 *
 * jose's own remote set was rejected, because it reads a response of any size and any number of keys, and forgets its keys when the issuer is
 * away after they have become old.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { SwapstatsError } from "../../shared/errors.ts";
import { readBody } from "../../shared/read-body.ts";
import { unauthorized } from "./unauthorized.ts";

export type JwksLimits = {
  /** Age from which a set is fetched again, while it stays in use. */
  readonly maxAgeMs: number;
  /** Shortest time between two fetches because of unknown keys, so that made-up tokens cannot turn the service against the issuer. */
  readonly coolDownMs: number;
  /** The same while no set was ever fetched. */
  readonly retryMs: number;
  /** For a whole response. */
  readonly timeoutMs: number;
  readonly bytesMax: number;
  readonly keysMax: number;
};

export const JWKS_LIMITS: JwksLimits = {
  maxAgeMs: 10 * 60_000,
  coolDownMs: 30_000,
  retryMs: 1_000,
  timeoutMs: 5_000,
  bytesMax: 256 * 1024,
  keysMax: 100,
};

type JwksOptions = {
  readonly url: string;
  readonly limits: JwksLimits;
  /** Monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
  /** Called when the set has become another one, so that what was verified with the former one is verified again. */
  readonly onChanged: () => void;
  /** Called with each fetch that failed. */
  readonly onProblem: (error: Error) => void;
};

export class Jwks {
  readonly #options: JwksOptions;
  #find: ReturnType<typeof createLocalJWKSet> | undefined;
  /** The set as text, to notice changes. */
  #text = "";
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: JwksOptions) {
    this.#options = options;
  }

  /**
   * Returns the key that the header of a token names. Rejects with `unauthorized` when the issuer has no such key, and with `unavailable`
   * while no set was ever fetched.
   */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    const { limits } = this.#options;
    if (this.#find === undefined) await this.#fetchUnlessTried(limits.retryMs);
    // The old set serves until the new one is there.
    else if (this.#isOlderThan(limits.maxAgeMs)) void this.#fetchUnlessTried(limits.coolDownMs);
    const found = await this.#findKey(header, token);
    if (found !== undefined) return found;
    await this.#fetchUnlessTried(limits.coolDownMs);
    const foundNow = await this.#findKey(header, token);
    if (foundNow !== undefined) return foundNow;
    throw unauthorized("The token is signed by a key that is not among those of the issuer.");
  };

  /** Fetches the set now, or waits for the fetch that is under way. Resolves when it has ended in any way. */
  fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  close(): void {
    this.#closing.abort();
  }

  #isOlderThan(ageMs: number): boolean {
    return this.#options.nowMs() - this.#fetchedAtMs > ageMs;
  }

  async #fetchUnlessTried(withinMs: number): Promise<void> {
    if (this.#fetching !== undefined || this.#options.nowMs() - this.#triedAtMs >= withinMs) await this.fetch();
  }

  async #findKey(...[header, token]: Parameters<JWTVerifyGetKey>) {
    if (this.#find === undefined) {
      throw new SwapstatsError("unavailable", "The keys of the issuer of tokens were not fetched yet; try again.", {
        retryable: true,
      });
    }
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      throw unauthorized("The token does not say which key has signed it (kid), and the issuer has several.", error);
    }
  }

  async #fetchOnce(): Promise<void> {
    const { nowMs, onChanged, onProblem, url, limits } = this.#options;
    this.#triedAtMs = nowMs();
    try {
      const text = await this.#read();
      const isOther = text !== this.#text;
      const hadOne = this.#find !== undefined;
      if (isOther) this.#find = createLocalJWKSet(parseSet(text, limits.keysMax));
      this.#text = text;
      this.#fetchedAtMs = nowMs();
      if (isOther && hadOne) onChanged();
    } catch (cause) {
      if (this.#closing.signal.aborted) return;
      const kept =
        this.#find === undefined ? "no token can be verified until it succeeds" : "the last good keys stay in use";
      const message = `Cannot fetch the keys of the issuer from ${url}: ${reasonOf(cause as Error)}; ${kept}.`;
      onProblem(new SwapstatsError("unavailable", message, { cause, retryable: true }));
    }
  }

  async #read(): Promise<string> {
    const { url, limits } = this.#options;
    const response = await fetch(url, {
      // Another host would decide who gets in.
      redirect: "error",
      headers: { accept: "application/jwk-set+json, application/json" },
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(limits.timeoutMs)]),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the status is ${response.status}`);
    }
    return Buffer.from(await readBody(response, limits.bytesMax, "the issuer")).toString();
  }
}

/** Fetch reports little itself, and the reason in its cause. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== "" ? `${message} (${cause.message})` : message;
}

function parseSet(text: string, keysMax: number): JSONWebKeySet {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    // The parser's message repeats the text.
    throw new Error("the response is not JSON");
  }
  const keys = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error("the response is not a key set, an object with a list of keys");
  if (keys.length === 0 || keys.length > keysMax)
    throw new Error(`the set has ${keys.length} keys, not 1 to ${keysMax}`);
  return set as JSONWebKeySet;
}
