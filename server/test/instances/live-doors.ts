/** Clients of live data by door: WebSocket in each encoding, server-sent events, gRPC and Connect. All pass the balancer. */
import { type ClientRequest, get } from "node:http";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import type { Json } from "@swapstats/protocol/json.ts";
import { messageDesc, statsService } from "@swapstats/protocol/proto/descriptor.ts";
import type { ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { WebSocket } from "ws";
import { encode } from "../../src/serving/protobuf/encode.ts";
import { ProtobufClient } from "../support/protobuf-client.ts";
import { type Ledger, LiveClient, type Wanted } from "./live-client.ts";

type Setup = {
  readonly name: string;
  /** `host:port` of the balancer. */
  readonly address: string;
  readonly token: string;
  readonly wanted: readonly Wanted[];
  readonly ledger: Ledger;
};

export class WebSocketClient extends LiveClient {
  readonly #setup: Setup;
  readonly #encoding: string;
  #socket: WebSocket | undefined;
  #protobuf = new ProtobufClient();

  /** @param encoding `json`, `json-patch` or `protobuf` */
  constructor(setup: Setup, encoding: string) {
    super(setup.name, setup.wanted, setup.ledger);
    this.#setup = setup;
    this.#encoding = encoding;
  }

  connect(): void {
    const { address, token } = this.#setup;
    const headers = { authorization: `Bearer ${token}` };
    const socket = new WebSocket(`ws://${address}/ws`, [`swapstats.v1.${this.#encoding}`], { headers });
    this.#socket = socket;
    const before = this.#protobuf;
    this.#protobuf = new ProtobufClient();
    this.#protobuf.continueFrom(before);
    socket.on("open", () => {
      const all = this.positions();
      const resumed = all.flatMap(({ wanted, from }) => (from === undefined ? [] : [{ ...wanted, ...from }]));
      const fresh = all.filter(({ from }) => from === undefined).map(({ wanted }) => wanted);
      // A channel that was never open begins once those that continue are there.
      socket.send(JSON.stringify(resumed.length > 0 ? { resume: resumed } : { subscribe: fresh }));
    });
    socket.on("message", (data: Buffer, isBinary) => {
      const message = isBinary ? this.#protobuf.take(data).message : JSON.parse(data.toString());
      this.take(message as unknown as ServerMessage);
    });
    socket.on("error", () => {});
    socket.on("close", () => this.ended());
  }

  protected cut(): void {
    this.#socket?.terminate();
  }
}

export class EventStreamClient extends LiveClient {
  readonly #setup: Setup;
  #request: ClientRequest | undefined;
  #lastEventId = "";

  constructor(setup: Setup) {
    super(setup.name, setup.wanted, setup.ledger);
    this.#setup = setup;
  }

  connect(): void {
    const { address, token } = this.#setup;
    const channels = this.wanted.map(({ channel }) => channel).join();
    const headers = {
      authorization: `Bearer ${token}`,
      ...(this.#lastEventId === "" ? {} : { "last-event-id": this.#lastEventId }),
    };
    const request = get(`http://${address}/api/stream?channels=${channels}`, { headers, agent: false });
    this.#request = request;
    let rest = "";
    request.on("error", () => {});
    request.on("response", (response) => {
      response.setEncoding("utf8");
      response.on("error", () => {});
      response.on("data", (text: string) => {
        const blocks = (rest + text).split("\n\n");
        rest = blocks.pop() as string;
        if (response.statusCode === 200) for (const block of blocks) this.#event(block);
      });
    });
    request.on("close", () => this.ended());
  }

  #event(block: string): void {
    const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    this.#lastEventId = fields.get("id") ?? this.#lastEventId;
    const data = fields.get("data");
    if (data !== undefined) this.take(JSON.parse(data) as ServerMessage);
  }

  protected cut(): void {
    this.#request?.destroy();
  }
}

const RESPONSE = messageDesc("SubscribeResponse");
const REQUEST = messageDesc("SubscribeRequest");

// biome-ignore lint/suspicious/noExplicitAny: messages have types for generated code only, and tests use none
type Calls = any;

/** A client of the service with credentials. `protocol`: gRPC at its own address, Connect at that of HTTP. */
export function callsOf(protocol: "grpc" | "connect", address: string, token: string): Calls {
  const baseUrl = `http://${address}`;
  const withToken = (next: Calls) => (request: Calls) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const options = { baseUrl, interceptors: [withToken] };
  const transport =
    protocol === "grpc"
      ? createGrpcTransport(options)
      : createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: true });
  return createClient(statsService, transport) as Client<typeof statsService>;
}

export class SubscribeClient extends LiveClient {
  readonly #calls: Calls;
  #abort = new AbortController();
  #protobuf = new ProtobufClient();

  constructor(setup: Setup, protocol: "grpc" | "connect") {
    super(setup.name, setup.wanted, setup.ledger);
    this.#calls = callsOf(protocol, setup.address, setup.token);
  }

  connect(): void {
    this.#abort = new AbortController();
    const before = this.#protobuf;
    this.#protobuf = new ProtobufClient();
    this.#protobuf.continueFrom(before);
    void this.#read(this.#abort.signal).finally(() => this.ended());
  }

  async #read(signal: AbortSignal): Promise<void> {
    const channels = this.positions().map(({ wanted, from: position }) => {
      const { query, ...named } = wanted as { query?: { filter: Json } };
      // A filter names its kind in protobuf.
      const asked =
        query === undefined ? named : { ...named, query: { ...query, filter: { condition: query.filter } } };
      if (position === undefined) return asked;
      const { channel, ...from } = position;
      return { ...asked, channel, from };
    });
    try {
      const request = fromBinary(REQUEST, encode("SubscribeRequest", { channels: channels as Json[] }));
      for await (const response of this.#calls.subscribe(request, { signal })) {
        this.take(this.#protobuf.take(toBinary(RESPONSE, response)).message as unknown as ServerMessage);
      }
    } catch {
      // The connection was cut, refused, or ended by the service. What came before says why.
    }
  }

  protected cut(): void {
    this.#abort.abort();
  }
}
