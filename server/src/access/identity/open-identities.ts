/** Opens what the configuration says about credentials: keys that verify tokens, files that are read again when they change, tickets. */
import { RedisConnection } from "../../clients/redis/connection.ts";
import type { JwtConfig, SecurityConfig } from "../../config/build/security.ts";
import type { RedisConfig } from "../../config/build/stores.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { WatchedFiles } from "../../shared/watched-files.ts";
import { readApiKeys } from "./api-keys.ts";
import { Identities } from "./identities.ts";
import { JWKS_LIMITS, Jwks } from "./jwks.ts";
import { RedisTickets } from "./redis-tickets.ts";
import { readRevoked } from "./revoked.ts";
import { SignedTickets } from "./tickets.ts";
import { readPublicKey, TokenVerifier, type VerifyKey } from "./token-verifier.ts";

type OpenIdentitiesOptions = {
  readonly security: SecurityConfig;
  /** Undefined: there is no Redis. */
  readonly redis: RedisConfig | undefined;
  /** Called with each failure after the start: a file that cannot be used, an issuer that is away. */
  readonly onProblem: (error: Error) => void;
  /** Wall clock. */
  readonly nowMs: () => number;
  /** Monotonic clock for the key set; the one of the process unless given. */
  readonly steadyMs?: () => number;
};

export type OpenIdentities = { readonly identities: Identities; readonly close: () => void };

/** Time limit of Redis for a ticket. */
const REDIS_LIMIT_MS = 1_000;

/** Throws `bad_config` when a file cannot be used. Does not wait for the issuer of tokens. */
export function openIdentities(options: OpenIdentitiesOptions): OpenIdentities {
  const { security, redis, onProblem, nowMs } = options;
  const closers: (() => void)[] = [];
  const close = (): void => {
    for (const one of closers) one();
  };
  const tickets =
    redis === undefined
      ? new SignedTickets(security.ticketSecret, nowMs)
      : new RedisTickets(new RedisConnection(redis.server, REDIS_LIMIT_MS), redis.prefix, nowMs);
  closers.push(() => tickets.close());
  try {
    const jwks = jwksOf(security.jwt, options, () => identities.forgetAll());
    if (jwks !== undefined) closers.push(() => jwks.close());
    const verifier = security.jwt && new TokenVerifier(security.jwt, verifyKey(security.jwt, jwks), nowMs);
    const identities = new Identities({ verifier, hasKeys: security.apiKeysPath !== undefined, tickets, nowMs });
    const watch = <T>(
      key: string,
      path: string | undefined,
      read: (path: string) => T,
      use: (value: T) => void,
    ): void => {
      if (path === undefined) return;
      const file = watched(key, path, () => use(read(path)), onProblem);
      closers.push(() => file.close());
    };
    watch("security.api_keys_path", security.apiKeysPath, readApiKeys, (keys) => identities.setKeys(keys));
    watch("security.revoked_path", security.revokedPath, readRevoked, (revoked) => identities.setRevoked(revoked));
    void jwks?.fetch();
    return { identities, close };
  } catch (error) {
    close();
    throw error;
  }
}

function jwksOf(
  jwt: JwtConfig | undefined,
  { onProblem, steadyMs = () => performance.now() }: OpenIdentitiesOptions,
  onChanged: () => void,
): Jwks | undefined {
  if (jwt?.key.kind !== "jwks") return undefined;
  return new Jwks({ url: jwt.key.url, limits: JWKS_LIMITS, nowMs: steadyMs, onChanged, onProblem });
}

function verifyKey({ key, algorithm }: JwtConfig, jwks: Jwks | undefined): VerifyKey {
  if (key.kind === "secret") return Buffer.from(key.secret);
  if (key.kind === "file") return readPublicKey(key.path, algorithm);
  if (jwks === undefined) throw new SwapstatsError("internal", "There is no key set to verify tokens with.");
  return jwks.keyOf;
}

/** Throws `bad_config` when the file cannot be used now. Later the former content stays in use. */
function watched(key: string, path: string, read: () => void, onProblem: (error: Error) => void): WatchedFiles {
  const named = (what: string, cause: Error): SwapstatsError =>
    new SwapstatsError("bad_config", `${key} ${path} ${what}: ${cause.message}.`, { cause });
  try {
    return new WatchedFiles({
      paths: [path],
      read,
      onProblem: (error) => onProblem(named("cannot be used, and its former content stays in use", error)),
    });
  } catch (cause) {
    throw named("cannot be used", cause as Error);
  }
}
