/**
 * Checkpoints in a bucket of S3, or of any store with its interface and conditional writes. Objects of partition 7 with the
 * prefix `swapstats/`:
 *
 *   swapstats/p7/manifest        the current manifest and the one before it
 *   swapstats/p7/parts/<name>    a part
 *
 * Compare-and-set is a PUT with `If-None-Match: *` for the first manifest and `If-Match: <ETag>` for every later one. A store that
 * ignores these headers cannot be used.
 *
 * **Both manifests are one object**, because conditions guard one object alone: with the older one beside it, a late writer
 * that is refused at the second PUT has already replaced it by the first. A line with a random mark goes before them, so that no two
 * objects have the same ETag, whatever is in them.
 *
 * A write that ran out of time may be applied nevertheless, also later. That is safe: a manifest that comes late meets its
 * condition, so either nothing was written since, or it is refused; and a part is written under a name that is never used for
 * other bytes. The client's own retries are off, because a second attempt of a swap that was applied is refused, and only the caller
 * can look whether what stands there is its own.
 */
import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import type { S3Config } from "../config/build/stores.ts";
import type { CheckpointStore, StoredManifest } from "../ports/checkpoint-store.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { withinTime } from "../shared/time-limit.ts";

const FIRST_LINE = /^swapstats-manifests [0-9a-f-]{36} ([0-9]{1,10})\n/;
/** Of the first line; its longest form is much shorter. */
const FIRST_LINE_BYTES_MAX = 100;
/** Answers to a conditional PUT that say that its condition does not hold, or that another PUT is just being done. */
const REFUSALS: readonly string[] = ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

/** The code alone says so: a missing bucket is a 404 as well, and with some stores an unknown user. */
const NOT_THERE = "NoSuchKey";

export type S3CheckpointStoreOptions = {
  readonly s3: S3Config;
  /** How long a call may take. */
  readonly limitMs: number;
};

export class S3CheckpointStore implements CheckpointStore {
  readonly #client: S3Client;
  readonly #s3: S3Config;
  readonly #limitMs: number;

  constructor({ s3, limitMs }: S3CheckpointStoreOptions) {
    this.#s3 = s3;
    this.#limitMs = limitMs;
    this.#client = new S3Client(clientConfig(s3, limitMs));
  }

  async readManifest(partition: number): Promise<StoredManifest | undefined> {
    const stored = await this.#readManifests(partition);
    return stored === undefined ? undefined : { bytes: stored.current, version: stored.version };
  }

  async readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    return (await this.#readManifests(partition))?.previous;
  }

