/** Names of well-known chains. Any other chain is shown by its number. */

const NAMES: Readonly<Record<number, readonly [name: string, short: string]>> = {
  1: ["Ethereum", "ETH"],
  10: ["Optimism", "OP"],
  56: ["BNB Chain", "BNB"],
  100: ["Gnosis", "GNO"],
  137: ["Polygon", "POL"],
  324: ["zkSync", "ZK"],
  8453: ["Base", "BASE"],
  42161: ["Arbitrum", "ARB"],
  43114: ["Avalanche", "AVAX"],
  59144: ["Linea", "LINEA"],
  81457: ["Blast", "BLAST"],
};

export const chainName = (chainId: number): string => NAMES[chainId]?.[0] ?? `Chain ${chainId}`;

export const chainShort = (chainId: number): string => NAMES[chainId]?.[1] ?? `#${chainId}`;

/** Returns the number of a chain by its name or short name, in any case. Undefined if it is unknown. */
export function chainByName(text: string): number | undefined {
  const wanted = text.toLowerCase();
  const found = Object.entries(NAMES).find(([, names]) => names.some((name) => name.toLowerCase() === wanted));
  return found === undefined ? undefined : Number(found[0]);
}

/** Returns chain and address of the id of a token, `<chain>:<address>`. */
export function splitTokenId(id: string): { readonly chainId: number; readonly address: string } {
  const at = id.indexOf(":");
  return { chainId: Number(id.slice(0, at)), address: id.slice(at + 1) };
}
