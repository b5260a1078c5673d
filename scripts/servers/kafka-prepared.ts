/**
 * Prepares fast starts of Kafka, once at installation: an archive of the classes that a broker loads, and a formatted data folder to copy.
 * A start took 7.6 s of processor time on the machine of the tests: 2.1 s for formatting (in a separate Java process) and most of the rest
 * for reading, verifying and compiling classes. With both, and without the optimising compiler, it takes 2.6 s.
 *
 * Both are optional. Where they are missing, or were made by another Java version, a broker starts in the usual way.
 */
import { spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

const BOOTSTRAP = "bootstrap.checkpoint";
/** Long enough for a start on a busy machine. The broker is then stopped, and the archive is written. */
const RUN_MS = 20_000;
const RUN_LIMIT_MS = 120_000;
/** Above the usual services and below the ephemeral ports. */
const PORT_FROM = 20_000;
const PORT_TO = 30_000;

/** Returns the class path of all libraries of an installation. The order is always the same, because the archive requires it. */
export function classPathOf(libs: string): string {
  return readdirSync(libs)
    .filter((name) => name.endsWith(".jar"))
    .sort()
    .map((name) => join(libs, name))
    .join(delimiter);
}

/** Returns the Java options by which a broker starts with the archive, if there is one. */
export function archiveOptions(libs: string): string[] {
  const archive = archiveOf(libs);
  return existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`, "-Xshare:auto", "-Xlog:cds=off"] : [];
}

/**
 * 16 random bytes in Kafka's notation. Ids that begin with zeros are reserved, and Kafka's tools read one with a leading dash as an option.
 */
export function newKafkaId(): string {
  return Buffer.concat([Buffer.from([0x53]), randomBytes(15)]).toString("base64url");
}

/** Copies the formatted folder to `dataFolder`. Returns false where it was not prepared. */
export function copyFormatted(libs: string, dataFolder: string, nodeId: number, clusterId: string): boolean {
  const bootstrap = join(formattedOf(libs), BOOTSTRAP);
  if (!existsSync(bootstrap)) return false;
  mkdirSync(dataFolder, { recursive: true });
  copyFileSync(bootstrap, join(dataFolder, BOOTSTRAP));
  const directoryId = newKafkaId();
  const lines = [`node.id=${nodeId}`, `directory.id=${directoryId}`, "version=1", `cluster.id=${clusterId}`];
  writeFileSync(join(dataFolder, "meta.properties"), `${lines.join("\n")}\n`);
  return true;
}

/** Makes both if they are missing. A failure is reported and changes nothing else. */
export function prepareKafka(java: string, libs: string): void {
  if (existsSync(archiveOf(libs)) && existsSync(formattedOf(libs))) return;
  const folder = `${formattedOf(libs)}-new-${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    formatOnce(java, libs, folder);
    runOnce(java, libs, folder);
  } catch (error) {
    console.log(`Kafka will start slower: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function archiveOf(libs: string): string {
  return `${libs}.jsa`;
}

function formattedOf(libs: string): string {
  return `${libs}-formatted`;
}

function formatOnce(java: string, libs: string, folder: string): void {
  const [client, controller] = [randomInt(PORT_FROM, PORT_TO), randomInt(PORT_TO, PORT_TO + 1_000)];
  const properties = [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    "controller.listener.names=CONTROLLER",
    `listeners=PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
    "offsets.topic.replication.factor=1",
    `log.dirs=${join(folder, "data")}`,
  ];
  const file = join(folder, "server.properties");
  writeFileSync(file, `${properties.join("\n")}\n`);
  const clusterId = newKafkaId();
  const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", file];
  const { status, stdout, stderr } = spawnSync(java, ["-cp", classPathOf(libs), ...format], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the data folder of a broker could not be made: ${stdout}${stderr}`);
  const copy = join(folder, "formatted");
  mkdirSync(copy);
  copyFileSync(join(folder, "data", BOOTSTRAP), join(copy, BOOTSTRAP));
  if (!existsSync(formattedOf(libs))) renameSync(copy, formattedOf(libs));
}

/** Runs a broker for a while and stops it cleanly. Java then writes the classes it has loaded. */
function runOnce(java: string, libs: string, folder: string): void {
  const archive = join(folder, "classes.jsa");
  const options = ["-XX:+UseSerialGC", "-Xmx512m", `-XX:ArchiveClassesAtExit=${archive}`, "-cp", classPathOf(libs)];
  const broker = [java, ...options, "kafka.Kafka", join(folder, "server.properties")];
  // `timeout` asks the broker to stop, and this call returns only after it has.
  spawnSync("timeout", [String(RUN_MS / 1_000), ...broker], {
    cwd: folder,
    stdio: "ignore",
    timeout: RUN_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (!existsSync(archive)) throw new Error("a broker that ran for a while left no archive of its classes");
  renameSync(archive, archiveOf(libs));
}
