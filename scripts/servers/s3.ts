/** An S3 server for tests (versitygw over a folder), with a bucket that exists and is empty at its first start. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { requireServer } from "./install.ts";
import { freePort } from "./ports.ts";
import { canConnect, HOST, type ServerProcess, startProcess, waitUntilReady } from "./process.ts";

type S3Options = {
  /** Folder of the objects and the log. A second server on the same folder continues with its objects. */
  readonly folder: string;
  /** Default: a free port. */
  readonly port?: number;
};

export type S3Server = Pick<ServerProcess, "pid" | "exited" | "stop" | "kill" | "signal"> & {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
};

const REGION = "us-east-1";
const BUCKET = "swapstats-test";
const ACCESS_KEY = "test-access";
const SECRET_KEY = "test-secret";

export async function startS3({ folder, port: wanted }: S3Options): Promise<S3Server> {
  const port = wanted ?? (await freePort());
  const objects = join(folder, "objects");
  mkdirSync(objects, { recursive: true });
  const server = startProcess({
    name: "versitygw",
    command: requireServer("versitygw"),
    args: ["--port", `${HOST}:${port}`, "--region", REGION, "posix", objects],
    folder,
    env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
  });
  await waitUntilReady(server, () => canConnect(port));
  const endpoint = `http://${HOST}:${port}`;
  await makeBucket(endpoint);
  const { pid, exited, stop, kill, signal } = server;
  const access = { region: REGION, bucket: BUCKET, accessKey: ACCESS_KEY, secretKey: SECRET_KEY };
  return { endpoint, port, ...access, pid, exited, stop, kill, signal };
}

async function makeBucket(endpoint: string): Promise<void> {
  const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    const isThere = error instanceof Error && /BucketAlready(OwnedByYou|Exists)/.test(error.name);
    if (!isThere) throw error;
  } finally {
    client.destroy();
  }
}
