/**
 * Entry of the log thread: opens the log, takes bodies from the main thread, and connects the owners of partitions. It
 * ends on request; an error that nobody catches ends the thread, and with it the process.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { NO_CHAIN_ADDRESSES } from "../../shared/token-id.ts";
import { VersionBoard } from "../../shared/version-board.ts";
import { toWire, type WireError } from "../../shared/wire-error.ts";
import type { LogOwnerRequest, LogRequest, LogResponse, LogThreadOptions } from "./log-protocol.ts";
import { LogService } from "./log-service.ts";
import { EmbeddedLogWriter, realLogParts } from "./log-writer.ts";
import { MappedBodies } from "./mapped-bodies.ts";

/** Interval at which expired records are removed while no record is appended. */
const RETIRE_INTERVAL_MS = 10_000;
const OPEN_RETRY_MS = 1000;
/** Time between two attempts to write a failed log while no swaps arrive. */
const PROBE_INTERVAL_MS = 1000;

type IngestRequest = Extract<LogRequest, { kind: "ingest" }>;

const options = workerData as LogThreadOptions;
const parent = parentPort as MessagePort;
const owners = new Map<number, MessagePort>();
const boards = new Map<number, VersionBoard>();
/** Partitions whose owner has not opened them yet, and the bodies that wait for that. */
const unopened = new Set<number>();
let early: IngestRequest[] = [];

function respond(message: LogResponse): void {
  parent.postMessage(message);
}

function open(): EmbeddedLogWriter | undefined {
  try {
    return new EmbeddedLogWriter({ ...options, nowMs: Date.now(), ...realLogParts });
  } catch (error) {
    respond({ kind: "failed", error: toWire(error) });
    return undefined;
  }
}

function serve(writer: EmbeddedLogWriter): void {
  const service = new LogService({
    writer,
    bodyEventsMax: options.bodyEventsMax,
    chains: options.chains ?? NO_CHAIN_ADDRESSES,
    timing: options.timing,
    nowMs: Date.now,
    reply: (replies) => respond({ kind: "replies", replies }),
    notify: (partition, notice) => owners.get(partition)?.postMessage(notice),
    appended: (partition, endOffset, arrivalMs) => boards.get(partition)?.noteAppended(endOffset, arrivalMs),
  });
  const mapped = new MappedBodies({
    mappings: options.mappings ?? { texts: new Map(), registry: undefined },
    eventsMax: options.bodyEventsMax,
    nowMs: Date.now,
    take: (id, events) => service.ingestEvents(id, events),
    refuse: (id, error) => respond({ kind: "replies", replies: [{ id, error }] }),
  });
  if (options.waitsForOwners) for (let p = 0; p < writer.partitions; p++) unopened.add(p);
  const retiring = setInterval(() => retire(writer), RETIRE_INTERVAL_MS);
  const probing = setInterval(() => service.probe(), PROBE_INTERVAL_MS);
  parent.on("message", (request: LogRequest) => {
    switch (request.kind) {
      case "ingest":
        // The main thread bounds how much waits.
        if (unopened.size > 0) early.push(request);
        else take({ service, mapped }, request);
        return;
      case "connect":
        boards.set(request.partition, new VersionBoard(request.board));
        connect(writer, { service, mapped }, request.partition, request.port);
        return;
      case "close":
        clearInterval(retiring);
        clearInterval(probing);
        refuseEarly();
        mapped.close();
        service.commit();
        writer.close();
        for (const port of owners.values()) port.close();
        respond({ kind: "closed" });
        parent.close();
    }
  });
  const { createdMs, problems } = writer;
  const ranges = Array.from({ length: writer.partitions }, (_, partition) => writer.range(partition));
  respond({ kind: "ready", createdMs, problems, ranges });
}

type Takers = { readonly service: LogService; readonly mapped: MappedBodies };

function take({ service, mapped }: Takers, { id, body, mapping }: IngestRequest): void {
  if (mapping === undefined) service.ingest(id, body);
  else mapped.ingest(id, body, mapping);
}

function connect(writer: EmbeddedLogWriter, takers: Takers, partition: number, port: MessagePort): void {
  owners.set(partition, port);
  port.on("message", (request: LogOwnerRequest) => {
    if (request.kind === "release") writer.release(partition, request.offset);
    else openPartition(writer, takers, partition, request);
  });
  takers.service.notifyOwner(partition);
}

/**
 * The owner waits for the notice and has nothing else to do meanwhile, so a failing disk is retried until it works. The
 * former log is noted first: if the process dies in between, the log is still empty at the next start, and the same is
 * done again.
 */
function openPartition(
  writer: EmbeddedLogWriter,
  takers: Takers,
  partition: number,
  request: Extract<LogOwnerRequest, { kind: "open" }>,
): void {
  try {
    if (request.formerLogId !== undefined) writer.addFormerId(request.formerLogId);
    writer.raiseEnd(partition, request.offset, Date.now());
    takers.service.notifyOwner(partition);
  } catch {
    setTimeout(() => openPartition(writer, takers, partition, request), OPEN_RETRY_MS).unref();
    return;
  }
  if (!unopened.delete(partition) || unopened.size > 0) return;
  const bodies = early;
  early = [];
  for (const request of bodies) take(takers, request);
}

/** The service stops before the log was opened: nothing of these bodies was taken. */
function refuseEarly(): void {
  const error: WireError = { code: "unavailable", message: "The service is stopping.", retryable: true };
  if (early.length > 0) respond({ kind: "replies", replies: early.map(({ id }) => ({ id, error })) });
  early = [];
}

/** Removes a bounded amount in each turn, so that bodies need not wait. */
function retire(writer: EmbeddedLogWriter): void {
  try {
    if (writer.retire(Date.now())) setImmediate(() => retire(writer));
  } catch {
    // The next append meets the same fault, and tells its sender.
  }
}

const writer = open();
if (writer === undefined) parent.close();
else serve(writer);
