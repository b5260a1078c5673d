/** Checks `deploy/` as far as possible without a container engine: configurations, composition, image. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { parse } from "yaml";
import { tempDir } from "../../server/test/support/tmp.ts";
import { REPOSITORY } from "../house/repository.ts";
import { KAFKA_VERSION, NATS_VERSION, VERSITYGW_VERSION } from "../servers/install.ts";

type Service = {
  image?: string;
  profiles?: string[];
  restart?: string;
  healthcheck?: { test?: string[]; disable?: boolean };
  ports?: string[];
  volumes?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string; required?: boolean }>;
};

const DEPLOY = join(REPOSITORY, "deploy");
const composeText = readFileSync(join(DEPLOY, "compose.yaml"), "utf8");
const compose = parse(composeText, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const services = Object.entries(compose.services);
const dockerfile = readFileSync(join(DEPLOY, "Dockerfile"), "utf8").replaceAll("\\\n", " ").split("\n");

/** Replaces `${NAME:-default}` as Compose does without any environment. */
const withDefaults = (text: string): string => text.replaceAll(/\$\{[A-Z0-9_]+:-([^}]*)\}/g, "$1");

function swapstats(args: readonly string[], env: Readonly<Record<string, string>>, root = REPOSITORY) {
  const command = [join(root, "server/src/main.ts"), ...args];
  const { PATH } = process.env;
  return spawnSync(process.execPath, command, { env: { PATH, ...env } as NodeJS.ProcessEnv, encoding: "utf8" });
}

