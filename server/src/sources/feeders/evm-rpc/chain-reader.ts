/**
 * Reads a chain from a node, or from several behind one address. These may lag behind each other, so no empty list is taken for an answer
 * unless the same batch shows that the node knows the block.
 */
import { type RpcCall, type RpcReply, unavailable } from "../../../clients/json-rpc/rpc.ts";
import type { RpcClient } from "../../../clients/json-rpc/rpc-client.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import {
  type BlockHeader,
  type ChainLog,
  hexQuantity,
  readHeader,
  readLogs,
  readQuantity,
  readSender,
} from "./chain-values.ts";
import { SWAP_TOPICS } from "./swap-logs.ts";

/** After this many ranges without a refusal the next one is twice as long. */
const CALM_RANGES = 8;
/** Answers that never change are remembered, so that a long range goes on after a failure where it was. */
const REMEMBERED_MAX = 50_000;
/** Calls that are lost together when the node fails. */
const GROUP = 200;

type LogRange = { readonly from: number; readonly to: number; readonly logs: readonly ChainLog[] };

export class ChainReader {
  readonly #rpc: RpcClient;
  readonly #rangeMax: number;
  #range: number;
  #calm = 0;
  readonly #senders = new Map<string, string>();
  readonly #headers = new Map<string, BlockHeader>();

  /** `rangeMax`: blocks of one eth_getLogs. */
  constructor(rpc: RpcClient, rangeMax: number) {
    this.#rpc = rpc;
    this.#rangeMax = rangeMax;
    this.#range = rangeMax;
  }

  async chainId(signal: AbortSignal): Promise<number> {
    const [reply] = await this.#rpc.call([{ method: "eth_chainId", params: [] }], signal);
    return readQuantity(resultOf(reply, "eth_chainId"), "eth_chainId");
  }

  /** Returns the number of the newest block, and the present block `number`: undefined when the node does not know it. */
  async head(number: number, signal: AbortSignal): Promise<{ head: number; block: BlockHeader | undefined }> {
    const [head, block] = await this.#rpc.call([{ method: "eth_blockNumber", params: [] }, headerCall(number)], signal);
    return {
      head: readQuantity(resultOf(head, "eth_blockNumber"), "eth_blockNumber"),
      block: readHeader(resultOf(block, "eth_getBlockByNumber")),
    };
  }

  /** Returns the present blocks of these numbers: undefined where the node does not know one. */
  async headers(numbers: readonly number[], signal: AbortSignal): Promise<(BlockHeader | undefined)[]> {
    const replies = await this.#rpc.call(numbers.map(headerCall), signal);
    return replies.map((reply) => readHeader(resultOf(reply, "eth_getBlockByNumber")));
  }

  /** Returns the swaps of each block, by the block's hash: whatever the chain does meanwhile, they are those of this block. */
  async logsOfBlocks(hashes: readonly string[], pools: readonly string[], signal: AbortSignal): Promise<ChainLog[][]> {
    const calls = hashes.flatMap((hash) => [
      logsCall({ blockHash: hash }, pools),
      { method: "eth_getBlockByHash", params: [hash, false] },
    ]);
    const replies = await this.#rpc.call(calls, signal);
    return hashes.map((hash, index) => {
      const logs = readLogs(resultOf(replies[2 * index], "eth_getLogs"));
      const block = readHeader(resultOf(replies[2 * index + 1], "eth_getBlockByHash"));
      if (logs === undefined || block?.hash !== hash) throw lagging(`block ${hash}`);
      if (logs.some((log) => log.blockHash !== hash)) throw lagging(`logs of block ${hash}`);
      return ordered(logs, pools);
    });
  }

