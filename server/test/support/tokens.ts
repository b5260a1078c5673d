/** Keys and tokens of an issuer, for the suites of access and of the doors. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { JwtAlgorithm } from "../../src/config/build/security.ts";

export const SECRET = "a secret of the tests, with more than 32 bytes";

export type SigningKey = {
  readonly algorithm: JwtAlgorithm;
  /** The secret, or the private key. */
  readonly sign: string | KeyObject;
  /** Undefined: there is none, as with a secret. */
  readonly publicKey: KeyObject | undefined;
};

export function signingKey(algorithm: JwtAlgorithm): SigningKey {
  if (algorithm === "HS256") return { algorithm, sign: SECRET, publicKey: undefined };
  const pair =
    algorithm === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : algorithm === "ES256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("ed25519");
  return { algorithm, sign: pair.privateKey, publicKey: pair.publicKey };
}

type Claims = Readonly<Record<string, unknown>>;

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/**
 * Signs a token by Node's own cryptography, without any library of tokens, so that hostile ones can be made too. `header` replaces members
 * of the header; a member that is undefined is left out.
 */
export function tokenOf(key: SigningKey, claims: Claims, header: Claims = {}): string {
  const content = `${encoded({ alg: key.algorithm, typ: "JWT", ...header })}.${encoded(claims)}`;
  return `${content}.${signatureOf(key, Buffer.from(content)).toString("base64url")}`;
}

function signatureOf({ algorithm, sign: key }: SigningKey, content: Buffer): Buffer {
  if (algorithm === "HS256") return createHmac("sha256", key).update(content).digest();
  if (algorithm === "ES256") return sign("sha256", content, { key: key as KeyObject, dsaEncoding: "ieee-p1363" });
  return sign(algorithm === "RS256" ? "sha256" : null, content, key as KeyObject);
}

/** Claims that are valid for an hour from `nowMs` on. */
export function claimsAt(nowMs: number, more: Claims = {}): Claims {
  const seconds = Math.floor(nowMs / 1_000);
  return { sub: "alice", nbf: seconds, exp: seconds + 3_600, ...more };
}
