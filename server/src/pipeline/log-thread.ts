/**
 * Entry of the log thread: opens the log, takes bodies from the main thread, and connects the owners of partitions. It ends when
 * it is told to close; an error that nobody catches ends the thread, and by that the process.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { EmbeddedLogWriter, realLogParts } from "../sources/embedded-log-writer.ts";
import type { LogAnswer, LogOwnerRequest, LogRequest, LogThreadOptions } from "./log-protocol.ts";
import { errorText, LogService } from "./log-service.ts";

/** How often what has expired is looked for while nothing is appended. */
const RETIRE_INTERVAL_MS = 10_000;
const RAISE_RETRY_MS = 1000;

const options = workerData as LogThreadOptions;
const parent = parentPort as MessagePort;
const owners = new Map<number, MessagePort>();

function answer(message: LogAnswer): void {
  parent.postMessage(message);
}

function open(): EmbeddedLogWriter | undefined {
  try {
    return new EmbeddedLogWriter({ ...options, nowMs: Date.now(), ...realLogParts });
  } catch (error) {
    answer({ kind: "failed", error: errorText(error) });
    return undefined;
  }
}

function serve(writer: EmbeddedLogWriter): void {
  const service = new LogService({
    writer,
    bodyEventsMax: options.bodyEventsMax,
    nowMs: Date.now,
    reply: (replies) => answer({ kind: "replies", replies }),
    notify: (partition, notice) => owners.get(partition)?.postMessage(notice),
  });
  const retiring = setInterval(() => retire(writer), RETIRE_INTERVAL_MS);
  parent.on("message", (request: LogRequest) => {
    switch (request.kind) {
      case "ingest":
        service.ingest(request.id, request.body);
        return;
      case "connect":
        connect(writer, service, request.partition, request.port);
        return;
      case "close":
        clearInterval(retiring);
        service.commit();
        writer.close();
        for (const port of owners.values()) port.close();
        answer({ kind: "closed" });
        parent.close();
    }
  });
  const { createdMs, problems } = writer;
  const ranges = Array.from({ length: writer.partitions }, (_, partition) => writer.range(partition));
  answer({ kind: "ready", createdMs, problems, ranges });
}

function connect(writer: EmbeddedLogWriter, service: LogService, partition: number, port: MessagePort): void {
  owners.set(partition, port);
  port.on("message", (request: LogOwnerRequest) => {
    if (request.kind === "release") writer.release(partition, request.offset);
    else raiseEnd(writer, service, partition, request.offset);
  });
  service.notifyOwner(partition);
}

/** The owner waits for the notice, and has nothing else to do meanwhile, so a failing disk is tried until it works. */
function raiseEnd(writer: EmbeddedLogWriter, service: LogService, partition: number, offset: number): void {
  try {
    writer.raiseEnd(partition, offset, Date.now());
    service.notifyOwner(partition);
  } catch {
    setTimeout(() => raiseEnd(writer, service, partition, offset), RAISE_RETRY_MS).unref();
  }
}

/** A bounded amount in each turn, so that bodies need not wait for it. */
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
