/** The command `token mint`: a token for development. */
import { openTokenSigner, type TokenRequest } from "../access/identity/token-signer.ts";
import type { Config } from "../config/config.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { Output } from "./output.ts";

/** Prints the token alone, so that a shell can put it into a variable. */
export async function runTokenMint(request: TokenRequest, { security }: Config, output: Output): Promise<void> {
  const signer = openTokenSigner(security);
  if (signer === undefined) {
    const message =
      "security.dev_tokens is off. Turn it on where the service is developed; in production an issuer signs tokens.";
    throw new SwapstatsError("usage", message);
  }
  const { token, expiresAtMs } = await signer.sign(request, Date.now());
  output.err(`For ${request.subject} (${request.scope}), until ${new Date(expiresAtMs).toISOString()}.\n`);
  output.out(`${token}\n`);
}
