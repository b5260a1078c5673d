/**
 * Stands in for a node of a chain, or for several behind one address: it speaks JSON-RPC over HTTP and WebSocket for a TestChain, and can
 * behave as badly as public nodes do. A real node cannot be told to reorganise its chain or to lag at a chosen moment.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { TestBlock, TestChain } from "./test-chain.ts";

type Call = { readonly id: unknown; readonly method: string; readonly params: readonly unknown[] };
type Answer = { readonly result: unknown } | { readonly error: { readonly code: number; readonly message: string } };

/** What the next request meets. */
export type NodeFault =
  | "too_many_requests"
  | "rate_error"
  | "server_error"
  | "disconnect"
  | "half_answer"
  | "not_json"
  | "null_logs"
  | "silence"
  /** Another node answers, which is some blocks behind. */
  | "lag"
  /** Another node answers, which has an earlier chain. */
  | "stale";

type TestNodeOptions = {
  readonly chain: TestChain;
  readonly chainId: number;
  /** Contracts, for eth_call: results by address and selector. */
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export class TestNode {
  chain: TestChain;
  readonly #chainId: number;
  readonly #contracts: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  /** Returns the fault of a request with these methods. */
  fault: (methods: readonly string[]) => NodeFault | undefined = () => undefined;
  /** Longest range of eth_getLogs. */
  rangeMax = Number.POSITIVE_INFINITY;
  /** Most logs of one eth_getLogs. */
  resultsMax = Number.POSITIVE_INFINITY;
  /** Most calls in one batch. 1: batches are refused as a whole. */
  batchMax = Number.POSITIVE_INFINITY;
  /** Whether logs tell the time of their block. */
  tellsTime = false;
  /** Whether logs of an unknown block are an empty list instead of an error. */
  answersUnknownBlocks = false;
  readonly missingMethods = new Set<string>();
  /** Chains that a stale node may still have. */
  staleChains: readonly (readonly TestBlock[])[] = [];
  lagBlocks = 1;
  requests = 0;
  readonly calls: Call[] = [];

  constructor({ chain, chainId, contracts = {} }: TestNodeOptions) {
    this.chain = chain;
    this.#chainId = chainId;
    this.#contracts = contracts;
    this.#server = createServer((request, response) => void this.#onRequest(request, response));
    this.#sockets = new WebSocketServer({ server: this.#server });
    this.#sockets.on("connection", (socket) => this.#onSocket(socket));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/key`;
  }

  get socketUrl(): string {
    return `ws://127.0.0.1:${this.port}/key`;
  }

  get connections(): number {
    return this.#sockets.clients.size;
  }

  /** Announces the head to the sockets that have subscribed. */
  announce(): void {
    const params = { subscription: "0x1", result: { number: hex(this.chain.head.number) } };
    for (const socket of this.#sockets.clients) {
      socket.send(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params }));
    }
  }

  disconnectAll(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  async close(): Promise<void> {
    this.disconnectAll();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    this.requests++;
    const fault = this.fault(methodsOf(body));
    if (fault === "silence") return;
    if (fault === "disconnect") {
      request.socket.destroy();
      return;
    }
    if (fault === "too_many_requests") {
      response.writeHead(429, { "retry-after": "0" }).end("slow down");
      return;
    }
    if (fault === "server_error") {
      response.writeHead(502).end("<html>bad gateway</html>");
      return;
    }
    const text = JSON.stringify(this.#answer(JSON.parse(body), fault));
    if (fault === "half_answer") {
      response.writeHead(200, { "content-length": text.length });
      response.write(text.slice(0, text.length / 2), () => request.socket.destroy());
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(fault === "not_json" ? text.slice(0, -1) : text);
  }

  #onSocket(socket: WebSocket): void {
    socket.on("message", (data) => {
      this.requests++;
      const fault = this.fault(methodsOf(String(data)));
      if (fault === "silence") return;
      if (fault === "disconnect") {
        socket.terminate();
        return;
      }
      const text = JSON.stringify(this.#answer(JSON.parse(String(data)), fault));
      socket.send(fault === "not_json" ? text.slice(0, -1) : text);
    });
  }

  #answer(message: Call | readonly Call[], fault: NodeFault | undefined): unknown {
    const blocks = this.#view(fault);
    const one = (call: Call): object => ({ jsonrpc: "2.0", id: call.id, ...this.#result(call, blocks, fault) });
    if (!Array.isArray(message)) return one(message as Call);
    if (message.length > this.batchMax) {
      return { jsonrpc: "2.0", id: null, error: { code: -32600, message: "batch is too large" } };
    }
    // In any order, as the standard allows.
    return message.map(one).reverse();
  }

  #view(fault: NodeFault | undefined): readonly TestBlock[] {
    const blocks = this.chain.canonical;
    if (fault === "lag") return blocks.slice(0, Math.max(1, blocks.length - this.lagBlocks));
    if (fault === "stale") return this.staleChains[this.requests % Math.max(1, this.staleChains.length)] ?? blocks;
    return blocks;
  }

  #result(call: Call, blocks: readonly TestBlock[], fault: NodeFault | undefined): Answer {
    this.calls.push(call);
    const { method, params } = call;
    if (this.missingMethods.has(method)) return failure(-32601, `the method ${method} does not exist`);
    if (fault === "rate_error") return failure(-32005, "daily request count exceeded, request rate limited");
    switch (method) {
      case "eth_chainId":
        return { result: hex(this.#chainId) };
      case "eth_blockNumber":
        return { result: hex(blocks.length - 1) };
      case "eth_getBlockByNumber":
        return { result: header(blocks[Number(params[0])]) };
      case "eth_getBlockByHash":
        return { result: header(this.#known(String(params[0]), blocks)) };
      case "eth_getLogs":
        return fault === "null_logs" ? { result: null } : this.#logs(params[0] as LogFilter, blocks);
      case "eth_getTransactionByHash": {
        const tx = blocks.flatMap(({ transactions }) => transactions).find(({ hash }) => hash === params[0]);
        return { result: tx === undefined ? null : { hash: tx.hash, from: tx.from } };
      }
      case "eth_call": {
        const { to, data } = params[0] as { to: string; data: string };
        const result = this.#contracts[to]?.[data];
        return result === undefined ? failure(3, "execution reverted") : { result };
      }
      case "eth_subscribe":
        return { result: "0x1" };
      default:
        return failure(-32601, `the method ${method} does not exist`);
    }
  }

  /** A node knows dropped blocks, too, for some time. */
  #known(hash: string, blocks: readonly TestBlock[]): TestBlock | undefined {
    const block = this.chain.block(hash);
    return block === undefined || block.number >= blocks.length ? undefined : block;
  }

  #logs(filter: LogFilter, blocks: readonly TestBlock[]): Answer {
    const { blockHash, fromBlock, toBlock, address } = filter;
    if (blockHash !== undefined) {
      const block = this.#known(blockHash, blocks);
      if (block !== undefined) return { result: this.#logsOf([block], address) };
      return this.answersUnknownBlocks ? { result: [] } : failure(-32000, "unknown block");
    }
    const [from, to] = [Number(fromBlock), Number(toBlock)];
    if (to - from + 1 > this.rangeMax) return failure(-32602, `block range is limited to ${this.rangeMax}`);
    const logs = this.#logsOf(blocks.slice(from, to + 1), address);
    if (logs.length > this.resultsMax) return failure(-32005, `query returned more than ${this.resultsMax} results`);
    return { result: logs };
  }

  #logsOf(blocks: readonly TestBlock[], addresses: readonly string[]): object[] {
    return blocks.flatMap((block) =>
      block.logs
        .filter((log) => addresses.includes(log.address))
        .map((log) => ({
          ...{ address: log.address, topics: log.topics, data: log.data, removed: false },
          ...{ blockNumber: hex(block.number), blockHash: block.hash, logIndex: hex(log.logIndex) },
          ...{ transactionHash: log.txHash, transactionIndex: hex(log.txIndex) },
          ...(this.tellsTime ? { blockTimestamp: hex(block.timestamp) } : {}),
        })),
    );
  }
}

function methodsOf(body: string): readonly string[] {
  return [JSON.parse(body) as Call | readonly Call[]].flat().map(({ method }) => method);
}

type LogFilter = {
  readonly blockHash?: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly address: readonly string[];
};

function header(block: TestBlock | undefined): object | null {
  if (block === undefined) return null;
  const { number, hash, parentHash, timestamp } = block;
  return { number: hex(number), hash, parentHash, timestamp: hex(timestamp) };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function failure(code: number, message: string): Answer {
  return { error: { code, message } };
}
