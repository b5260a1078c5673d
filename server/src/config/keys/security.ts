/** Keys of authentication: who may ask, and how tokens, keys and tickets are checked. */
import { key, ofPart, type Section } from "../key.ts";
import { choice, integer, PATH, SECRET, SWITCH, text } from "./kinds.ts";

/** Longest `sub`, `aud`, `iss` or `jti` that is compared. */
const CLAIM_BYTES_MAX = 1024;
const CLAIM = text(CLAIM_BYTES_MAX, /^[\x20-\x7e]+$/, "printable ASCII");
const JWKS_URL = text(
  2048,
  /^(https:\/\/|http:\/\/(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?\/)[\x21-\x7e]*$/,
  "an https:// address (http:// on loopback alone), since whoever can change the response can sign tokens",
);

export const SECURITY = {
  mode: key(
    "security.mode",
    choice(["open", "required"]),
    "",
    "Who gets responses. `open`: everyone, also without credentials. `required`: clients with a valid token or API key. Not set: `open` if every listener has a loopback address. With another address, the service does not start until the mode is set. See [authentication](authentication.md).",
  ),
  docs: key(
    "security.docs",
    choice(["open", "required"]),
    "open",
    "With `security.mode: required`, whether the descriptions of the API (`/`, `/docs`, `/openapi.json` and others) need credentials too.",
  ),
  devTokens: key(
    "security.dev_tokens",
    SWITCH,
    "off",
    "For development: whether `POST /api/auth/token` and `swapstats token mint` sign tokens for everybody who asks. They need `security.jwt.secret` or `security.jwt.private_key_path`.",
  ),
  apiKeysPath: key(
    "security.api_keys_path",
    PATH,
    "",
    "File of API keys: a line `NAME SCOPE SHA256` for each. It is read again when it changes. `swapstats key create` writes it.",
  ),
  ...ofPart("credentials", {
    revokedPath: key(
      "security.revoked_path",
      PATH,
      "",
      "File of revoked identities: a line `sub NAME` or `jti ID` for each. It is read again when it changes.",
    ),
    ticketSecret: key(
      "security.ticket_secret",
      SECRET,
      "",
      "Secret of at least 32 bytes by which tickets are signed without Redis, the same at all instances. Not set: a ticket is valid at the instance alone that gave it. With Redis tickets are kept there.",
    ),
  }),
  jwt: {
    isEnabled: key("security.jwt.enabled", SWITCH, "off", "Whether JSON Web Tokens are accepted."),
    ...ofPart("tokens", {
      algorithm: key(
        "security.jwt.alg",
        choice(["HS256", "RS256", "ES256", "EdDSA"]),
        "",
        "The only algorithm that is accepted. A token that names another one is refused.",
      ),
      secret: key("security.jwt.secret", SECRET, "", "Secret of HS256, at least 32 bytes."),
      publicKeyPath: key(
        "security.jwt.public_key_path",
        PATH,
        "",
        "File (PEM) with the public key or the certificate that verifies tokens.",
      ),
      privateKeyPath: key(
        "security.jwt.private_key_path",
        PATH,
        "",
        "File (PEM) with the private key that signs development tokens. Nothing else reads it.",
      ),
      jwksUrl: key(
        "security.jwt.jwks_url",
        JWKS_URL,
        "",
        "Address of the issuer's key set (JWKS), in place of `public_key_path`. It is asked again when a token names an unknown key.",
      ),
      audience: key("security.jwt.audience", CLAIM, "", "Audience (`aud`) that a token must name. Not set: any."),
      issuer: key("security.jwt.issuer", CLAIM, "", "Issuer (`iss`) that a token must name. Not set: any."),
      leewaySec: key(
        "security.jwt.leeway_sec",
        integer(0, 300),
        "30",
        "Seconds by which the clocks of issuer and service may differ, for `exp` and `nbf`.",
      ),
    }),
  },
} satisfies Section;
