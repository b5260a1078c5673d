/** A proxy of an S3 server on which requests fail as in large installations, some of them after they were applied. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/seed.ts";

export const S3_FAULTS = ["500", "503", "slow", "applied, then 500", "applied, then cut", "cut"] as const;
type S3Fault = (typeof S3_FAULTS)[number];

const SLOW_MS = 400;
const CODES = { "500": "InternalError", "503": "SlowDown" } as const;

export class FaultyS3 {
  /** Probability that a request fails. */
  share = 0;
  /** Number of failures of each kind. */
  readonly counts: Record<S3Fault, number>;
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #random: Random;

  private constructor(server: Server, targetPort: number, random: Random) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    this.#targetPort = targetPort;
    this.#random = random;
    this.counts = Object.fromEntries(S3_FAULTS.map((fault) => [fault, 0])) as Record<S3Fault, number>;
    server.on("request", (asked: IncomingMessage, answer: ServerResponse) => {
      this.#pass(asked, answer).catch(() => answer.destroy());
    });
  }

  static async start(targetPort: number, random: Random): Promise<FaultyS3> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultyS3(server, targetPort, random);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Number of failed requests of all kinds. */
  get failed(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of asked) parts.push(part as Buffer);
    const fault = this.#random.chance(this.share) ? this.#random.pick(S3_FAULTS) : undefined;
    if (fault !== undefined) this.counts[fault] += 1;
    if (fault === "cut") {
      answer.destroy();
    } else if (fault === "500" || fault === "503") {
      respond(answer, fault);
    } else {
      if (fault === "slow") await pause(SLOW_MS);
      const { status, headers, body } = await this.#ask(asked, Buffer.concat(parts));
      if (fault === "applied, then cut") answer.destroy();
      else if (fault === "applied, then 500") respond(answer, "500");
      else answer.writeHead(status, headers).end(body);
    }
  }

  /** Passes the headers unchanged, because the signature covers the host name. */
  async #ask(asked: IncomingMessage, body: Buffer) {
    const { method, url, headers } = asked;
    const passed = request({ host: "127.0.0.1", port: this.#targetPort, method, path: url, headers, agent: false });
    passed.end(body);
    const [answered] = (await once(passed, "response")) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of answered) parts.push(part as Buffer);
    return { status: answered.statusCode ?? 500, headers: answered.headers, body: Buffer.concat(parts) };
  }
}

function respond(answer: ServerResponse, status: keyof typeof CODES): void {
  answer.writeHead(Number(status), { "content-type": "application/xml" });
  answer.end(`<Error><Code>${CODES[status]}</Code><Message>as the test wants it</Message></Error>`);
}
