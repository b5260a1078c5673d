/**
 * The call `Ingest`: requests with swaps come in, and each is acknowledged when its swaps are durable, in the order of the requests. Several requests
 * are on their way to the disk at the same time. A request that cannot be taken as a whole ends the call; what was acknowledged stays.
 */
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { IngestPort, IngestResult } from "../../ports/intake.ts";
import { ProblemError } from "../problems.ts";
import { encode } from "../protobuf/encode.ts";
import { messageOf, requestJson } from "../protobuf/service-messages.ts";

type IngestParts = {
  readonly port: IngestPort;
  /** Requests that wait for their acknowledgement at the same time. */
  readonly pendingMax: number;
  readonly timeoutMs: number;
  /** Called for each swap that was refused, with its code. */
  readonly rejected: (code: string) => void;
  /** Called for each request; throws when the client may not send it now. */
  readonly admit: () => Promise<void>;
};

const RESPONSE = "IngestResponse";

export async function* ingestCall(parts: IngestParts, requests: AsyncIterable<Message>): AsyncGenerator<Message> {
  const acknowledgements: Promise<Message>[] = [];
  let isRead = false;
  let isStopped = false;
  let wakeReader = (): void => {};
  let wakeWriter = (): void => {};
  const read = async (): Promise<void> => {
    let last = -1;
    for await (const request of requests) {
      await parts.admit();
      const { sequence, swaps } = swapsOf(request, last);
      last = sequence;
      const taken = take(parts, sequence, swaps);
      taken.catch(() => {});
      acknowledgements.push(taken);
      wakeWriter();
      while (acknowledgements.length >= parts.pendingMax && !isStopped) {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
      if (isStopped) return;
    }
  };
  const reading = read().finally(() => {
    isRead = true;
    wakeWriter();
  });
  reading.catch(() => {});
  try {
    for (;;) {
      while (acknowledgements.length === 0 && !isRead) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
      const next = acknowledgements[0];
      if (next === undefined) break;
      yield await next;
      acknowledgements.shift();
      wakeReader();
    }
    await reading;
  } finally {
    isStopped = true;
    wakeReader();
  }
}

function swapsOf(request: Message, last: number): { sequence: number; swaps: readonly JsonObject[] } {
  const { sequence, swaps } = requestJson("IngestRequest", request);
  const number = sequence as number;
  if (number <= last) {
    throw new ConnectError(
      `sequence must grow with each request, but ${number} came after ${last}`,
      Code.InvalidArgument,
    );
  }
  const list = (swaps ?? []) as readonly JsonObject[];
  if (list.length === 0)
    throw new ConnectError(`the request with sequence ${number} has no swaps`, Code.InvalidArgument);
  return { sequence: number, swaps: list };
}

/** Resolves when the accepted swaps are on disk. Rejects as `IngestPort.ingest` does, and with ProblemError `storage_failed` after the time limit. */
async function take(parts: IngestParts, sequence: number, swaps: readonly JsonObject[]): Promise<Message> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = `The swaps were not on disk within ${parts.timeoutMs} ms. They may be taken later; send them again, copies do no harm.`;
    reject(new ProblemError("storage_failed", text));
  }, parts.timeoutMs).unref();
  try {
    // In memory of its own, because the log takes it over.
    const body = new TextEncoder().encode(JSON.stringify(swaps));
    const result: IngestResult = await Promise.race([parts.port.ingest(body), timeout]);
    for (const { code } of result.rejected) parts.rejected(code);
    return messageOf(RESPONSE, encode(RESPONSE, { sequence, result }));
  } finally {
    clearTimeout(timer);
  }
}
