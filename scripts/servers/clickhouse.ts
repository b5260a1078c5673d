/**
 * ClickHouse for tests: a real server over HTTP and TCP out of the library of chdb, which is ClickHouse itself. ClickHouse comes from no
 * package registry as a program. The library has an entry point that takes the arguments of `clickhouse local`, and its query starts the
 * listeners and then runs until the process is ended. One process at a time has a folder. This entry point has no listener with TLS.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireProgram, requireServer } from "./install.ts";
import { freePorts } from "./ports.ts";
import { HOST, type ServerProcess, startProcess, waitUntilReady } from "./process.ts";
import type { S3Server } from "./s3.ts";

type ClickHouseOptions = {
  /** Folder of this server only, with its data and its log. A second server on the same folder continues with its data. */
  readonly folder: string;
  /** Default: free ports. */
  readonly port?: number;
  readonly tcpPort?: number;
  /** Folder of the disk `hot`. Default: within `folder`. */
  readonly hotFolder?: string;
  /** Where the disk `cold` is. Default: a folder. */
  readonly s3?: S3Server;
};

export type ClickHouseServer = Pick<ServerProcess, "pid" | "exited" | "stop" | "kill" | "signal"> & {
  readonly url: string;
  readonly port: number;
  readonly tcpPort: number;
  /** May do everything. */
  readonly user: "swapstats";
  /** The policy with the disks `hot` and `cold`. New parts go to `hot`, and no part leaves it without a TTL. */
  readonly storagePolicy: "tiered";
  /** Runs one statement as the user. Returns the answer without its last line break. Rejects with the server's message. */
  sql(text: string): Promise<string>;
};

export const CLICKHOUSE_PASSWORD = "swapstats-test-password";
const USER = "swapstats";
const SQL_LIMIT_MS = 60_000;

/** Loads the library (first argument) and gives the other arguments to its entry point. */
const RUN = `
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1], mode=os.RTLD_LAZY | os.RTLD_DEEPBIND)
arguments = [b"clickhouse"] + [os.fsencode(argument) for argument in sys.argv[2:]]
library.chdb_query_cmdline.restype = ctypes.c_void_p
library.chdb_result_error.restype = ctypes.c_char_p
result = library.chdb_query_cmdline(len(arguments), (ctypes.c_char_p * (len(arguments) + 1))(*arguments, None))
sys.exit((library.chdb_result_error(ctypes.c_void_p(result)) or b"the query has ended").decode())
`;

/** Starts a server. A folder that holds data already, of a server that ended, is used as it is. */
export async function startClickHouse(options: ClickHouseOptions): Promise<ClickHouseServer> {
  const { folder } = options;
  const [http, tcp] = await freePorts(2);
  const port = options.port ?? http!;
  const tcpPort = options.tcpPort ?? tcp!;
  // `clickhouse local` does not make the folder of large answers itself.
  mkdirSync(join(folder, "data", "tmp"), { recursive: true });
  const config = join(folder, "config.xml");
  writeFileSync(join(folder, "users.xml"), usersXml());
  writeFileSync(config, configXml(options));
  const listeners = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP";
  const forever = "SELECT sleepEachRow(3) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1";
  const server = startProcess({
    name: "clickhouse",
    command: requireProgram("python3"),
    args: [
      ...["-c", RUN, requireServer("clickhouse"), `--config-file=${config}`, "--log-level=warning"],
      ...["--path", join(folder, "data"), "--listen_host", HOST, "--http_port", String(port)],
      ...["--tcp_port", String(tcpPort)],
      `--query=${listeners}; ${forever}`,
    ],
    folder,
    env: { TZ: "UTC" },
  });
  const url = `http://${HOST}:${port}`;
  const sql = (text: string): Promise<string> => runSql(url, text);
  await waitUntilReady(server, async () => (await sql("SELECT 1")) === "1");
  const { pid, exited, stop, kill, signal } = server;
  return { url, port, tcpPort, user: USER, storagePolicy: "tiered", sql, pid, exited, stop, kill, signal };
}

/** The statement of the command line runs as `default`, without a password, and that user may do nothing else. */
function usersXml(): string {
  const user = (name: string, password: string, rights: string): string =>
    `<${name}><password>${password}</password><networks><ip>${HOST}</ip></networks><profile>default</profile>` +
    `<quota>default</quota>${rights}</${name}>`;
  const grants = ["SYSTEM LISTEN ON *.*", "SELECT ON system.numbers"].map((what) => `<query>GRANT ${what}</query>`);
  const starter = user("default", "", `<grants>${grants.join("")}</grants>`);
  const everything = user(USER, CLICKHOUSE_PASSWORD, "<access_management>1</access_management>");
  const lists = `<users>${starter}${everything}</users><profiles><default/></profiles><quotas><default/></quotas>`;
  return `<clickhouse>${lists}</clickhouse>\n`;
}

function configXml({ folder, hotFolder, s3 }: ClickHouseOptions): string {
  const local = (path: string): string => `<type>local</type><path>${path}/</path>`;
  const cold = s3 === undefined ? local(join(folder, "cold")) : s3Disk(s3);
  const disks = `<hot>${local(hotFolder ?? join(folder, "hot"))}</hot><cold>${cold}</cold>`;
  const volumes = "<hot><disk>hot</disk></hot><cold><disk>cold</disk></cold>";
  const policies = `<tiered><volumes>${volumes}</volumes><move_factor>0</move_factor></tiered>`;
  return `<clickhouse><logger><level>warning</level><console>1</console></logger>
<users_config>${join(folder, "users.xml")}</users_config>
<storage_configuration><disks>${disks}</disks><policies>${policies}</policies></storage_configuration></clickhouse>\n`;
}

/** A server starts also when its S3 is away. */
function s3Disk({ endpoint, region, bucket, accessKey, secretKey }: S3Server): string {
  const access = `<access_key_id>${accessKey}</access_key_id><secret_access_key>${secretKey}</secret_access_key>`;
  const place = `<endpoint>${endpoint}/${bucket}/cold/</endpoint><region>${region}</region>`;
  const limits = "<skip_access_check>true</skip_access_check><retry_attempts>1</retry_attempts>";
  return `<type>s3</type>${place}${access}${limits}<request_timeout_ms>2000</request_timeout_ms>`;
}

async function runSql(url: string, text: string): Promise<string> {
  const headers = { "X-ClickHouse-User": USER, "X-ClickHouse-Key": CLICKHOUSE_PASSWORD };
  const signal = AbortSignal.timeout(SQL_LIMIT_MS);
  const response = await fetch(url, { method: "POST", body: text, headers, signal });
  const answer = (await response.text()).trimEnd();
  if (!response.ok) throw new Error(answer);
  return answer;
}
