/** A proxy of an HTTP server that passes requests on, or responds as failing servers do. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";

type HttpFault =
  | "none"
  /** 500 and 503 in turn. Nothing is passed on. */
  | "errors"
  /** Passed on, with a late response. */
  | "slow"
  /** Every other request is passed on, and its response is dropped. */
  | "applied without an answer";

const SLOW_MS = 1_500;

export class HttpFaultProxy {
  fault: HttpFault = "none";
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  #requests = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as { port: number }).port;
    server.on("request", (incoming: IncomingMessage, answer: ServerResponse) => this.#take(incoming, answer));
  }

  static async start(targetPort: number): Promise<HttpFaultProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new HttpFaultProxy(server, targetPort);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(incoming: IncomingMessage, answer: ServerResponse): void {
    const { fault } = this;
    const isEven = this.#requests++ % 2 === 0;
    if (fault === "errors") {
      incoming.resume();
      const [status, code] = isEven ? [500, "InternalError"] : [503, "SlowDown"];
      answer.writeHead(status as number).end(`<Error><Code>${code}</Code></Error>`);
      return;
    }
    const { method, url, headers } = incoming;
    const outgoing = request({ port: this.#targetPort, host: "127.0.0.1", method, path: url, headers });
    outgoing.on("error", () => answer.destroy());
    outgoing.on("response", (response) => {
      if (fault === "applied without an answer" && isEven) {
        response.resume();
        answer.destroy();
        return;
      }
      const pass = (): void => {
        answer.writeHead(response.statusCode as number, response.rawHeaders);
        response.pipe(answer);
      };
      if (fault === "slow") setTimeout(pass, SLOW_MS).unref();
      else pass();
    });
    incoming.pipe(outgoing);
  }
}
