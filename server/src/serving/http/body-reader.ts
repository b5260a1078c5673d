/**
 * Reads request bodies into memory of their own, within limits: each body, all bodies that are held at a time, and what a
 * gzip body grows to. Memory is taken as bytes come in, never by what a header announces.
 */
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { ProblemError } from "../problems.ts";

const gunzipAsync = promisify(gunzip);

export class BodyReader {
  readonly #inFlightMax: number;
  #inFlight = 0;

  constructor(inFlightMaxBytes: number) {
    this.#inFlightMax = inFlightMaxBytes;
  }

  get inFlightBytes(): number {
    return this.#inFlight;
  }

  /**
   * The whole body, in an ArrayBuffer that holds nothing else, so that it can be transferred to another thread. Rejects with ProblemError
   * `payload_too_large`, `unsupported_media_type`, `bad_request` or `overloaded`. The bytes count as held until `release` is called with their
   * number.
   */
  async read(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const coding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
    if (coding !== "identity" && coding !== "gzip") {
      throw new ProblemError(
        "unsupported_media_type",
        `The content coding ${JSON.stringify(coding)} is not supported; send the body as it is, or with gzip.`,
      );
    }
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    const body = await this.#collect(request, bytesMax);
    if (coding === "identity") return body;
    try {
      return await this.#expand(body, bytesMax);
    } finally {
      this.release(body.byteLength);
    }
  }

  /** Says that bytes of a body are no longer held. */
  release(bytes: number): void {
    this.#inFlight -= bytes;
  }

  async #collect(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      // Leaving the loop must not destroy the request: its connection still carries the answer.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        this.#inFlight += chunk.byteLength;
        if (bytes > bytesMax) throw tooLarge(bytesMax);
        if (this.#inFlight > this.#inFlightMax) throw tooMuchInFlight();
        chunks.push(chunk);
      }
      return joined(chunks, bytes);
    } catch (error) {
      this.release(bytes);
      if (error instanceof ProblemError) throw error;
      throw new ProblemError("bad_request", "The connection ended before the body did.", {}, error);
    }
  }

  async #expand(body: Uint8Array, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const expanded = await gunzipAsync(body, { maxOutputLength: bytesMax });
      this.#inFlight += expanded.byteLength;
      return joined([expanded], expanded.byteLength);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(bytesMax);
      throw new ProblemError(
        "bad_request",
        "The body says that it is gzip, but cannot be expanded; it is damaged or cut.",
        {},
        error,
      );
    }
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return body;
}

const tooLarge = (bytesMax: number): ProblemError =>
  new ProblemError(
    "payload_too_large",
    `A body may have ${bytesMax} bytes here, also when it is expanded; send several smaller ones.`,
  );

const tooMuchInFlight = (): ProblemError =>
  new ProblemError("overloaded", "Too many bodies are being received; send it again in a moment.");
