/** Reads blocks and logs from the results of a node. Nothing of them is trusted: a wrong value is an error that a retry may cure. */
import { unavailable } from "../../../clients/json-rpc/rpc.ts";

export type BlockHeader = {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timeMs: number;
};

export type ChainLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly txHash: string;
  readonly txIndex: number;
  readonly logIndex: number;
  /** Undefined: the node does not tell the time of the block in its logs. */
  readonly timeMs: number | undefined;
};

/** At most 52 bits, so that the number is exact. */
const QUANTITY = /^0x[0-9a-f]{1,13}$/i;
const HASH = /^0x[0-9a-f]{64}$/i;
const ADDRESS = /^0x[0-9a-f]{40}$/i;

type Members = { readonly [name: string]: unknown };

/** Undefined: the node does not know the block (yet). */
export function readHeader(value: unknown): BlockHeader | undefined {
  if (value === null) return undefined;
  const block = membersOf(value, "a block");
  return {
    number: quantityOf(block, "number"),
    hash: hashOf(block, "hash"),
    parentHash: hashOf(block, "parentHash"),
    timeMs: quantityOf(block, "timestamp") * 1000,
  };
}

/** Undefined: the node has no list, which a node that lags behind may answer. */
export function readLogs(value: unknown): ChainLog[] | undefined {
  if (value === null) return undefined;
  if (!Array.isArray(value)) throw nonsense("a list of logs", value);
  return value.map(readLog);
}

function readLog(value: unknown): ChainLog {
  const log = membersOf(value, "a log");
  const { topics, data, blockTimestamp } = log;
  if (!Array.isArray(topics) || !topics.every((topic) => typeof topic === "string")) throw nonsense("topics", topics);
  if (typeof data !== "string") throw nonsense("data of a log", data);
  if (log.removed === true) throw unavailable("the node answers with a log of a dropped block");
  return {
    address: addressOf(log, "address"),
    topics,
    data,
    blockNumber: quantityOf(log, "blockNumber"),
    blockHash: hashOf(log, "blockHash"),
    txHash: hashOf(log, "transactionHash"),
    txIndex: quantityOf(log, "transactionIndex"),
    logIndex: quantityOf(log, "logIndex"),
    timeMs: typeof blockTimestamp === "string" ? quantityOf(log, "blockTimestamp") * 1000 : undefined,
  };
}

export function readQuantity(value: unknown, name: string): number {
  if (typeof value !== "string" || !QUANTITY.test(value)) throw nonsense(name, value);
  return Number(value);
}

/** Returns the sender of a transaction. Undefined: the node does not know the transaction (yet). */
export function readSender(value: unknown): string | undefined {
  return value === null ? undefined : addressOf(membersOf(value, "a transaction"), "from");
}

export function hexQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}

function membersOf(value: unknown, what: string): Members {
  if (typeof value !== "object" || value === null) throw nonsense(what, value);
  return value as Members;
}

function quantityOf(members: Members, name: string): number {
  return readQuantity(members[name], name);
}

function hashOf(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== "string" || !HASH.test(value)) throw nonsense(name, value);
  return value.toLowerCase();
}

function addressOf(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== "string" || !ADDRESS.test(value)) throw nonsense(name, value);
  return value.toLowerCase();
}

function nonsense(what: string, value: unknown): Error {
  return unavailable(`the node answers ${JSON.stringify(value)?.slice(0, 80)} for ${what}`);
}