  async swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    const stored = await this.#readManifests(partition);
    if (stored?.version !== expected) throw conflict(partition, stored?.version, expected);
    const body = joinManifests(bytes, stored?.current);
    const condition = expected === undefined ? { IfNoneMatch: "*" } : { IfMatch: expected };
    return this.#call(`write the manifest of partition ${partition}`, async (abortSignal) => {
      const put = new PutObjectCommand({ ...this.#address(this.#manifestKey(partition)), Body: body, ...condition });
      try {
        const { ETag: version } = await this.#client.send(put, { abortSignal });
        if (version === undefined) throw new Error("the answer to a PUT has no ETag");
        return version;
      } catch (error) {
        if (!REFUSALS.includes(nameOf(error))) throw error;
        throw conflict(partition, "another", expected);
      }
    });
  }

  async putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    await this.#call(`write the checkpoint part ${name} of partition ${partition}`, (abortSignal) => {
      const put = new PutObjectCommand({ ...this.#address(this.#partKey(partition, name)), Body: bytes });
      return this.#client.send(put, { abortSignal });
    });
  }

  async getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    const what = `read the checkpoint part ${name} of partition ${partition}`;
    return (await this.#get(what, this.#partKey(partition, name)))?.bytes;
  }

  async listParts(partition: number): Promise<string[]> {
    const prefix = this.#partKey(partition, "");
    const names: string[] = [];
    let token: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await this.#call(
        `list the checkpoint parts of partition ${partition}`,
        (abortSignal) => {
          const input = { Bucket: this.#s3.bucket, Prefix: prefix, ContinuationToken: token };
          return this.#client.send(new ListObjectsV2Command(input), { abortSignal });
        },
      );
      for (const { Key: key } of page.Contents ?? []) if (key !== undefined) names.push(key.slice(prefix.length));
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return names;
  }

  async deletePart(partition: number, name: string): Promise<void> {
    await this.#call(`remove the checkpoint part ${name} of partition ${partition}`, async (abortSignal) => {
      const remove = new DeleteObjectCommand(this.#address(this.#partKey(partition, name)));
      try {
        await this.#client.send(remove, { abortSignal });
      } catch (error) {
        // S3 itself answers that all is well; some others say that there is nothing.
        if (nameOf(error) !== NOT_THERE) throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #manifestKey(partition: number): string {
    return `${this.#s3.prefix}p${partition}/manifest`;
  }

  #partKey(partition: number, name: string): string {
    return `${this.#s3.prefix}p${partition}/parts/${name}`;
  }

  #address(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#s3.bucket, Key: key };
  }

  async #readManifests(partition: number): Promise<Manifests | undefined> {
    const found = await this.#get(`read the manifest of partition ${partition}`, this.#manifestKey(partition));
    return found === undefined ? undefined : { ...splitManifests(found.bytes), version: found.version };
  }

  #get(what: string, key: string): Promise<{ bytes: Uint8Array; version: string } | undefined> {
    return this.#call(what, async (abortSignal) => {
      try {
        const found = await this.#client.send(new GetObjectCommand(this.#address(key)), { abortSignal });
        if (found.Body === undefined || found.ETag === undefined)
          throw new Error("the answer lacks its body or its ETag");
        const bytes = await found.Body.transformToByteArray();
        return { bytes, version: found.ETag };
      } catch (error) {
        if (nameOf(error) !== NOT_THERE) throw error;
        return undefined;
      }
    });
  }

  /** Rejects with `storage_failed` (retryable) within the limit; the call may have had its effect nevertheless. */
  async #call<T>(what: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    try {
      return await withinTime("the answer", this.#limitMs, call(controller.signal));
    } catch (cause) {
      if (cause instanceof SwapstatsError && cause.code === "checkpoint_conflict") throw cause;
      const where = `the bucket ${this.#s3.bucket} of ${this.#s3.endpoint ?? "AWS S3"}`;
      const message = `Cannot ${what} in ${where}: ${describe(cause)}.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    } finally {
      controller.abort();
    }
  }
}

type Manifests = {
  readonly current: Uint8Array;
  readonly previous: Uint8Array | undefined;
  readonly version: string;
};

function clientConfig(s3: S3Config, limitMs: number): S3ClientConfig {
  const { endpoint, region, accessKey, secretKey } = s3;
  const config: S3ClientConfig = {
    region,
    maxAttempts: 1,
    // Others than AWS do not all know its newer checksums, and the manifest has one for each part.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: limitMs,
      requestTimeout: limitMs,
      socketTimeout: limitMs,
      throwOnRequestTimeout: true,
    },
  };
  if (endpoint !== undefined) Object.assign(config, { endpoint, forcePathStyle: true });
  if (accessKey !== undefined && secretKey !== undefined) {
    config.credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  }
  return config;
}

function joinManifests(current: Uint8Array, previous: Uint8Array | undefined): Uint8Array {
  const line = `swapstats-manifests ${randomUUID()} ${current.byteLength}\n`;
  return Buffer.concat([Buffer.from(line), current, previous ?? new Uint8Array(0)]);
}

/** What is no such object is given as the current manifest, so that the reader finds it damaged. */
function splitManifests(bytes: Uint8Array): Omit<Manifests, "version"> {
  const match = FIRST_LINE.exec(Buffer.from(bytes.subarray(0, FIRST_LINE_BYTES_MAX)).toString("latin1"));
  if (match === null) return { current: bytes, previous: undefined };
  const from = match[0].length;
  const to = from + Number(match[1]);
  const previous = to < bytes.byteLength ? bytes.slice(to) : undefined;
  return { current: bytes.slice(from, to), previous };
}

function conflict(partition: number, found: string | undefined, expected: string | undefined): SwapstatsError {
  return new SwapstatsError(
    "checkpoint_conflict",
    `The manifest of partition ${partition} is version ${found ?? "none"} and not ${expected ?? "none"}: another owner wrote it.`,
  );
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const status = statusOf(cause);
  const text = cause.message === "" || cause.message === cause.name ? cause.name : `${cause.name}: ${cause.message}`;
  return status === undefined ? text : `${text} (HTTP ${status})`;
}
