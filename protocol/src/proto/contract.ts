/** The package `swapstats.v1`: its messages and its service. */
import { channelMessages } from "./channel-messages.ts";
import { figureMessages } from "./figure-messages.ts";
import type { Message } from "./message.ts";
import { serviceMessages } from "./request-messages.ts";
import { screenerMessages } from "./screener-messages.ts";
import { tokenMessages } from "./token-messages.ts";

export const PACKAGE = "swapstats.v1";
/** Path of the file, as importing files name it. */
export const PROTO_FILE = "swapstats/v1/stats.proto";
export const SERVICE = "StatsService";

type Method = {
  readonly name: string;
  readonly doc: string;
  /** True: the client sends a stream of requests. */
  readonly isClientStream?: true;
  /** True: the service sends a stream of responses. */
  readonly isServerStream?: true;
};

/** A method's messages are `<name>Request` and `<name>Response`. */
export const methods: readonly Method[] = [
  { name: "GetStats", doc: "Returns the statistics of a token." },
  { name: "BatchGetStats", doc: "Returns the statistics of up to 500 tokens." },
  { name: "GetOverview", doc: "Returns a ranking of tokens by a figure." },
  { name: "Screen", doc: "Returns the tokens that match a filter." },
  { name: "GetCandles", doc: "Returns candles of a token." },
  { name: "ListSwaps", doc: "Returns swaps of a token." },
  { name: "Subscribe", doc: "Sends the data of channels, and every change.", isServerStream: true },
  {
    name: "Ingest",
    doc: "Takes swaps. Each request is acknowledged when its swaps are durable, while further requests may be sent.",
    isClientStream: true,
    isServerStream: true,
  },
];

export const messages: readonly Message[] = [
  ...serviceMessages,
  ...tokenMessages,
  ...figureMessages,
  ...screenerMessages,
  ...channelMessages,
];
