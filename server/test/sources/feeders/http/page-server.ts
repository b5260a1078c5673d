/** An API with pages, as producers have them, which can fail in every way that HTTP allows. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export type PageFault =
  | "rate"
  | "error"
  | "disconnect"
  | "half"
  | "not_json"
  | "no_list"
  | "huge"
  | "other_origin"
  | "silence";

/** How the API names the next page. */
export type Paging = "page" | "last" | "last_inclusive" | "link";

export class PageServer {
  /** Texts of JSON. */
  readonly records: string[] = [];
  paging: Paging = "page";
  pageSize = 100;
  fault: () => PageFault | undefined = () => undefined;
  isCompressed = false;
  /** Number of redirects before the page. */
  redirects = 0;
  readonly headers: IncomingMessage["headers"][] = [];
  readonly urls: string[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.headers.push(request.headers);
    this.urls.push(request.url ?? "");
    const url = new URL(request.url ?? "/", this.origin);
    const fault = this.fault();
    if (fault !== undefined) {
      this.#fail(fault, request, response);
      return;
    }
    const redirected = Number(url.searchParams.get("r") ?? 0);
    if (redirected < this.redirects) {
      url.searchParams.set("r", String(redirected + 1));
      response.writeHead(307, { location: url.pathname + url.search }).end();
      return;
    }
    const body = Buffer.from(this.#page(url, response));
    if (!this.isCompressed) response.end(body);
    else response.setHeader("content-encoding", "gzip").end(gzipSync(body));
  }

  #page(url: URL, response: ServerResponse): string {
    const cursor = url.searchParams.get("cursor");
    const from = cursor === null ? 0 : Number(cursor) + (this.paging === "last" ? 1 : 0);
    const records = this.records.slice(from, from + this.pageSize);
    const next = from + records.length;
    if (this.paging === "last" || this.paging === "last_inclusive") return `[${records.join(", ")}]`;
    // Only a full page has a successor, so the last one grows.
    const hasNext = records.length === this.pageSize;
    if (this.paging === "page") {
      return `{ "next": ${hasNext ? `"${next}"` : "null"}, "data": {"rows": [ ${records.join(" ,\n")} ]} }`;
    }
    if (hasNext) {
      url.searchParams.set("cursor", String(next));
      response.setHeader("link", `<${this.origin}/x>; rel="first", <${url.href}>; rel="next"`);
    }
    return `{"data":{"rows":[${records.join(",")}]}}`;
  }

  #fail(fault: PageFault, request: IncomingMessage, response: ServerResponse): void {
    if (fault === "rate") response.writeHead(429, { "retry-after": "0" }).end();
    else if (fault === "error") response.writeHead(500).end("sorry");
    else if (fault === "disconnect") request.socket.destroy();
    else if (fault === "half") {
      response.writeHead(200, { "content-length": 1000 });
      response.write(`{"data":{"rows":[{"id":0},`, () => request.socket.destroy());
    } else if (fault === "not_json") response.end(`{"data":{"rows":[{"id":0}]`);
    else if (fault === "no_list") response.end(`{"data":{"rows":{}}}`);
    else if (fault === "huge") response.end(`[${" ".repeat(2 * 1024 * 1024)}]`);
    else if (fault === "other_origin") response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
  }
}
