/**
 * One bucket of S3, or of any store with its interface, whose calls end in time. The client's own retries are off: the caller must be
 * able to rely on a failure that it saw, and a second attempt of a conditional write that was applied is refused.
 */
import { S3Client, type S3ClientConfig, S3ServiceException } from "@aws-sdk/client-s3";
import type { S3Config } from "../../config/build/stores.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { withinTime } from "../../shared/time-limit.ts";

export class S3Bucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #where: string;
  readonly #limitMs: number;

  /** `limitMs`: how long a call may take. Connects at the first call. */
  constructor(s3: S3Config, limitMs: number) {
    this.name = s3.bucket;
    this.#where = `the bucket ${s3.bucket} of ${s3.endpoint ?? "AWS S3"}`;
    this.#limitMs = limitMs;
    this.#client = new S3Client(clientConfig(s3, limitMs));
  }

  /**
   * Runs a call; `what` completes "Cannot ...". Rejects with `storage_failed` (retryable) within the limit, and the call may have had its
   * effect all the same. A SwapstatsError of the call itself passes as it is.
   */
  async call<T>(
    what: string,
    run: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    try {
      return await withinTime("the response", this.#limitMs, run(this.#client, { abortSignal: controller.signal }));
    } catch (cause) {
      if (cause instanceof SwapstatsError && cause.code !== "unavailable") throw cause;
      const message = `Cannot ${what} in ${this.#where}: ${describe(cause)}.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    } finally {
      controller.abort();
    }
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Returns whether the server responded with this code, such as `NoSuchKey`. */
export function isS3Error(error: unknown, code: string): boolean {
  return error instanceof Error && error.name === code;
}

function clientConfig(s3: S3Config, limitMs: number): S3ClientConfig {
  const { endpoint, region, accessKey, secretKey } = s3;
  const config: S3ClientConfig = {
    region,
    maxAttempts: 1,
    // Not every store knows the newer checksums of AWS, and a manifest has a checksum for each part.
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

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const status = cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;
  const text = cause.message === "" || cause.message === cause.name ? cause.name : `${cause.name}: ${cause.message}`;
  return status === undefined ? text : `${text} (HTTP ${status})`;
}
