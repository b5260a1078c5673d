/** Authentication in the configuration: how tokens are verified, and which listeners may be open to everyone. */
import { isLoopbackName } from "../../shared/host-rules.ts";
import { TABLE, type TableValues } from "../keys.ts";
import { formatListenAddress, type ListenAddress } from "../units.ts";
import { type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.security;
type SecurityValues = TableValues["security"];
type JwtValues = SecurityValues["jwt"];

export type JwtAlgorithm = NonNullable<JwtValues["algorithm"]>;

/** Where the key comes from that verifies tokens. */
type VerifyKeySource =
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "jwks"; readonly url: string };

export type JwtConfig = Pick<JwtValues, "audience" | "issuer" | "leewaySec" | "privateKeyPath"> & {
  readonly algorithm: JwtAlgorithm;
  readonly key: VerifyKeySource;
};

export type SecurityConfig = Omit<SecurityValues, "mode" | "jwt"> & {
  readonly mode: "open" | "required";
  /** Undefined: tokens are not accepted. */
  readonly jwt: JwtConfig | undefined;
};

/** Shortest secret: as many bits as the hash of HMAC-SHA256 has (RFC 7518, section 3.2). */
const SECRET_BYTES_MIN = 32;

/** After a problem was reported, the result is of no use. */
export function buildSecurity(values: TableValues, report: Report): SecurityConfig {
  const { security } = values;
  const jwt = buildJwt(security.jwt, report);
  const mode = buildMode(values, report);
  if (mode === "required" && !security.jwt.isEnabled && security.apiKeysPath === undefined) {
    const message = "is required, and nobody could get in; set security.jwt.enabled to on, or security.api_keys_path";
    report(KEYS.mode, message);
  }
  if (security.ticketSecret !== undefined) checkLength(KEYS.ticketSecret, security.ticketSecret, report);
  if (security.devTokens) checkDevTokens(security.jwt, report);
  return { ...security, mode, jwt };
}

/** A service that everyone can reach is never open by oversight. */
function buildMode({ security, api, metrics }: TableValues, report: Report): "open" | "required" {
  if (security.mode !== undefined) return security.mode;
  const listeners: readonly (readonly [path: string, address: ListenAddress | undefined])[] = [
    [TABLE.api.http.addr.path, api.http.addr],
    [TABLE.metrics.prometheus.path, metrics.prometheus],
    [TABLE.api.grpc.addr.path, api.grpc.addr],
  ];
  for (const [path, address] of listeners) {
    if (address === undefined || isLoopbackName(address.host)) continue;
    const where = `${path} is ${formatListenAddress(address)}, which other machines can reach`;
    report(
      KEYS.mode,
      `is not set, and ${where}; set required, with tokens or keys, or write open to serve everyone (environment: SWAPSTATS_SECURITY_MODE=open)`,
    );
    break;
  }
  return "open";
}

function buildJwt(values: JwtValues, report: Report): JwtConfig | undefined {
  if (!values.isEnabled) return undefined;
  const { algorithm, audience, issuer, leewaySec, privateKeyPath } = values;
  if (algorithm === undefined) {
    report(KEYS.jwt.algorithm, "is not set; give the algorithm of the tokens: HS256, RS256, ES256 or EdDSA");
    return undefined;
  }
  const key = algorithm === "HS256" ? secretOf(values, report) : publicKeyOf(values, algorithm, report);
  return key === undefined ? undefined : { algorithm, key, audience, issuer, leewaySec, privateKeyPath };
}

function secretOf(values: JwtValues, report: Report): VerifyKeySource | undefined {
  const { secret, publicKeyPath, jwksUrl, privateKeyPath } = values;
  // A public key is no secret: whoever reads it could sign.
  refuseEach(
    [
      [KEYS.jwt.publicKeyPath, publicKeyPath],
      [KEYS.jwt.jwksUrl, jwksUrl],
      [KEYS.jwt.privateKeyPath, privateKeyPath],
    ],
    report,
    "is set, and HS256 has a secret alone; remove it, or choose another security.jwt.alg",
  );
  if (secret === undefined) {
    report(KEYS.jwt.secret, "is not set, and security.jwt.alg is HS256; give file:PATH or env:NAME of the secret");
    return undefined;
  }
  checkLength(KEYS.jwt.secret, secret, report);
  return { kind: "secret", secret };
}

function publicKeyOf(
  { secret, publicKeyPath, jwksUrl }: JwtValues,
  algorithm: JwtAlgorithm,
  report: Report,
): VerifyKeySource | undefined {
  const advice = `is set, and ${algorithm} has no secret; remove it`;
  refuseEach([[KEYS.jwt.secret, secret]], report, advice);
  if (publicKeyPath !== undefined && jwksUrl !== undefined) {
    report(KEYS.jwt.jwksUrl, "is set beside security.jwt.public_key_path; keep one of them");
  }
  if (jwksUrl !== undefined) return { kind: "jwks", url: jwksUrl };
  if (publicKeyPath !== undefined) return { kind: "file", path: publicKeyPath };
  const message = `is not set, and neither is security.jwt.jwks_url; ${algorithm} needs one of them`;
  report(KEYS.jwt.publicKeyPath, message);
  return undefined;
}

function checkLength(key: Parameters<Report>[0], secret: string, report: Report): void {
  const bytes = Buffer.byteLength(secret);
  if (bytes >= SECRET_BYTES_MIN) return;
  const message = `has ${bytes} bytes, and shorter ones than ${SECRET_BYTES_MIN} can be guessed; make one by \`openssl rand -base64 48\``;
  report(key, message);
}

function checkDevTokens({ isEnabled, secret, privateKeyPath }: JwtValues, report: Report): void {
  if (!isEnabled) report(KEYS.devTokens, "is on, and tokens are not accepted; set security.jwt.enabled to on");
  else if (secret === undefined && privateKeyPath === undefined) {
    report(
      KEYS.devTokens,
      "is on without a key that signs; give security.jwt.private_key_path, or HS256 and its secret",
    );
  }
}
