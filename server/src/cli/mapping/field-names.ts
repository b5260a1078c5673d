/** Names that producers give to the fields of a swap, and how well a name fits a field. */

/** Names in the order of preference: words without case and punctuation, as they end a path. */
const NAMES = {
  chain_id: "chainid networkid chain blockchain network gschain",
  tx_hash: "txhash transactionhash evttxhash txid transactionid txnhash txnid signature digest hash transaction tx",
  log_index: "logindex evtindex eventindex eventseq instructionindex tradeindex tradeidx",
  tx_index: "txindex transactionindex txnindex",
  event_id: "eventid tradeid tid swapid uuid id t",
  token:
    "tokenaddress tokenmint token mint tokenid smartcontract tokencontract basetoken basetokenaddress contract cointype coin asset symbol sym s",
  token_symbol: "tokensymbol basesymbol symbol sym ticker",
  pool: "pooladdress poolid pool pairaddress pairid pair projectcontractaddress dexsmartcontract contractaddress market address",
  who: "who wallet walletaddress trader traderaddress maker owner origin txfrom originfromaddress fromaddr fromaddress txfromaddress transactionfrom signer user account taker sender recipient",
  side: "side sellbuy buysell tradeside kind direction dir tradetype txntype txtype eventdisplaytype type action isbuy isbuyermaker m",
  amount_token:
    "amounttoken tokenamount amountstoken uiamount amountnonliquiditytoken amountbase baseamount amount amt quantity qty size amountraw tokenamountraw amountwei sz q",
  amount_usd:
    "amountusd usdamount usd volumeinusd volumeusd valueusd usdvalue usdvolume amountinusd priceusdtotal notional quoteqty cost volume value",
  price_usd: "priceusd usdprice priceinusd tokenprice price rate px p",
  event_time:
    "eventtime blocktime blocktimestamp blockunixtime executedat transtime timestamp tradetime ts datetime time createdat date t",
  block_number: "blocknumber blocknum blockheight slot height block",
  block_hash: "blockhash",
  removed: "removed gsop action op operation deleted isdeleted",
  revision: "revision",
  schema_version: "schemaversion",
} as const;

export type GuessedField = keyof typeof NAMES;
const GUESSED_FIELDS = Object.keys(NAMES) as readonly GuessedField[];

const RANKS: Readonly<Record<GuessedField, ReadonlyMap<string, number>>> = Object.fromEntries(
  GUESSED_FIELDS.map((field) => [field, new Map(NAMES[field].split(" ").map((name, rank) => [name, rank]))]),
) as never;

/** Words that give a name another meaning: `price_usd` is no amount of dollars. */
const FOREIGN: Partial<Record<GuessedField, RegExp>> = {
  token: /^(quote|dex|pool|pair|block|tx|transaction)$/,
  amount_token: /^(usd|price|native|quote|fee|fees|gas|decimals)$/,
  amount_usd: /^(price|fee|fees|gas)$/,
  pool: /^(from|to|token|wallet|owner|trader|buyer|seller|maker|taker|user|signer|sender|recipient|args)$/,
  who: /^(or|contract|token|pool|pair)$/,
};

/** Words of a last part that are looked at together. */
const WORDS_MAX = 4;

/** Returns the words of a path: `Trade.Buy.AmountInUSD` gives trade, buy, amount, in, usd. */
export function wordsOf(path: readonly string[]): string[] {
  return path.flatMap((part) =>
    part
      .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
      .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
      .replace(/([A-Za-z])([0-9]+)/g, "$1 $2")
      .replace(/([0-9]+)([A-Za-z])/g, "$1 $2")
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter((word) => word !== ""),
  );
}

/**
 * Returns how well the last words of a path name a field: 0 is best, undefined means not at all. Names that use more of the
 * path's words go before others.
 */
export function rankOf(field: GuessedField, words: readonly string[]): number | undefined {
  let best: number | undefined;
  // A total of prices is an amount.
  const isForeign = !words.includes("total") && words.some((word) => FOREIGN[field]?.test(word) === true);
  for (let count = Math.min(WORDS_MAX, words.length); count > 0; count--) {
    const rank = RANKS[field].get(words.slice(-count).join(""));
    if (rank === undefined) continue;
    const unused = words.length - count;
    if (isForeign && unused > 0) continue;
    const score = rank + unused / 10;
    if (best === undefined || score < best) best = score;
  }
  return best;
}
