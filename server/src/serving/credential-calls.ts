/** What clients get credentials from. */
import type { Identities } from "../access/identity/identities.ts";
import { openTokenSigner, type TokenSigner } from "../access/identity/token-signer.ts";
import type { SecurityConfig } from "../config/build/security.ts";

export type CredentialCalls = {
  readonly issueTicket: Identities["issueTicket"];
  /** Undefined: no tokens are signed here. */
  readonly signer: TokenSigner | undefined;
};

/** Throws `bad_config` when the key that signs development tokens cannot be used. */
export function createCredentialCalls(security: SecurityConfig, identities: Identities): CredentialCalls {
  return { issueTicket: (identity) => identities.issueTicket(identity), signer: openTokenSigner(security) };
}
