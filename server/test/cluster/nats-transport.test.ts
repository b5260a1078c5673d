import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import {
  jwtAccess,
  type NatsAccess,
  type NatsOptions,
  nkeyAccess,
  passwordAccess,
  startNats,
} from "../../../scripts/servers/nats.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { NatsTransport } from "../../src/cluster/nats-transport.ts";
import type { NatsConfig } from "../../src/config/build/nats.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { tempDir } from "../support/tmp.ts";
import { ALL, freshValue, ModelCluster, type ModelInstance } from "./support/model-cluster.ts";
import { Watcher } from "./support/watcher.ts";

const PARTITIONS = 4;

function settings(url: string, client: NatsAccess["client"] = {}, tls?: NatsConfig["tls"]): NatsConfig {
  const { user, password, nkey, jwt } = client;
  return { url, user, password, nkey, jwt, tls };
}

const transport = (given: NatsConfig) => new NatsTransport({ settings: given, name: "test", cluster: "test" });

/** Two instances with two partitions each. */
function pair(t: TestContext, first: NatsConfig, second: NatsConfig) {
  const cluster = new ModelCluster(PARTITIONS, 12);
  t.after(() => cluster.close());
  const one = cluster.add("one", transport(first));
  const two = cluster.add("two", transport(second));
  for (let partition = 0; partition < PARTITIONS; partition++) cluster.take(partition, partition % 2 === 0 ? one : two);
  return { cluster, one, two };
}

async function agrees(cluster: ModelCluster, { bus }: ModelInstance): Promise<boolean> {
  const answers = await bus.tokenStats(cluster.ids, ALL);
  return answers.every((answer, i) => freshValue(answer) === cluster.value(cluster.ids[i] as string));
}

const allAgree = (cluster: ModelCluster) => async () => {
  for (const instance of cluster.instances) if (!(await agrees(cluster, instance))) return false;
  return true;
};

async function nats(t: TestContext, options: Partial<NatsOptions> = {}) {
  const server = await startNats({ folder: tempDir(t), ...options });
  t.after(() => server.stop());
  return server;
}

