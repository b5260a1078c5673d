/** The canonical form of token ids, `<chain_id>:<token>`, as clients write them in paths, queries and channels. */

const CHAIN_ID_MAX = 0xffff_ffff;
const ID = /^(0|[1-9][0-9]{0,9}):(.+)$/s;
const HEX = /^0[xX][0-9a-fA-F]+$/;

/** A token as the engine keeps it: hex of any length is lower-cased, all else is as given. */
export function canonicalToken(token: string): string {
  return HEX.test(token) ? token.toLowerCase() : token;
}

/** The parts of an id, its token canonical; undefined when the text does not have the form of an id. */
export function parseTokenId(text: string): { readonly chainId: number; readonly token: string } | undefined {
  const parts = ID.exec(text);
  if (parts === null) return undefined;
  const chainId = Number(parts[1]);
  return chainId > CHAIN_ID_MAX ? undefined : { chainId, token: canonicalToken(parts[2] as string) };
}

export function formatTokenId(chainId: number, token: string): string {
  return `${chainId}:${token}`;
}
