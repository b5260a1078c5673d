/** The canonical form of token ids, `<chain_id>:<token>`, as clients write them in paths, queries and channels. */

const CHAIN_ID_MAX = 0xffff_ffff;
const ID = /^(0|[1-9][0-9]{0,9}):(.+)$/s;
const HEX = /^0[xX][0-9a-fA-F]+$/;
/** Hex digits that form a whole token, or stand before its first `::`, as in `0x2::sui::SUI`. */
const HEX_BEFORE_PATH = /^0[xX]([0-9a-fA-F]+)(?=::|$)/;

const BEGINS_LIKE_HEX = /^0[xX]/;

/** The part of a chain's settings that decides the form of its addresses: `app.chains.<id>.address_bytes`. */
export type ChainAddresses = ReadonlyMap<number, { readonly addressBytes?: number | undefined }>;

export const NO_CHAIN_ADDRESSES: ChainAddresses = new Map();

/**
 * Returns a token as the engine stores it. Hex of any length is lower-cased. With `addressBytes`, hex before `::` is lower-cased too, and
 * both are padded with zeros on the left to that many bytes. Longer hex keeps its length. Other texts are unchanged.
 */
export function canonicalToken(token: string, addressBytes?: number): string {
  if (addressBytes === undefined) return HEX.test(token) ? token.toLowerCase() : token;
  return token.replace(
    HEX_BEFORE_PATH,
    (_hex, digits: string) => `0x${digits.toLowerCase().padStart(2 * addressBytes, "0")}`,
  );
}

/**
 * Returns the parts of an id with the token in canonical form, or undefined when the text is not an id. `chains` does not matter for an id
 * that is already canonical.
 */
export function parseTokenId(
  text: string,
  chains: ChainAddresses = NO_CHAIN_ADDRESSES,
): { readonly chainId: number; readonly token: string } | undefined {
  const parts = ID.exec(text);
  if (parts === null) return undefined;
  const chainId = Number(parts[1]);
  if (chainId > CHAIN_ID_MAX) return undefined;
  return { chainId, token: canonicalToken(parts[2] as string, chains.get(chainId)?.addressBytes) };
}

/** Returns the canonical id of a text that has the form of an id, and any other text unchanged. */
export function canonicalId(text: string, chains: ChainAddresses): string {
  const parsed = parseTokenId(text, chains);
  return parsed === undefined ? text : formatTokenId(parsed.chainId, parsed.token);
}

/** Returns every canonical form that the text may have as a token of some chain. The chain decides which one holds. */
export function canonicalForms(token: string, chains: ChainAddresses): ReadonlySet<string> {
  const forms = new Set([canonicalToken(token)]);
  if (!BEGINS_LIKE_HEX.test(token)) return forms;
  for (const { addressBytes } of chains.values()) forms.add(canonicalToken(token, addressBytes));
  return forms;
}

export function formatTokenId(chainId: number, token: string): string {
  return `${chainId}:${token}`;
}