requires("bus between instances over NATS", { servers: ["nats"] }, () => {
  describe("authentication", () => {
    const kinds: Record<string, () => NatsAccess | Promise<NatsAccess>> = {
      none: () => ({ lines: [], client: {} }),
      "user and password": () => passwordAccess("swapstats", "s3cret word"),
      nkey: nkeyAccess,
      "JWT with the user's seed": jwtAccess,
      "credentials file": async () => {
        const { lines, client } = await jwtAccess();
        const jwt =
          `-----BEGIN NATS USER JWT-----\n${client.jwt}\n------END NATS USER JWT------\n\n` +
          `-----BEGIN USER NKEY SEED-----\n${client.nkey}\n------END USER NKEY SEED------\n`;
        return { lines, client: { jwt } };
      },
    };
    for (const [kind, make] of Object.entries(kinds)) {
      test(kind, async (t) => {
        const access = await make();
        const server = await nats(t, { access });
        const given = settings(server.url, access.client);
        const { cluster } = pair(t, given, given);
        await waitFor("both answer for all", allAgree(cluster));
      });
    }

    test("TLS, with and without a certificate of the client", async (t) => {
      const certificates = makeCertificates(join(tempDir(t), "certificates"));
      const open = await nats(t, { tls: certificates });
      const tls = { caPath: certificates.ca, certPath: undefined, keyPath: undefined };
      const given = settings(open.url, {}, tls);
      const first = pair(t, given, given);
      await waitFor("both answer for all", allAgree(first.cluster));

      const verifying = await nats(t, { tls: { ...certificates, verify: true } });
      const known = { ...tls, certPath: certificates.clientCert, keyPath: certificates.clientKey };
      const second = pair(t, settings(verifying.url, {}, known), settings(verifying.url, {}, known));
      await waitFor("both answer for all", allAgree(second.cluster));
    });

    test("a wrong password is reported, and tried again until the server takes it", async (t) => {
      const folder = tempDir(t);
      const server = await startNats({ folder, access: passwordAccess("swapstats", "old") });
      const good = settings(server.url, { user: "swapstats", password: "new" });
      const { cluster, one } = pair(t, good, good);
      await waitFor("the refusal is in status", async () => {
        const { problems = [] } = await one.bus.status("all");
        return problems.some((problem) => /Not connected to NATS \(.*[Aa]uthorization/.test(problem));
      });
      const [refused] = (await one.bus.status("all")).circuits ?? [];
      assert.equal(refused?.dependency, "nats");
      assert.notEqual(refused?.state, "closed");
      await server.stop();
      const again = await startNats({ folder, port: server.port, access: passwordAccess("swapstats", "new") });
      t.after(() => again.stop());
      await waitFor("both answer for all", allAgree(cluster));
      const [linked] = (await one.bus.status("all")).circuits ?? [];
      assert.equal(linked?.state, "closed");
      assert.ok(Number(linked?.since) > Number(refused?.since));
    });
  });

  test("while NATS is down own tokens are exact and others stale; after its return all converge, and no revision goes back", async (t) => {
    const folder = tempDir(t);
    const server = await startNats({ folder });
    const given = settings(server.url);
    const { cluster, one, two } = pair(t, given, given);
    const watchers = cluster.ids.map((token) => new Watcher({ kind: "token", token, windows: ["5m"] }));
    t.after(() => {
      for (const watcher of watchers) watcher.end();
    });
    await Promise.all(watchers.map((watcher) => watcher.watch(one.bus)));
    await waitFor("both answer for all", allAgree(cluster));
    server.kill();
    await server.exited;
    const isOwn = (i: number) => two !== cluster.owners.get(cluster.partitionOf(cluster.ids[i] as string));
    await waitFor("others are stale", async () => {
      for (const id of cluster.ids) cluster.swap(id);
      const answers = await one.bus.tokenStats(cluster.ids, ALL);
      return answers.every((answer, i) => answer.kind === "stats" && answer.stale === !isOwn(i));
    });
    await waitFor("subscribers are told so, and own tokens go on", async () =>
      watchers.every(({ last, held }, i) => {
        const isNow = held?.value === cluster.value(cluster.ids[i] as string);
        return last?.stale === !isOwn(i) && (isNow || !isOwn(i));
      }),
    );
    assert.equal(one.cluster.linkState === "connected", false);
    const again = await startNats({ folder, port: server.port });
    t.after(() => again.stop());
    await waitFor("both answer for all", allAgree(cluster));
    await waitFor("subscribers have what is true", async () =>
      watchers.every(
        ({ last, held }, i) => last?.stale === false && held?.value === cluster.value(cluster.ids[i] as string),
      ),
    );
    assert.equal(one.cluster.linkState, "connected");
    assert.deepEqual(
      watchers.flatMap((watcher) => watcher.faults),
      [],
    );
  });

  test("the connection of one instance is cut, or loses everything: the others continue, and it comes back", async (t) => {
    const server = await nats(t);
    const proxy = await TcpProxy.start(server.port);
    t.after(() => proxy.close());
    const { cluster, one, two } = pair(t, settings(`nats://127.0.0.1:${proxy.port}`), settings(server.url));
    const three = cluster.add("three", transport(settings(server.url)));
    for (const mode of ["cut", "silent"] as const) {
      await waitFor("all answer for all", allAgree(cluster));
      proxy.mode = mode;
      await waitFor("what one owns is stale elsewhere, and it says what it hears of the others is too", async () => {
        for (const id of cluster.ids) cluster.swap(id);
        const isOfOne = (id: string) => cluster.owners.get(cluster.partitionOf(id)) === one;
        const [atOne, atTwo, atThree] = await Promise.all(
          [one, two, three].map(({ bus }) => bus.tokenStats(cluster.ids, ALL)),
        );
        return cluster.ids.every((id, i) => {
          const stale = [atOne, atTwo, atThree].map((answers) => {
            const answer = answers?.[i];
            return answer?.kind === "stats" ? answer.stale : undefined;
          });
          return isOfOne(id) ? stale.join() === "false,true,true" : stale.join() === "true,false,false";
        });
      });
      proxy.mode = "open";
    }
    await waitFor("all answer for all", allAgree(cluster));
  });

  test("owners move while NATS is killed and restarted repeatedly: all agree in the end", async (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const folder = tempDir(t);
    let server = await startNats({ folder });
    t.after(() => server.stop());
    const { cluster } = pair(t, settings(server.url), settings(server.url));
    cluster.add("three", transport(settings(server.url)));
    const watchers = cluster.instances.flatMap(({ bus }) =>
      [
        ...cluster.ids.map((token) => ({ kind: "token", token, windows: ["5m"] }) as const),
        { kind: "overview", window: "5m", sort: "trades", limit: 5 } as const,
      ].map((topic) => {
        const watcher = new Watcher(topic);
        void watcher.watch(bus);
        return watcher;
      }),
    );
    t.after(() => {
      for (const watcher of watchers) watcher.end();
    });
    for (let round = 0; round < 3; round++) {
      for (let move = 0; move < 10; move++) {
        for (let swap = 0; swap < 10; swap++) cluster.swap(random.pick(cluster.ids));
        const partition = random.below(PARTITIONS);
        const old = cluster.owners.get(partition);
        if (old !== undefined) cluster.drop(partition, old);
        cluster.take(partition, random.pick(cluster.instances));
        await new Promise((resolve) => setTimeout(resolve, random.below(20)));
      }
      server.kill();
      await server.exited;
      for (const id of cluster.ids) cluster.swap(id);
      server = await startNats({ folder, port: server.port });
    }
    await waitFor("all answer for all", allAgree(cluster));
    await waitFor("subscribers have what is true", async () =>
      watchers.every(({ last, held }) => {
        if (last === undefined || last.stale || held === undefined) return false;
        return !("value" in held) || held.value === cluster.value(held.id as string);
      }),
    );
    assert.deepEqual(
      watchers.flatMap((watcher) => watcher.faults),
      [],
    );
  });

  test("a connection that ends while the server takes the subscriptions is replaced", async (t) => {
    const server = await nats(t);
    const proxy = await TcpProxy.start(server.port);
    t.after(() => proxy.close());
    proxy.mode = { noAnswersFrom: "SUB swapstats." };
    const { cluster } = pair(t, settings(server.url), settings(`nats://127.0.0.1:${proxy.port}`));
    await waitFor("the subscriptions are on their way", async () => proxy.mode === "no_answers");
    proxy.mode = "cut";
    proxy.mode = "open";
    await waitFor("all answer for all", allAgree(cluster));
  });

  test("a server that takes only tiny messages is reported, and not used", async (t) => {
    const server = await nats(t, { lines: ["max_payload: 1024"] });
    const { one } = pair(t, settings(server.url), settings(server.url));
    await waitFor("it is in status", async () =>
      ((await one.bus.status("all")).problems ?? []).some((problem) =>
        /max_payload of the server is 1024; set it/.test(problem),
      ),
    );
  });

  test("a response larger than a message of NATS arrives complete", async (t) => {
    const server = await nats(t, { lines: ["max_payload: 8192"] });
    const cluster = new ModelCluster(PARTITIONS, 2_000);
    t.after(() => cluster.close());
    const one = cluster.add("one", transport(settings(server.url)));
    const two = cluster.add("two", transport(settings(server.url)));
    for (let partition = 0; partition < PARTITIONS; partition++) cluster.take(partition, two);
    await waitFor("one answers for all", () => agrees(cluster, one));
    const overview = await one.bus.overview({
      ...{ window: "5m", sort: "trades", order: "desc", limit: 2_000, cursor: undefined },
    });
    assert.equal((JSON.parse(overview.items) as unknown[]).length, 2_000);
    assert.equal(overview.stale, false);
  });
});
