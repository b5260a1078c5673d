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
 * **Both manifests are one object**, because a condition guards one object only. With two objects, a late writer would replace the
 * older manifest by its first PUT before its second PUT is refused. The object begins with a line that holds a random mark, and therefore no
 * two objects have the same ETag, whatever they contain.
 *
 * A write that timed out may still be applied, even later. That is safe. The condition of a late manifest is still checked: either nothing
 * was written since, or the PUT is refused. A part has a name that is never used for other bytes. This file does not retry: a second
 * attempt of an applied swap is refused, and only the caller can tell whether the stored manifest is its own.
 */
import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { isS3Error, S3Bucket } from "../clients/s3/bucket.ts";
import type { S3Config } from "../config/build/stores.ts";
import type { CheckpointStore, StoredManifest } from "../ports/checkpoint-store.ts";
import { SwapstatsError } from "../shared/errors.ts";

const FIRST_LINE = /^swapstats-manifests [0-9a-f-]{36} ([0-9]{1,10})\n/;
/** Limit for the first line; its longest form is much shorter. */
const FIRST_LINE_BYTES_MAX = 100;
/** Errors of a conditional PUT: its condition does not hold, or another PUT of the same object is in progress. */
const REFUSALS: readonly string[] = ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"];

/** Error code of a missing object. The status does not suffice: a missing bucket is a 404, too, and in some stores an unknown user. */
const NOT_THERE = "NoSuchKey";

export type S3CheckpointStoreOptions = {
  readonly s3: S3Config;
  /** Time limit of a call, in ms. */
  readonly limitMs: number;
};

export class S3CheckpointStore implements CheckpointStore {
  readonly #bucket: S3Bucket;
  readonly #prefix: string;

  constructor({ s3, limitMs }: S3CheckpointStoreOptions) {
    this.#bucket = new S3Bucket(s3, limitMs);
    this.#prefix = s3.prefix;
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
    return this.#bucket.call(`write the manifest of partition ${partition}`, async (client, options) => {
      const put = new PutObjectCommand({ ...this.#address(this.#manifestKey(partition)), Body: body, ...condition });
      try {
        const { ETag: version } = await client.send(put, options);
        if (version === undefined) throw new Error("the response to a PUT has no ETag");
        return version;
      } catch (error) {
        if (!REFUSALS.some((name) => isS3Error(error, name))) throw error;
        throw conflict(partition, "another", expected);
      }
    });
  }

  async putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    await this.#bucket.call(`write the checkpoint part ${name} of partition ${partition}`, (client, options) => {
      const put = new PutObjectCommand({ ...this.#address(this.#partKey(partition, name)), Body: bytes });
      return client.send(put, options);
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
      const page: ListObjectsV2CommandOutput = await this.#bucket.call(
        `list the checkpoint parts of partition ${partition}`,
        (client, options) => {
          const input = { Bucket: this.#bucket.name, Prefix: prefix, ContinuationToken: token };
          return client.send(new ListObjectsV2Command(input), options);
        },
      );
      for (const { Key: key } of page.Contents ?? []) if (key !== undefined) names.push(key.slice(prefix.length));
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return names;
  }

  async deletePart(partition: number, name: string): Promise<void> {
    await this.#bucket.call(`remove the checkpoint part ${name} of partition ${partition}`, async (client, options) => {
      const remove = new DeleteObjectCommand(this.#address(this.#partKey(partition, name)));
      try {
        await client.send(remove, options);
      } catch (error) {
        // S3 reports success for a missing object; some other stores report an error.
        if (!isS3Error(error, NOT_THERE)) throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#bucket.close();
  }

  #manifestKey(partition: number): string {
    return `${this.#prefix}p${partition}/manifest`;
  }

  #partKey(partition: number, name: string): string {
    return `${this.#prefix}p${partition}/parts/${name}`;
  }

  #address(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.name, Key: key };
  }

  async #readManifests(partition: number): Promise<Manifests | undefined> {
    const found = await this.#get(`read the manifest of partition ${partition}`, this.#manifestKey(partition));
    return found === undefined ? undefined : { ...splitManifests(found.bytes), version: found.version };
  }

  #get(what: string, key: string): Promise<{ bytes: Uint8Array; version: string } | undefined> {
    return this.#bucket.call(what, async (client, options) => {
      try {
        const found = await client.send(new GetObjectCommand(this.#address(key)), options);
        if (found.Body === undefined || found.ETag === undefined)
          throw new Error("the response lacks its body or its ETag");
        const bytes = await found.Body.transformToByteArray();
        return { bytes, version: found.ETag };
      } catch (error) {
        if (!isS3Error(error, NOT_THERE)) throw error;
        return undefined;
      }
    });
  }
}

type Manifests = {
  readonly current: Uint8Array;
  readonly previous: Uint8Array | undefined;
  readonly version: string;
};

function joinManifests(current: Uint8Array, previous: Uint8Array | undefined): Uint8Array {
  const line = `swapstats-manifests ${randomUUID()} ${current.byteLength}\n`;
  return Buffer.concat([Buffer.from(line), current, previous ?? new Uint8Array(0)]);
}

/** Returns bytes without a valid first line as the current manifest; its reader then reports the damage. */
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
