/**
 * An HTTP client of very low cost, so that the server is measured: bare sockets with one request in flight on each. Started by `fork`.
 * Without a rate every connection sends its next request at once. With a rate, requests are due at even intervals and their time runs from
 * the due time, so that a server that falls behind cannot hide it.
 */
import { connect, type Socket } from "node:net";

export type ClientRequest = {
  readonly port: number;
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second. Undefined: as many as the server answers. */
  readonly rate: number | undefined;
  /** Further header fields, each with its line end. */
  readonly fields?: string;
};
export type ClientReport = {
  readonly requests: number;
  readonly seconds: number;
  /** Responses that were not 200. */
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_FIELD = /content-length: (\d+)/i;

/** A connection with at most one request in flight. */
class Connection {
  readonly #socket: Socket;
  readonly #done: (connection: Connection, dueAt: number, ok: boolean) => void;
  #dueAt = 0;
  /** Remaining bytes of the response. -1 while its header is not complete. */
  #missing = -1;
  #head: Buffer = Buffer.alloc(0);
  #ok = true;

  constructor(port: number, done: (connection: Connection, dueAt: number, ok: boolean) => void) {
    this.#done = done;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      throw error;
    });
  }

  ask(request: Buffer, dueAt: number): void {
    this.#dueAt = dueAt;
    this.#missing = -1;
    this.#head = Buffer.alloc(0);
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#missing >= 0) {
      this.#missing -= chunk.length;
    } else {
      this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#head.toString("latin1", 0, end);
      this.#ok = head.startsWith("HTTP/1.1 200");
      this.#missing = Number(LENGTH_FIELD.exec(head)?.[1] ?? 0) - (this.#head.length - end - HEAD_END.length);
    }
    if (this.#missing === 0) this.#done(this, this.#dueAt, this.#ok);
  }
}

async function run({ port, paths, connections, seconds, rate, fields = "" }: ClientRequest): Promise<ClientReport> {
  const requests = paths.map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}\r\n`));
  const timesMs: number[] = [];
  let failures = 0;
  let next = 0;
  const idle: Connection[] = [];
  const due: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1_000;
  const ask = (connection: Connection, dueAt: number) => {
    connection.ask(requests[next % requests.length] as Buffer, dueAt);
    next += 1;
  };
  const done = (connection: Connection, dueAt: number, ok: boolean) => {
    const now = performance.now();
    timesMs.push(now - dueAt);
    if (!ok) failures += 1;
    if (rate === undefined) {
      if (now < endAt) ask(connection, now);
      return;
    }
    const waiting = due.shift();
    if (waiting === undefined) idle.push(connection);
    else ask(connection, waiting);
  };
  const all = Array.from({ length: connections }, () => new Connection(port, done));
  if (rate === undefined) for (const connection of all) ask(connection, startedAt);
  else idle.push(...all);
  let issued = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      if (rate !== undefined) {
        const wanted = Math.floor(((Math.min(now, endAt) - startedAt) / 1_000) * rate);
        for (; issued < wanted; issued += 1) {
          const connection = idle.pop();
          if (connection === undefined) due.push(now);
          else ask(connection, now);
        }
      }
      if (now < endAt) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  const took = (performance.now() - startedAt) / 1_000;
  for (const connection of all) connection.close();
  timesMs.sort((a, b) => a - b);
  const quantile = (q: number) => timesMs[Math.min(timesMs.length - 1, Math.floor(timesMs.length * q))] ?? Number.NaN;
  return { requests: timesMs.length, seconds: took, failures, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

process.on("message", (request: ClientRequest) => {
  run(request).then((answer: ClientReport) => process.send?.(answer));
});
process.on("disconnect", () => process.exit(0));