/** Runs `config check` on a file, with a made-up secret behind every reference in it. */
function check(t: TestContext, file: string, env: Readonly<Record<string, string>> = {}): void {
  const folder = tempDir(t, "deploy");
  const text = readFileSync(file, "utf8").replaceAll("file:/run/secrets/", `file:${folder}/`);
  const secrets = new Map<string, string>();
  for (const [, name] of text.matchAll(/^[^#\n]*: env:(\w+)/gm)) secrets.set(name!, "secret");
  for (const [, path] of text.matchAll(/^[^#\n]*: file:(\S+)/gm)) {
    writeFileSync(path!, path!.endsWith(".creds") ? "-----BEGIN NATS USER JWT-----\n" : "secret\n");
  }
  const copy = join(folder, basename(file));
  writeFileSync(copy, text);
  const { status, stdout, stderr } = swapstats(["config", "check", "--config", copy], {
    ...Object.fromEntries(secrets),
    ...env,
  });
  assert.equal(status, 0, stdout + stderr);
}

describe("configurations", () => {
  const files = globSync("config/*.yaml", { cwd: DEPLOY }).sort();

  test("there is a configuration for the laptop, for development and for production", () => {
    assert.deepEqual(files.map((file) => basename(file)).sort(), [
      "development.yaml",
      "laptop.yaml",
      "production.yaml",
    ]);
  });

  for (const file of files) test(`${file} is fine`, (t) => check(t, join(DEPLOY, file)));

  test("development.yaml is valid with the additions of each instance, with either store", (t) => {
    const instances = services.filter(([name]) => /^swapstats-\d$/.test(name));
    assert.equal(instances.length, 2);
    for (const [name, { environment }] of instances) {
      assert.equal(environment?.["SWAPSTATS_APP_INSTANCE_ID"], name);
      for (const store of ["redis", "s3"]) {
        const { SWAPSTATS_CONFIG: _, ...own } = environment!;
        const given = Object.entries(own).map(([key, value]) => [key, withDefaults(value)]);
        const env = { ...imageEnvironment(), ...Object.fromEntries(given), SWAPSTATS_STORES_CHECKPOINT: store };
        check(t, join(DEPLOY, "config/development.yaml"), env);
      }
    }
  });
});

describe("the composition", () => {
  test("every service has a health check and a restart policy; services that run once end before others begin", () => {
    for (const [name, { restart, healthcheck }] of services) {
      if (healthcheck?.disable === true) {
        assert.match(restart ?? "", /^on-failure/, name);
        const waiting = services.filter(([, { depends_on }]) => depends_on?.[name] !== undefined);
        assert.ok(waiting.length > 0, name);
        for (const [, { depends_on }] of waiting)
          assert.equal(depends_on?.[name]?.condition, "service_completed_successfully", name);
      } else {
        assert.equal(restart, "unless-stopped", name);
        assert.ok((healthcheck?.test?.length ?? 0) > 1, name);
      }
    }
  });

  test("images have a complete version, equal to the tests' version where they use it", () => {
    const images = new Map(services.map(([name, { image }]) => [name, image ?? ""]));
    for (const [name, image] of images) assert.match(image, /^(swapstats:local|.+:v?\d+\.\d+\.\d+(-alpine)?)$/, name);
    assert.equal(images.get("kafka"), `apache/kafka:${KAFKA_VERSION}`);
    assert.equal(images.get("nats"), `nats:${NATS_VERSION.slice(1)}-alpine`);
    assert.equal(images.get("s3"), `versity/versitygw:${VERSITYGW_VERSION}`);
  });

  test("no port is published beyond this machine", () => {
    const ports = services.flatMap(([, { ports: list }]) => list ?? []);
    assert.ok(ports.length > 0);
    for (const port of ports) assert.match(withDefaults(port), /^127\.0\.0\.1:\d+:\d+$/);
    for (const [, address] of readFileSync(join(DEPLOY, ".env"), "utf8").matchAll(/_ADDRESS=(\S+)/g))
      assert.match(address!, /^127\.0\.0\.1:\d+$/);
  });

  test("files, volumes, services and profiles that it refers to exist", () => {
    const used = services.flatMap(([, { volumes }]) => volumes ?? []).map((volume) => volume.split(":")[0]!);
    for (const source of used.filter((one) => one.startsWith("."))) assert.ok(existsSync(join(DEPLOY, source)), source);
    const named = new Set(used.filter((one) => !one.startsWith(".")));
    assert.deepEqual([...named].sort(), Object.keys(compose.volumes).sort());
    for (const [name, { depends_on }] of services) {
      for (const [other, { required }] of Object.entries(depends_on ?? {})) {
        const { profiles } = compose.services[other] ?? assert.fail(`${name} depends on ${other}, which is not there`);
        assert.equal(required ?? true, profiles === undefined, `${name} depends on ${other}`);
      }
    }
    const profiles = new Set(services.flatMap(([, service]) => service.profiles ?? []));
    const [, wanted] = /COMPOSE_PROFILES=(\S+)/.exec(readFileSync(join(DEPLOY, ".env"), "utf8"))!;
    for (const profile of wanted!.split(",")) assert.ok(profiles.has(profile), profile);
    assert.deepEqual([...profiles].sort(), ["clickhouse", "kafka", "redpanda", "s3"]);
  });

  test("a Docker Compose client, where there is one, accepts it with every profile", (t) => {
    const docker = (...args: string[]) =>
      spawnSync("docker", ["compose", ...args], { cwd: DEPLOY, encoding: "utf8", env: process.env });
    if (docker("version").status !== 0) {
      t.diagnostic("no client of Docker Compose here");
      return;
    }
    for (const profiles of ["kafka", "redpanda", "kafka,s3"]) {
      const args = profiles.split(",").flatMap((profile) => ["--profile", profile]);
      const { status, stderr } = docker("-f", "compose.yaml", ...args, "config", "--quiet");
      assert.equal(status, 0, stderr);
    }
  });
});

/** `COPY` lines of the Dockerfile from the build context: [sources, target]. */
function copies(): { sources: string[]; target: string }[] {
  const lines = dockerfile.filter((line) => line.startsWith("COPY ") && !line.includes("--from="));
  return lines.map((line) => {
    const words = line.trim().split(/\s+/).slice(1);
    return { sources: words.slice(0, -1), target: words.at(-1)! };
  });
}

/** Files that pass `.dockerignore`. */
function sent(): string[] {
  const lines = readFileSync(join(REPOSITORY, ".dockerignore"), "utf8").split("\n");
  assert.ok(lines.includes("*"));
  return lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
}

function imageEnvironment(): Record<string, string> {
  const text = dockerfile.find((line) => line.startsWith("ENV "))!;
  return Object.fromEntries([...text.matchAll(/(SWAPSTATS_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
}

describe("the image", () => {
  test("every source of COPY exists and is sent to the builder", () => {
    for (const source of copies().flatMap(({ sources }) => sources)) {
      assert.ok(existsSync(join(REPOSITORY, source)), source);
      assert.ok(
        sent().some((path) => path === source || path.startsWith(`${source}/`)),
        `${source} is ignored`,
      );
    }
  });

  test("it has the Node of the tests, is not root, has a health check, and replaces itself by Node", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
    assert.ok(dockerfile.includes(`ARG NODE_IMAGE=node:${devDependencies.node}-bookworm-slim`));
    for (const line of dockerfile.filter((one) => one.startsWith("FROM ")))
      assert.match(line, /^FROM (\$\{NODE_IMAGE\}|manifests)( AS \w+)?$/);
    assert.ok(dockerfile.includes("USER 1000:1000"));
    assert.ok(dockerfile.some((line) => /^HEALTHCHECK .*\/healthz/.test(line)));
    assert.match(readFileSync(join(REPOSITORY, "server/bin/swapstats"), "utf8"), /^ {4}exec "\$node"/m);
  });

  test("its files run", (t) => {
    const root = tempDir(t, "image");
    for (const path of sent()) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
    }
    // Packages as npm lays them out, with our own from the copy.
    const modules = join(REPOSITORY, "node_modules");
    mkdirSync(join(root, "node_modules/@swapstats"), { recursive: true });
    for (const name of readdirSync(modules).filter((one) => one !== "@swapstats" && one !== "swapstats")) {
      symlinkSync(join(modules, name), join(root, "node_modules", name));
    }
    symlinkSync(join(root, "protocol"), join(root, "node_modules/@swapstats/protocol"));
    symlinkSync(join(root, "sdk"), join(root, "node_modules/@swapstats/client"));
    const dashboardModules = join(REPOSITORY, "dashboard/node_modules");
    if (existsSync(dashboardModules)) symlinkSync(dashboardModules, join(root, "dashboard/node_modules"));
    const built = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, encoding: "utf8" });
    assert.equal(built.status, 0, built.stdout + built.stderr);
    for (const made of ["sdk/dist/index.js", "dashboard/dist/index.html"])
      assert.ok(existsSync(join(root, made)), made);
    const environment = imageEnvironment();
    const { status, stdout, stderr } = swapstats(
      ["config", "check"],
      { ...environment, SWAPSTATS_SECURITY_MODE: "open" },
      root,
    );
    assert.equal(status, 0, stdout + stderr);
    // Live views find the built client, and without it they say how it is built.
    const top = (): string => swapstats(["top", "--url", "http://127.0.0.1:9"], environment, root).stderr;
    assert.match(top(), /127\.0\.0\.1:9 cannot be reached/);
    rmSync(join(root, "sdk/dist"), { recursive: true });
    assert.match(top(), /sdk\/dist is not built\. Run `npm run build`/);
    // The image listens on all addresses, and leaves it to its user who may ask.
    assert.match(swapstats(["config", "check"], environment, root).stderr, /security\.mode: is not set/);
    assert.match(swapstats(["--version"], {}, root).stdout, /^\d+\.\d+\.\d+/);
  });
});
