/**
 * A WebSocket proxy that sends messages of the service late, twice or in another order. A connection over TCP does none of this, so whoever survives
 * it does not depend on it.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Random } from "../../../server/test/support/seed.ts";

const LATE_MS_MAX = 300;

export class MessageProxy {
  readonly #server: WebSocketServer;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Messages that came late, and twice. */
  readonly counts = { late: 0, twice: 0 };
  isOrderly = false;

  private constructor(server: WebSocketServer, targetPort: () => number, random: Random) {
    this.#server = server;
    server.on("connection", (client, request) => this.#join(client, request.url ?? "", targetPort(), random));
  }

  /** `targetPort`: gives the port of an instance for each connection. */
  static async start(targetPort: () => number, random: Random): Promise<MessageProxy> {
    const handleProtocols = (offered: Set<string>): string | false => [...offered][0] ?? false;
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols });
    await once(server, "listening");
    return new MessageProxy(server, targetPort, random);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get clients(): number {
    return this.#server.clients.size;
  }

  cut(): void {
    for (const client of this.#server.clients) client.terminate();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.cut();
    this.#server.close();
  }

  #join(client: WebSocket, path: string, port: number, random: Random): void {
    const service = new WebSocket(`ws://127.0.0.1:${port}${path}`, client.protocol);
    const early: string[] = [];
    client.on("message", (data) => {
      if (service.readyState === WebSocket.OPEN) service.send(String(data));
      else early.push(String(data));
    });
    service.on("open", () => {
      for (const text of early) service.send(text);
    });
    service.on("message", (data) => this.#pass(client, String(data), random));
    for (const [one, other] of [
      [client, service],
      [service, client],
    ] as const) {
      one.on("error", () => other.terminate());
      one.on("close", () => other.terminate());
    }
  }

  #pass(client: WebSocket, text: string, random: Random): void {
    if (this.isOrderly) {
      client.send(text);
      return;
    }
    const isTwice = random.chance(0.25);
    if (random.chance(0.25)) this.#late(client, text, random);
    else client.send(text);
    if (!isTwice) return;
    this.counts.twice += 1;
    this.#late(client, text, random);
  }

  #late(client: WebSocket, text: string, random: Random): void {
    this.counts.late += 1;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (client.readyState === WebSocket.OPEN) client.send(text);
    }, random.below(LATE_MS_MAX));
    this.#timers.add(timer);
  }
}
