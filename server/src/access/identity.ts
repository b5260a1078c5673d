/** Who sends a request. Both parts of access know this: the one that checks credentials, and the one that keeps the limits. */
import type { IncomingHttpHeaders } from "node:http";

/** `ingest` sends swaps. `admin` sees what only operators need. */
export type Scope = "read" | "ingest" | "admin";

export type Identity = {
  readonly kind: "anonymous" | "token" | "key";
  /** `sub` of the token, or name of the key. Undefined: anonymous. */
  readonly subject: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
  /** Unix milliseconds. Undefined: the credentials do not expire. */
  readonly expiresAtMs: number | undefined;
  /** `jti` of the token if it has one, or SHA-256 of the key in hexadecimal digits: names the credentials without holding them. */
  readonly credentialId: string | undefined;
  /** Client address behind trusted proxies; an IPv6 address as its /64. */
  readonly address: string;
};

/** What credentials say. The connection adds the address. */
export type VerifiedIdentity = Omit<Identity, "address">;

/** The sender of a request, as its connection and headers describe it. Node's IncomingMessage has this shape. */
export type Sender = {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly url?: string | undefined;
};
