/** Builds the peers into the cache folder of the repository, by the tools of their languages, which fetch libraries from public registries. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { download } from "../../scripts/servers/downloads.ts";
import { findProgram, goForBuilds } from "../../scripts/servers/install.ts";

/** Ignored by git. */
const CACHE = resolve(import.meta.dirname, "../../.cache/peers");
/** Flink reads private fields of these to check what its functions hold. */
const JAVA_PACKAGES = ["java.lang", "java.util"];
/** The serial collector took 20.4 CPU-seconds a million and 570 MB, the parallel one 22.1 and 1,130 MB, G1, which is Java's choice, 26.6 and 1,290 MB. */
const MEMORY = ["-Xmx2048m", "-XX:+UseSerialGC"];

type Missing = { readonly missing: string };

/** Module of the peer in Go. */
export const GO_MODULE = join(import.meta.dirname, "go");

/** Returns the program of the peer in Go and the Go that built it, or the reason why there is none. */
export function buildGo(): { readonly program: string; readonly go: string } | Missing {
  const go = goForBuilds();
  if (go === undefined) return { missing: "no Go (https://go.dev/dl, or Debian's golang-go)" };
  mkdirSync(CACHE, { recursive: true });
  const program = join(CACHE, "go-peer");
  download(go, ["-C", GO_MODULE, "build", "-o", program, "."]);
  return { program, go };
}

/** Returns Java and its arguments up to the main class of the peer in Flink, or the reason why there is none. */
export function buildFlink(): { readonly program: string; readonly args: readonly string[] } | Missing {
  const missing = ["java", "javac", "mvn"].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    return {
      missing: `no ${missing.join(", no ")} (a JDK from 17 on and Maven, or Debian's default-jdk-headless and maven)`,
    };
  }
  const project = join(import.meta.dirname, "flink/pom.xml");
  download(findProgram("mvn")!, ["-q", "-B", "-f", project, "compile", "dependency:copy-dependencies"]);
  const built = join(CACHE, "flink");
  const classes = `${join(built, "classes")}:${join(built, "dependency", "*")}`;
  const opened = JAVA_PACKAGES.flatMap((name) => ["--add-opens", `java.base/${name}=ALL-UNNAMED`]);
  return { program: findProgram("java")!, args: [...opened, ...MEMORY, "-cp", classes, "peers.FlinkPeer"] };
}
