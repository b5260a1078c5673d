/**
 * Finds and installs the servers for tests, benchmarks and experiments, and the foreign programs that test the API.
 *
 * node scripts/servers/install.ts lists what is there node scripts/servers/install.ts NAME... installs missing ones; `all` for all
 *
 * A server is taken from PATH, otherwise from the cache folder (SWAPSTATS_SERVERS_DIR, or ~/.cache/swapstats/servers). An installation is
 * built beside its place and renamed at the end, so it is either complete or absent.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { download, installDebian } from "./downloads.ts";
import { goThatBuilds } from "./go-toolchain.ts";
import { prepareKafka } from "./kafka-prepared.ts";

export const VERSITYGW_VERSION = "v1.8.0";
export const NATS_VERSION = "v2.15.0";
export const KAFKA_VERSION = "4.1.0";
/** The library of chdb, which is ClickHouse itself. */
const CHDB_VERSION = "26.7.3-stable.1";
const SCHEMATHESIS_VERSION = "4.32.5";
/** Its value generator, which decides what is tested. */
const HYPOTHESIS_VERSION = "6.170.17";

const GRPCURL_VERSION = "v1.9.3";
const GRPCIO_VERSION = "1.83.0";
const DUCKDB_VERSION = "2.0.1";

export type ServerName =
  | "redis"
  | "postgres"
  | "clickhouse"
  | "versitygw"
  | "nats"
  | "kafka"
  | "schemathesis"
  | "grpcurl"
  | "grpcio"
  | "duckdb";

type Recipe = {
  /** The program, or the folder of its libraries. Undefined when it is not completely installed. */
  readonly find: () => string | undefined;
  /** What else it needs to run. Undefined when nothing is missing. */
  readonly lacks: () => string | undefined;
  readonly install: () => void;
  /** Prepares fast starts, once. */
  readonly prepare: () => void;
};

const RECIPES: Readonly<Record<ServerName, Recipe>> = {
  redis: {
    find: () => findProgram("redis-server"),
    lacks: () =>
      findProgram("openssl") === undefined ? "no openssl, which makes the certificates of its tests" : undefined,
    install: () => installDebian("redis-server", "openssl"),
    prepare: () => {},
  },
  postgres: {
    find: findPostgres,
    lacks: () => {
      if (findProgram("openssl") === undefined) return "no openssl, which makes the certificates of its tests";
      return findProgram("setpriv") === undefined ? "no setpriv, which runs it as another user than root" : undefined;
    },
    install: () => installDebian("postgresql", "openssl", "util-linux"),
    prepare: () => {},
  },
  clickhouse: {
    find: () => existingPath(join(serversDir(), `chdb-${CHDB_VERSION}`, "libchdb.so")),
    lacks: () => {
      if (process.platform !== "linux") return "no Linux, which its package is for";
      return findProgram("python3") === undefined ? "no Python 3, which loads it" : undefined;
    },
    install: installClickHouse,
    prepare: () => {},
  },
  versitygw: goRecipe("versitygw", `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW_VERSION}`),
  nats: goRecipe("nats-server", `github.com/nats-io/nats-server/v2@${NATS_VERSION}`),
  kafka: {
    find: () => existingPath(join(serversDir(), `kafka-${KAFKA_VERSION}`, "libs")),
    lacks: () => (findProgram("java") === undefined ? "no Java" : undefined),
    install: installKafka,
    prepare: () => prepareKafka(findProgram("java")!, join(serversDir(), `kafka-${KAFKA_VERSION}`, "libs")),
  },
  schemathesis: pythonRecipe(`schemathesis-${SCHEMATHESIS_VERSION}`, [
    `schemathesis==${SCHEMATHESIS_VERSION}`,
    `hypothesis==${HYPOTHESIS_VERSION}`,
  ]),
  grpcurl: goRecipe("grpcurl", `github.com/fullstorydev/grpcurl/cmd/grpcurl@${GRPCURL_VERSION}`),
  // The client of gRPC for Python, with the compiler of .proto files and the standard services.
  grpcio: pythonRecipe(
    `grpcio-${GRPCIO_VERSION}`,
    ["grpcio", "grpcio-tools", "grpcio-health-checking", "grpcio-status"].map((name) => `${name}==${GRPCIO_VERSION}`),
  ),
  // DuckDB for Python, which reads the files of the embedded history as users do.
  duckdb: pythonRecipe(`duckdb-${DUCKDB_VERSION}`, [`duckdb==${DUCKDB_VERSION}`]),
};

const SERVER_NAMES = Object.keys(RECIPES) as readonly ServerName[];

/** Returns the folder of installed servers. */
function serversDir(): string {
  const given = process.env.SWAPSTATS_SERVERS_DIR;
  return given === undefined || given === "" ? join(homedir(), ".cache", "swapstats", "servers") : given;
}

/** Returns the path of the server's program (for Kafka: the folder of its jars), or undefined when it cannot run here. */
export function findServer(name: ServerName): string | undefined {
  const { find, lacks } = RECIPES[name];
  return lacks() === undefined ? find() : undefined;
}

/** Like findServer, but throws an error that says what to do when the server is missing. */
export function requireServer(name: ServerName): string {
  const found = findServer(name);
  if (found === undefined) throw new Error(`${name} is not installed; run: npm run servers -- ${name}`);
  return found;
}

/** Returns the path of a program. Throws when it is missing. */
export function requireProgram(name: string): string {
  const found = findProgram(name);
  if (found === undefined)
    throw new Error(`${name} is not installed; it comes with a server of scripts/servers/install.ts`);
  return found;
}