  /** Returns the swaps from `from` on, in as many blocks as the node gives at once, at most to `last`. */
  async logsOfRange(from: number, last: number, pools: readonly string[], signal: AbortSignal): Promise<LogRange> {
    for (;;) {
      const to = Math.min(last, from + this.#range - 1);
      const logs = await this.#tryRange(from, to, pools, signal);
      if (logs === undefined) continue;
      this.#calm++;
      if (this.#calm >= CALM_RANGES && this.#range < this.#rangeMax) {
        this.#calm = 0;
        this.#range = Math.min(this.#rangeMax, this.#range * 2);
      }
      return { from, to, logs: await this.#withTimes(ordered(logs, pools), signal) };
    }
  }

  /** Returns the sender of each transaction. */
  async senders(txHashes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (this.#senders.size > REMEMBERED_MAX) this.#senders.clear();
    const unknown = [...new Set(txHashes)].filter((hash) => !this.#senders.has(hash));
    for (let at = 0; at < unknown.length; at += GROUP) {
      const group = unknown.slice(at, at + GROUP);
      const calls = group.map((hash) => ({ method: "eth_getTransactionByHash", params: [hash] }));
      for (const [index, reply] of (await this.#rpc.call(calls, signal)).entries()) {
        const hash = group[index] as string;
        const sender = readSender(resultOf(reply, "eth_getTransactionByHash"));
        if (sender === undefined) throw lagging(`transaction ${hash}`);
        this.#senders.set(hash, sender);
      }
    }
    return this.#senders;
  }

  /** Returns the results of read-only calls of contracts, as hex; undefined where a contract has no such function. */
  async read(calls: readonly { to: string; data: string }[], signal: AbortSignal): Promise<(string | undefined)[]> {
    const replies = await this.#rpc.call(
      calls.map((call) => ({ method: "eth_call", params: [call, "latest"] })),
      signal,
    );
    return replies.map((reply) => {
      if (reply.kind === "unknown_method") throw refused("eth_call", reply.message);
      return reply.kind === "result" && typeof reply.result === "string" ? reply.result : undefined;
    });
  }

  /** Undefined: the node refused the range, and the next one is shorter. */
  async #tryRange(from: number, to: number, pools: readonly string[], signal: AbortSignal) {
    const calls = [logsCall({ fromBlock: hexQuantity(from), toBlock: hexQuantity(to) }, pools), headerCall(to)];
    let replies: RpcReply[];
    try {
      replies = await this.#rpc.call(calls, signal);
    } catch (error) {
      // A response that is too long, or none in time, is a refusal too. The caller repeats the others with a pause.
      const isShorter = to > from && error instanceof SwapstatsError && this.#halve(to - from + 1);
      if (isShorter && error.code === "too_large") return undefined;
      throw error;
    }
    const [reply, end] = replies;
    if (reply?.kind === "refused" && to > from) {
      this.#halve(to - from + 1);
      return undefined;
    }
    const logs = readLogs(resultOf(reply, "eth_getLogs"));
    if (logs === undefined || readHeader(resultOf(end, "eth_getBlockByNumber")) === undefined) {
      throw lagging(`block ${to}`);
    }
    if (logs.some(({ blockNumber }) => blockNumber < from || blockNumber > to))
      throw lagging(`blocks ${from} to ${to}`);
    return logs;
  }

  #halve(blocks: number): boolean {
    this.#range = Math.max(1, Math.floor(blocks / 2));
    this.#calm = 0;
    return true;
  }

  /** Reads the blocks of logs that do not tell their time. */
  async #withTimes(logs: readonly ChainLog[], signal: AbortSignal): Promise<ChainLog[]> {
    if (this.#headers.size > REMEMBERED_MAX) this.#headers.clear();
    const untimed = logs.filter((log) => log.timeMs === undefined && !this.#headers.has(log.blockHash));
    const numbers = [...new Set(untimed.map(({ blockNumber }) => blockNumber))];
    for (let at = 0; at < numbers.length; at += GROUP) {
      for (const header of await this.headers(numbers.slice(at, at + GROUP), signal)) {
        if (header !== undefined) this.#headers.set(header.hash, header);
      }
    }
    return logs.map((log) => {
      const timeMs = log.timeMs ?? this.#headers.get(log.blockHash)?.timeMs;
      if (timeMs === undefined) throw lagging(`block ${log.blockNumber}`);
      return { ...log, timeMs };
    });
  }
}

function headerCall(number: number): RpcCall {
  return { method: "eth_getBlockByNumber", params: [hexQuantity(number), false] };
}

function logsCall(blocks: object, pools: readonly string[]): RpcCall {
  return {
    method: "eth_getLogs",
    params: [{ ...blocks, address: pools, topics: [[SWAP_TOPICS.v2, SWAP_TOPICS.v3]] }],
  };
}

/** In the order of the chain, without logs that the node gives beyond the request. */
function ordered(logs: readonly ChainLog[], pools: readonly string[]): ChainLog[] {
  return logs
    .filter((log) => pools.includes(log.address))
    .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
}

function resultOf(reply: RpcReply | undefined, method: string): unknown {
  if (reply?.kind === "result") return reply.result;
  if (reply?.kind === "unknown_method") throw refused(method, reply.message);
  throw unavailable(`the node refuses ${method}: ${reply?.message}`);
}

function refused(method: string, message: string): SwapstatsError {
  const text = `the node does not offer ${method} (${message}); use another one`;
  return new SwapstatsError("bad_config", text);
}

function lagging(what: string): SwapstatsError {
  return unavailable(`the node does not know ${what} yet; it lags behind`);
}
