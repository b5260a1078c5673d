/** Keys of a feeder of type `evm_rpc`: the node of a chain. */
import { key, required, type Section } from "../../key.ts";
import { choice, duration, HOUR_MS, integer, text } from "../kinds.ts";
import { url } from "./addresses.ts";
import { POOLS } from "./pools.ts";

export const EVM_RPC_FEEDER = {
  url: required(
    key(
      "url",
      url(["http://", "https://", "ws://", "wss://"]),
      "",
      "Address of a node, or of several behind one address. `env:NAME` or `file:PATH` keeps a key in it out of the file. With `ws` the node announces new blocks.",
    ),
  ),
  chainId: required(
    key("chain_id", integer(1, 4_294_967_295), "", "Chain of the node. A node of another chain is refused."),
  ),
  pools: required(
    key(
      "pools",
      POOLS,
      "",
      "Uniswap v2 and v3 pools, and copies with the same events, see [pools](feeders.md#evm_rpc).",
    ),
  ),
  startBlock: key(
    "start_block",
    text(16, /^(?:latest|-?[0-9]{1,12})$/, "a number, latest, or -N for N blocks before the newest"),
    "latest",
    "First block, when the feeder has no position yet: a number, `latest`, or `-N` for N blocks before the newest.",
  ),
  finality: key(
    "finality",
    integer(0, 256),
    "64",
    "Blocks after which the chain is not expected to drop a block. Newer blocks are remembered, so that their swaps can be removed.",
  ),
  who: key(
    "who",
    choice(["from", "sender", "recipient"]),
    "from",
    "The trader. `from`: the account that sent the transaction; this costs one request for each transaction. `sender`: the contract that called the pool. `recipient`: the address that received the tokens.",
  ),
  rangeMax: key(
    "range",
    integer(1, 100_000),
    "2000",
    "Blocks of one `eth_getLogs`. It is halved when the node refuses, and grows again.",
  ),
  batchMax: key("batch", integer(1, 1000), "20", "Calls in one request. It is halved when the node refuses."),
  pollMs: key("poll", duration(100, HOUR_MS), "2s", "How often the feeder looks for a new block."),
  timeoutMs: key("timeout", duration(100, 600_000), "30s", "How long a response may take."),
} satisfies Section;
