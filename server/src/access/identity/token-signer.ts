/** Signs tokens for development. A service in production has an issuer for that. */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { JwtConfig, SecurityConfig } from "../../config/build/security.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../../shared/read-regular-file.ts";
import { keyNeed, readPublicKey } from "./token-verifier.ts";

export const TOKEN_TTL_MS = 3_600_000;

export type TokenRequest = {
  readonly subject: string;
  /** Words with spaces between them. */
  readonly scope: string;
  readonly ttlMs: number;
};

type SignedToken = { readonly token: string; readonly expiresAtMs: number };

/** Undefined while `security.dev_tokens` is off. Throws `bad_config` when the key cannot be used. */
export function openTokenSigner({ devTokens, jwt }: SecurityConfig): TokenSigner | undefined {
  return devTokens && jwt !== undefined ? new TokenSigner(jwt) : undefined;
}

export class TokenSigner {
  readonly #jwt: JwtConfig;
  readonly #key: Uint8Array | KeyObject;

  /** Throws `bad_config` when the private key cannot be used, or does not belong to the public one. */
  constructor(jwt: JwtConfig) {
    this.#jwt = jwt;
    this.#key = jwt.key.kind === "secret" ? Buffer.from(jwt.key.secret) : readPrivateKey(jwt);
  }

  /** The token is valid from `nowMs` on, to the second. */
  async sign({ subject, scope, ttlMs }: TokenRequest, nowMs: number): Promise<SignedToken> {
    const { algorithm, audience, issuer } = this.#jwt;
    const nbf = Math.floor(nowMs / 1_000);
    const exp = nbf + Math.floor(ttlMs / 1_000);
    const claims = { sub: subject, scope, jti: randomUUID(), iat: nbf, nbf, exp };
    const standing = {
      ...(audience === undefined ? {} : { aud: audience }),
      ...(issuer === undefined ? {} : { iss: issuer }),
    };
    const unsigned = new SignJWT({ ...claims, ...standing }).setProtectedHeader({ alg: algorithm, typ: "JWT" });
    return { token: await unsigned.sign(this.#key), expiresAtMs: exp * 1_000 };
  }
}

function readPrivateKey({ algorithm, key, privateKeyPath }: JwtConfig): KeyObject {
  if (privateKeyPath === undefined) {
    throw new SwapstatsError(
      "bad_config",
      "security.jwt.private_key_path is not set; it names the key that signs tokens",
    );
  }
  const where = `security.jwt.private_key_path ${privateKeyPath}`;
  let own: KeyObject;
  try {
    own = createPrivateKey(readRegularFile(privateKeyPath, PEM_BYTES_MAX));
  } catch (cause) {
    throw new SwapstatsError(
      "bad_config",
      `${where} cannot be read as a private key (PEM): ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
  const need = keyNeed(algorithm);
  if (!need.fits(own))
    throw new SwapstatsError("bad_config", `${where} does not fit ${algorithm}: it needs ${need.text}.`);
  if (key.kind === "file" && !createPublicKey(own).equals(readPublicKey(key.path, algorithm))) {
    throw new SwapstatsError(
      "bad_config",
      `${where} does not belong to security.jwt.public_key_path; no token would be accepted.`,
    );
  }
  return own;
}
