/** Names of tokens: an id is `<chain>:<address>`. */

const HEAD_CHARS = 6;
const TAIL_CHARS = 4;

/** Shortens an address, a wallet or a transaction: `0xc02a…6cc2`. */
export function shortAddress(address: string): string {
  if (address.length <= HEAD_CHARS + TAIL_CHARS + 1) return address;
  return `${address.slice(0, HEAD_CHARS)}…${address.slice(-TAIL_CHARS)}`;
}

/** Shortens the address of a token's id: `1:0xc02a…6cc2`. */
export function shortId(id: string): string {
  const colon = id.indexOf(":");
  return colon === -1 ? shortAddress(id) : `${id.slice(0, colon + 1)}${shortAddress(id.slice(colon + 1))}`;
}
