/**
 * Verifies JSON Web Tokens. The algorithm comes from the configuration: a token that names another one is refused before its key is looked
 * up, so neither `none` nor a public key in the place of a secret can pass.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from "jose";
import type { JwtAlgorithm, JwtConfig } from "../../config/build/security.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../../shared/read-regular-file.ts";
import type { VerifiedIdentity } from "../identity.ts";
import { scopesOfClaim } from "./scopes.ts";
import { unauthorized } from "./unauthorized.ts";

/** Longest `sub` and `jti`. They are kept for each connection, and may be logged. */
const CLAIM_CHARS_MAX = 256;
/** Last second of the year 9999: larger times are no dates. */
const LAST_SECOND = 253_402_300_799;
const RSA_BITS_MIN = 2048;
/** jose accepts padding, so that one token would have several texts. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const NO_TOKEN = "The token is no JSON Web Token.";

/** A key, or a function that finds the one that a token names. */
export type VerifyKey = Uint8Array | KeyObject | JWTVerifyGetKey;

export class TokenVerifier {
  readonly #key: VerifyKey;
  readonly #options: JWTVerifyOptions;
  readonly #leewaySec: number;
  readonly #nowMs: () => number;

  constructor({ algorithm, audience, issuer, leewaySec }: JwtConfig, key: VerifyKey, nowMs: () => number) {
    this.#key = key;
    this.#leewaySec = leewaySec;
    this.#nowMs = nowMs;
    this.#options = {
      algorithms: [algorithm],
      clockTolerance: leewaySec,
      requiredClaims: ["exp", "nbf", "sub"],
      ...(audience === undefined ? {} : { audience }),
      ...(issuer === undefined ? {} : { issuer }),
    };
  }

  /** Rejects with `unauthorized`, or with `unavailable` while the issuer's keys cannot be had. */
  async verify(token: string): Promise<VerifiedIdentity> {
    const options = { ...this.#options, currentDate: new Date(this.#nowMs()) };
    if (!COMPACT.test(token)) throw unauthorized(NO_TOKEN);
    let payload: JWTPayload;
    try {
      // The two forms of the call have types of their own.
      ({ payload } =
        typeof this.#key === "function"
          ? await jwtVerify(token, this.#key, options)
          : await jwtVerify(token, this.#key, options));
    } catch (error) {
      throw error instanceof SwapstatsError ? error : unauthorized(this.#reasonOf(error), error);
    }
    return this.#identityOf(payload);
  }

  #identityOf({ sub, jti, exp = 0, scope }: JWTPayload): VerifiedIdentity {
    if (!isClaim(sub)) throw unauthorized(`The token's \`sub\` is not a text of 1 to ${CLAIM_CHARS_MAX} characters.`);
    if (jti !== undefined && !isClaim(jti)) {
      throw unauthorized(`The token's \`jti\` is not a text of 1 to ${CLAIM_CHARS_MAX} characters.`);
    }
    if (exp > LAST_SECOND) throw unauthorized("The token's `exp` is after the year 9999; it is in seconds.");
    const scopes = scopesOfClaim(scope);
    if (scopes === undefined) throw unauthorized("The token's `scope` is neither a text nor a list of texts.");
    return { kind: "token", subject: sub, scopes, expiresAtMs: (exp + this.#leewaySec) * 1_000, credentialId: jti };
  }

  /** Says what is wrong in words of our own, which repeat nothing of the token. */
  #reasonOf(error: unknown): string {
    if (error instanceof errors.JWTExpired) return "The token has expired; get a new one.";
    if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error);
    if (error instanceof errors.JOSEAlgNotAllowed) {
      return `The token is not signed by ${this.#options.algorithms?.join()}, the one algorithm that is accepted here.`;
    }
    if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature does not match.";
    if (error instanceof errors.JOSENotSupported) return "The token needs an extension (crit) that is not known here.";
    if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return NO_TOKEN;
    return "The token cannot be verified with the key that it names.";
  }
}

const isClaim = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= CLAIM_CHARS_MAX;

function claimReason({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === "missing") return `The token has no \`${claim}\`; it needs exp, nbf and sub.`;
  if (reason === "invalid") return `The token's \`${claim}\` is not a number of seconds.`;
  if (claim === "nbf") return "The token is not valid yet; compare the clocks of issuer and service.";
  if (claim === "aud") return "The token is for another audience.";
  if (claim === "iss") return "The token is from another issuer.";
  return `The token's \`${claim}\` is not as it must be.`;
}

/** Reads the public key or certificate of a PEM file. Throws `bad_config` when it cannot be read or does not fit the algorithm. */
export function readPublicKey(path: string, algorithm: JwtAlgorithm): KeyObject {
  const where = `security.jwt.public_key_path ${path}`;
  let key: KeyObject;
  try {
    key = createPublicKey(readRegularFile(path, PEM_BYTES_MAX));
  } catch (cause) {
    const message = `${where} cannot be read as a public key or certificate (PEM): ${(cause as Error).message}.`;
    throw new SwapstatsError("bad_config", message, { cause });
  }
  const needed = keyNeed(algorithm);
  if (!needed.fits(key))
    throw new SwapstatsError("bad_config", `${where} does not fit ${algorithm}: it needs ${needed.text}.`);
  return key;
}

/** The keys that fit an algorithm with two keys. */
export function keyNeed(algorithm: JwtAlgorithm): { readonly text: string; fits(key: KeyObject): boolean } {
  if (algorithm === "RS256") {
    return {
      text: `an RSA key of at least ${RSA_BITS_MIN} bits`,
      fits: ({ asymmetricKeyType, asymmetricKeyDetails }) =>
        asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN,
    };
  }
  if (algorithm === "ES256") {
    return {
      text: "an elliptic key of the curve P-256",
      fits: ({ asymmetricKeyDetails }) => asymmetricKeyDetails?.namedCurve === "prime256v1",
    };
  }
  return { text: "an Ed25519 key", fits: ({ asymmetricKeyType }) => asymmetricKeyType === "ed25519" };
}