/** Finds a program on PATH, otherwise in the cache folder. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""), binDir()];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Finds the server of PATH, otherwise the newest of Debian, whose programs are not on PATH. */
function findPostgres(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root) : [];
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a));
  const installed = newestFirst.map((version) => join(root, version, "bin", "postgres"));
  return findProgram("postgres") ?? installed.find((path) => existsSync(path));
}

function binDir(): string {
  return join(serversDir(), "bin");
}

function existingPath(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

function goRecipe(program: string, source: string): Recipe {
  return {
    find: () => findProgram(program),
    lacks: () => undefined,
    install: () =>
      intoCache((folder) => {
        // Some systems disable the download of newer Go versions. This installation enables it.
        download(goProgram(), ["install", source], { GOBIN: folder, GOTOOLCHAIN: "auto", GOFLAGS: "", GOROOT: "" });
        mkdirSync(binDir(), { recursive: true });
        renameSync(join(folder, program), join(binDir(), program));
      }),
    prepare: () => {},
  };
}

function goProgram(): string {
  if (findGo() === undefined) installDebian("golang-go");
  return goForBuilds()!;
}

/** Returns a Go that can build the servers and the benchmarks: the one that is here, or a newer one that it downloads. Undefined without Go. */
export function goForBuilds(): string | undefined {
  const found = findGo();
  if (found === undefined) return undefined;
  mkdirSync(serversDir(), { recursive: true });
  return goThatBuilds(found, serversDir());
}

/** Finds Go on PATH, otherwise in its usual place. */
function findGo(): string | undefined {
  return findProgram("go") ?? existingPath("/usr/local/go/bin/go");
}

function installKafka(): void {
  const missing = [...(findProgram("java") ? [] : ["default-jre-headless"]), ...(findProgram("mvn") ? [] : ["maven"])];
  if (missing.length > 0) installDebian(...missing);
  const target = join(serversDir(), `kafka-${KAFKA_VERSION}`);
  if (existsSync(join(target, "libs"))) return;
  intoCache((folder) => {
    writeFileSync(join(folder, "pom.xml"), kafkaPom());
    const copy = ["-B", "-q", "dependency:copy-dependencies", `-DoutputDirectory=${join(folder, "libs")}`];
    download(findProgram("mvn")!, ["-f", join(folder, "pom.xml"), ...copy]);
    renameSync(folder, target);
  });
}

function kafkaPom(): string {
  const dependency = (artifact: string) =>
    `<dependency><groupId>org.apache.kafka</groupId><artifactId>${artifact}</artifactId>` +
    `<version>${KAFKA_VERSION}</version></dependency>`;
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
    "<groupId>swapstats</groupId><artifactId>servers</artifactId><version>1</version>" +
    `<dependencies>${dependency("kafka_2.13")}${dependency("kafka-tools")}</dependencies></project>\n`
  );
}

/** The package has no script of its own and no dependencies, so the library is all of it. */
function installClickHouse(): void {
  if (findProgram("python3") === undefined) installDebian("python3");
  const name = `@chdb/lib-linux-${process.arch}-gnu`;
  intoCache((folder) => {
    const options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder];
    download(findProgram("npm")!, ["install", ...options, `${name}@${CHDB_VERSION}`]);
    renameSync(join(folder, "node_modules", name), join(serversDir(), `chdb-${CHDB_VERSION}`));
  });
}

/** Packages of Python in an environment of their own; the result is its interpreter. */
function pythonRecipe(name: string, packages: readonly string[]): Recipe {
  return {
    find: () => existingPath(join(serversDir(), name, "bin", "python")),
    lacks: () => undefined,
    install: () => installPython(name, packages),
    prepare: () => {},
  };
}

/** Installs into a separate environment that is moved to its place when complete. The interpreter works there; the scripts would not. */
function installPython(name: string, packages: readonly string[]): void {
  if (spawnSync("python3", ["-c", "import venv, ensurepip"]).status !== 0) installDebian("python3", "python3-venv");
  intoCache((folder) => {
    download(findProgram("python3")!, ["-m", "venv", folder]);
    const options = ["--quiet", "--disable-pip-version-check"];
    download(join(folder, "bin", "python"), ["-m", "pip", "install", ...options, ...packages]);
    renameSync(folder, join(serversDir(), name));
  });
}

/** Gives `install` a folder beside its place. The folder is deleted afterwards unless it was renamed. */
function intoCache(install: (folder: string) => void): void {
  mkdirSync(serversDir(), { recursive: true });
  const folder = mkdtempSync(join(serversDir(), "new-"));
  try {
    install(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Installs the missing ones of these, one after the other, and reports each step. */
function installServers(names: readonly ServerName[]): void {
  for (const name of names) {
    const startMs = performance.now();
    const isMissing = findServer(name) === undefined;
    if (isMissing) RECIPES[name].install();
    const found = findServer(name);
    if (found === undefined) throw new Error(`${name} was installed and is not found; ${RECIPES[name].lacks() ?? "?"}`);
    RECIPES[name].prepare();
    const took = isMissing ? ` (installed in ${((performance.now() - startMs) / 1_000).toFixed(0)} s)` : "";
    console.log(`${name}: ${found}${took}`);
  }
}

function main(args: readonly string[]): void {
  if (args.length === 0) {
    for (const name of SERVER_NAMES) console.log(`${name}: ${findServer(name) ?? "not installed"}`);
    return;
  }
  const wanted = args.includes("all") ? SERVER_NAMES : args;
  const unknown = wanted.filter((name) => !(name in RECIPES));
  if (unknown.length > 0) {
    console.error(`${unknown.join(", ")}: no such server; there are ${SERVER_NAMES.join(", ")} and all`);
    process.exitCode = 2;
    return;
  }
  try {
    installServers(wanted as readonly ServerName[]);
  } catch (error) {
    console.error(`Not installed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main(process.argv.slice(2));
