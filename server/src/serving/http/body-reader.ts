/**
 * Reads request bodies into memory of their own, within limits: for each body, for all bodies that are held at a time (in sum and per client),
 * and for the expanded size of a gzip body, while it grows. Memory is taken as bytes arrive, never by the length that a header announces.
 *
 * Each body has a lease on the budget. The lease ends with the response, or when the connection ends. A body that was passed to the log
 * is also held until the log has finished with it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";
import type { Budget, Lease } from "../../shared/budget.ts";
import type { Gate } from "../gate.ts";
import { ProblemError } from "../problems.ts";
import { ByteBlocks } from "./byte-blocks.ts";
import type { HttpLimits } from "./http-limits.ts";
import { Turns } from "./turns.ts";

type BodyLimits = Pick<HttpLimits, "uploadWindowMs" | "uploadWindowBytesMin" | "expandingMax">;

/** Bytes of progress that protect an upload from being cut in favour of others. */
const PROGRESS_BYTES = 4 * 1024;

export class BodyReader {
  readonly #budget: Budget;
  readonly #limits: BodyLimits;
  readonly #addressOf: Gate["addressOf"];
  readonly #leases = new WeakMap<IncomingMessage, HeldBody>();
  readonly #expanding: Turns;

  constructor(budget: Budget, limits: BodyLimits, addressOf: Gate["addressOf"]) {
    this.#budget = budget;
    this.#addressOf = addressOf;
    this.#limits = limits;
    this.#expanding = new Turns(limits.expandingMax);
  }

  /**
   * Resolves to the whole body, in an ArrayBuffer that holds nothing else, so that it can be transferred to another thread. Rejects with ProblemError
   * `payload_too_large`, `unsupported_media_type`, `bad_request`, `request_timeout` or `overloaded`. Its bytes are held until the response
   * closes, and until the promise of `keepUntil` has settled.
   */
  async read(request: IncomingMessage, response: ServerResponse, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const coding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
    if (coding !== "identity" && coding !== "gzip" && coding !== "x-gzip") {
      throw new ProblemError(
        "unsupported_media_type",
        `The content coding ${JSON.stringify(coding.slice(0, 64))} is not supported; send the body as it is, or with gzip.`,
      );
    }
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    // The client waits for this before it sends the body. A body that is not wanted is never sent.
    if (request.headers.expect !== undefined) response.writeContinue();
    const { promise: cut, reject } = Promise.withResolvers<never>();
    cut.catch(() => {});
    const lease = this.#budget.lease(this.#addressOf(request), () => reject(stalled()));
    const held = new HeldBody(lease, response);
    this.#leases.set(request, held);
    try {
      const received = await this.#collect(request, lease, bytesMax, cut);
      lease.keep();
      if (coding === "identity") return received.joined();
      return await this.#expanding.run(() => expand(received, lease, bytesMax));
    } catch (error) {
      lease.end();
      throw error;
    }
  }

  /** Holds the body of this request until the promise settles, even if its client disconnects before. */
  keepUntil(request: IncomingMessage, done: Promise<unknown>): void {
    this.#leases.get(request)?.keepUntil(done);
  }

  /** Releases the body of this request. */
  release(request: IncomingMessage): void {
    this.#leases.get(request)?.release();
  }

  #collect(request: IncomingMessage, lease: Lease, bytesMax: number, cut: Promise<never>): Promise<ByteBlocks> {
    const { promise, resolve, reject } = Promise.withResolvers<ByteBlocks>();
    const blocks = new ByteBlocks();
    const { uploadWindowMs, uploadWindowBytesMin } = this.#limits;
    let atWindowStart = 0;
    let atProgress = 0;
    const timer = setInterval(() => {
      if (blocks.bytes - atWindowStart < uploadWindowBytesMin) reject(tooSlow(uploadWindowMs, uploadWindowBytesMin));
      atWindowStart = blocks.bytes;
    }, uploadWindowMs).unref();
    const onData = (chunk: Uint8Array): void => {
      const problem = problemOfMore(blocks, chunk, lease, bytesMax);
      if (problem !== undefined) {
        reject(problem);
        return;
      }
      blocks.add(chunk);
      if (blocks.bytes - atProgress < PROGRESS_BYTES) return;
      atProgress = blocks.bytes;
      lease.progress();
    };
    const onEnd = (): void => resolve(blocks);
    const onClose = (): void => reject(new ProblemError("bad_request", "The connection ended before the body did."));
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
    cut.catch(reject);
    return promise
      .catch((error: unknown) => {
        blocks.free();
        throw error;
      })
      .finally(() => {
        clearInterval(timer);
        // The rest of the body is discarded. Its connection carries the response, and the client may read that only after sending.
        request.off("data", onData).off("end", onEnd).off("close", onClose).resume();
      });
  }
}

/** Ends a lease when the response has closed and everything that needs the body has finished. */
class HeldBody {
  readonly #lease: Lease;
  #isKept = false;

  constructor(lease: Lease, response: ServerResponse) {
    this.#lease = lease;
    response.once("close", () => {
      if (!this.#isKept) lease.end();
    });
  }

  keepUntil(done: Promise<unknown>): void {
    this.#isKept = true;
    const end = (): void => this.#lease.end();
    done.then(end, end);
  }

  release(): void {
    this.#lease.end();
  }
}

/** Takes room for more bytes, or returns why there is none. */
function problemOfMore(
  blocks: ByteBlocks,
  chunk: Uint8Array,
  lease: Lease,
  bytesMax: number,
): ProblemError | undefined {
  if (blocks.bytes + chunk.byteLength > bytesMax) return tooLarge(bytesMax);
  return lease.take(chunk.byteLength) ? undefined : noRoom();
}

/** Expands a body. The expanded bytes are counted as they come out; the compressed bytes are given back at the end. */
async function expand(packed: ByteBlocks, lease: Lease, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const packedBytes = packed.bytes;
  const blocks = new ByteBlocks();
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  try {
    await new Promise<void>((resolve, reject) => {
      gunzip.on("data", (chunk: Uint8Array) => {
        const problem = problemOfMore(blocks, chunk, lease, bytesMax);
        if (problem === undefined) blocks.add(chunk);
        else reject(problem);
      });
      gunzip.on("end", resolve);
      gunzip.on("error", (error) => reject(notGzip(error)));
      for (const block of packed.all()) gunzip.write(block);
      gunzip.end();
    });
    // After a failure the compressed bytes are not released, because the thread pool may still read them.
    packed.free();
    lease.giveBack(packedBytes);
    return blocks.joined();
  } catch (error) {
    blocks.free();
    throw error;
  } finally {
    gunzip.destroy();
  }
}

const tooLarge = (bytesMax: number): ProblemError =>
  new ProblemError(
    "payload_too_large",
    `A body may have ${bytesMax} bytes here, also when it is expanded; send several smaller ones.`,
  );

const noRoom = (): ProblemError =>
  new ProblemError("overloaded", "Too many bodies are being received; send it again in a moment.");

const stalled = (): ProblemError =>
  new ProblemError("request_timeout", "The body stands still while others wait for its room; send it in one go.");

const tooSlow = (windowMs: number, bytes: number): ProblemError =>
  new ProblemError(
    "request_timeout",
    `Fewer than ${bytes} bytes of the body came within ${windowMs} ms; send it in one go.`,
  );

const notGzip = (cause: unknown): ProblemError =>
  new ProblemError(
    "bad_request",
    "The body says that it is gzip, but cannot be expanded; it is damaged or cut.",
    {},
    cause,
  );
