/**
 * Finds out who sends a request. What was verified is remembered until it expires, or until the keys or the revoked identities change, so that
 * a request with a known token costs one look-up.
 *
 * The remembered texts are found by the Map's own hash. It takes a time that depends on the text only after the whole of it has matched, so
 * nothing can be learned by guessing.
 */
import { LRUCache } from "lru-cache";
import type { Sender, VerifiedIdentity } from "../identity.ts";
import { type ApiKey, findApiKey } from "./api-keys.ts";
import { bearerOf, type Credentials, credentialsOf } from "./credentials.ts";
import { NOBODY_REVOKED, type Revoked } from "./revoked.ts";
import type { Tickets } from "./tickets.ts";
import type { TokenVerifier } from "./token-verifier.ts";
import { unauthorized } from "./unauthorized.ts";

/** Limits for what is remembered. The characters are those of tokens and keys. */
export const REMEMBERED_MAX = 10_000;
const REMEMBERED_CHARS_MAX = 16 * 1024 * 1024;

type IdentitiesOptions = {
  /** Undefined: tokens are not accepted. */
  readonly verifier: TokenVerifier | undefined;
  /** Whether API keys are accepted. */
  readonly hasKeys: boolean;
  readonly tickets: Tickets;
  /** Wall clock. */
  readonly nowMs: () => number;
};

export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #remembered = new LRUCache<string, VerifiedIdentity>({
    max: REMEMBERED_MAX,
    maxSize: REMEMBERED_CHARS_MAX,
    sizeCalculation: (_, text) => text.length + 1,
  });
  readonly #running = new Map<string, Promise<VerifiedIdentity>>();
  #keys: readonly ApiKey[] = [];
  #keyHashes: ReadonlySet<string> = new Set();
  #revoked = NOBODY_REVOKED;
  /** Grows with every change after which credentials may be valid no longer. */
  #version = 0;

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** Changes when credentials that were verified before must be verified again. */
  get version(): number {
    return this.#version;
  }

  /** Whether any credentials are accepted. If not, they are ignored. */
  get isUsed(): boolean {
    return this.#options.verifier !== undefined || this.#options.hasKeys;
  }

  /**
   * Returns who sends the request: at once for credentials that are remembered, and undefined without any. Throws or rejects with
   * `unauthorized` when they are not valid, and with `unavailable` or `overloaded` when that cannot be said now.
   */
  identify(sender: Sender): VerifiedIdentity | undefined | Promise<VerifiedIdentity> {
    if (!this.isUsed) return undefined;
    const credentials = credentialsOf(sender);
    if (credentials === undefined) return undefined;
    return this.known(credentials) ?? this.verify(credentials);
  }

  /** Returns the identity of credentials that were verified before and are still valid. */
  known({ text }: Credentials): VerifiedIdentity | undefined {
    const identity = this.#remembered.get(text);
    if (identity === undefined || this.hasEnded(identity)) return undefined;
    return identity;
  }

  /** Rejects as `identify` does. Equal credentials that arrive at the same time are verified once, but for tickets. */
  verify(credentials: Credentials): Promise<VerifiedIdentity> {
    if (credentials.kind === "ticket") return this.#redeem(credentials.text);
    const running = this.#running.get(credentials.text);
    if (running !== undefined) return running;
    const started = this.#verifyOnce(credentials).finally(() => this.#running.delete(credentials.text));
    this.#running.set(credentials.text, started);
    return started;
  }

  /** Returns the identity of a new token of the same subject. Rejects as `identify` does, and with `unauthorized` for another subject. */
  async renew({ kind, subject }: VerifiedIdentity, token: string): Promise<VerifiedIdentity> {
    const credentials = bearerOf(token);
    const renewed = this.known(credentials) ?? (await this.verify(credentials));
    if (renewed.kind === kind && renewed.subject === subject) return renewed;
    throw unauthorized("The credentials are those of another subject; open a connection of its own with them.");
  }

  /** Returns a ticket for the identity; see tickets.ts. */
  issueTicket(identity: VerifiedIdentity): ReturnType<Tickets["issue"]> {
    return this.#options.tickets.issue(identity);
  }

  /** Whether an identity that was valid once has expired or was revoked. */
  hasEnded(identity: VerifiedIdentity): boolean {
    return this.hasExpired(identity) || this.isRevoked(identity);
  }

  /** Whether an identity that was valid at this `version` has ended: the version changes with every revocation. */
  hasExpired({ expiresAtMs }: VerifiedIdentity): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#options.nowMs();
  }

  isRevoked({ kind, subject = "", credentialId = "" }: VerifiedIdentity): boolean {
    if (kind === "anonymous") return false;
    if (kind === "key" && !this.#keyHashes.has(credentialId)) return true;
    return this.#revoked.subjects.has(subject) || this.#revoked.tokenIds.has(credentialId);
  }

  setKeys(keys: readonly ApiKey[]): void {
    this.#keys = keys;
    this.#keyHashes = new Set(keys.map(({ hash }) => hash.toString("hex")));
    this.forgetAll();
  }

  setRevoked(revoked: Revoked): void {
    this.#revoked = revoked;
    this.forgetAll();
  }

  /** What was verified so far is verified again at its next use. */
  readonly forgetAll = (): void => {
    this.#version += 1;
    this.#remembered.clear();
  };

  async #redeem(text: string): Promise<VerifiedIdentity> {
    const identity = await this.#options.tickets.redeem(text);
    if (this.hasEnded(identity)) throw unauthorized("The token that the ticket was given for is not valid any longer.");
    return identity;
  }

  async #verifyOnce({ kind, text }: Credentials): Promise<VerifiedIdentity> {
    const version = this.#version;
    const identity = kind === "token" ? await this.#verifyToken(text) : this.#verifyKey(text);
    if (this.isRevoked(identity)) throw unauthorized("The credentials were revoked.");
    // A change while it was verified may have been missed.
    if (version === this.#version) this.#remembered.set(text, identity);
    return identity;
  }

  #verifyToken(text: string): Promise<VerifiedIdentity> {
    const { verifier } = this.#options;
    if (verifier === undefined) throw unauthorized("Tokens are not accepted here; send an API key.");
    return verifier.verify(text);
  }

  #verifyKey(text: string): VerifiedIdentity {
    const key = findApiKey(this.#keys, text);
    if (key === undefined) {
      const isMeant = this.#options.hasKeys;
      throw unauthorized(isMeant ? "The API key is not known." : "API keys are not accepted here; send a token.");
    }
    const credentialId = key.hash.toString("hex");
    return { kind: "key", subject: key.name, scopes: key.scopes, expiresAtMs: undefined, credentialId };
  }
}
