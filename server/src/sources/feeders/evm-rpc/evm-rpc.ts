/**
 * The origin `evm_rpc`: swaps of Uniswap v2 and v3 pools from the logs of a chain, for a user with nothing but the address of a node.
 * It makes canonical events and needs no mapping.
 */

import { RpcClient } from "../../../clients/json-rpc/rpc-client.ts";
import type { FeederConfig } from "../../../config/build/ingest.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { BackoffLimits } from "../../../shared/retry.ts";
import type { Origin, OriginBatch, OriginContext, Position } from "../origin.ts";
import { ChainFollower, type ChainStart } from "./chain-follower.ts";
import { ChainReader } from "./chain-reader.ts";
import { readPosition, writePosition } from "./position.ts";
import type { Step } from "./steps.ts";
import { readPools } from "./tokens.ts";

export type EvmRpcSettings = FeederConfig<"evm_rpc">;

const RESPONSE_BYTES_MAX = 64 * 1024 * 1024;

export function openOrigin(settings: EvmRpcSettings, { endsAtEnd }: OriginContext): EvmRpcOrigin {
  return new EvmRpcOrigin(settings, endsAtEnd);
}

export class EvmRpcOrigin implements Origin {
  readonly identity: string;
  readonly #settings: EvmRpcSettings;
  readonly #endsAtEnd: boolean;
  readonly #rpc: RpcClient;
  readonly #reader: ChainReader;
  /** Undefined until chain and pools are checked. */
  #follower: ChainFollower | undefined;
  /** Steps that follow the position of the last batch. */
  #steps: readonly Step[] = [];
  #stepsFrom = "";

  /** `ratePauses`: pauses while the node limits the rate of requests. */
  constructor(settings: EvmRpcSettings, endsAtEnd: boolean, ratePauses?: BackoffLimits) {
    const { url, chainId, batchMax, timeoutMs, rangeMax } = settings;
    // Another node of the same chain continues.
    this.identity = `chain ${chainId}`;
    this.#settings = settings;
    this.#endsAtEnd = endsAtEnd;
    this.#rpc = new RpcClient({ url, batchMax, timeoutMs, responseBytesMax: RESPONSE_BYTES_MAX }, ratePauses);
    this.#reader = new ChainReader(this.#rpc, rangeMax);
  }

  get problem(): string | undefined {
    return this.#rpc.problem ?? this.#follower?.problem;
  }

  positionText(position: Position): string {
    const { next, blocks } = readPosition(position);
    return `block ${next - 1}${blocks.length === 0 ? "" : ` (${blocks.length} listed)`}`;
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    signal.throwIfAborted();
    this.#follower ??= await this.#open(signal);
    const from = position === undefined ? undefined : readPosition(position);
    // The steps are for the position of the last batch alone. Any other position begins from what it says itself.
    if (JSON.stringify(position) !== this.#stepsFrom) this.#steps = [];
    for (;;) {
      const steps = this.#steps.length > 0 ? this.#steps : await this.#follower.advance(from, signal);
      if (steps === undefined && this.#endsAtEnd) return undefined;
      const [step, ...rest] = steps ?? [];
      if (step !== undefined) {
        const behind = step.behind === undefined ? undefined : ({ count: step.behind, unit: "blocks" } as const);
        const batch = { records: step.records, position: writePosition(step.position), behind };
        this.#steps = rest;
        this.#stepsFrom = JSON.stringify(batch.position);
        return batch;
      }
      await this.#rpc.newBlock(this.#settings.pollMs, signal);
    }
  }

  async close(): Promise<void> {
    this.#rpc.close();
  }

  async #open(signal: AbortSignal): Promise<ChainFollower> {
    const { chainId, startBlock, finality, who } = this.#settings;
    const found = await this.#reader.chainId(signal);
    if (found !== chainId) {
      const message = `the node is one of chain ${found}, and chain_id is ${chainId}; correct one of them`;
      throw new SwapstatsError("bad_config", message);
    }
    const pools = await readPools(this.#reader, this.#settings.pools, signal);
    return new ChainFollower(this.#reader, { chainId, pools, who, finality, start: startOf(startBlock) });
  }
}

/** Reads `start_block`. */
function startOf(text: string): ChainStart {
  if (text === "latest") return { before: 0 };
  return text.startsWith("-") ? { before: Number(text.slice(1)) } : { block: Number(text) };
}
