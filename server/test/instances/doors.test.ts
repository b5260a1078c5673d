/**
 * Two instances on real servers behind the load balancer of `deploy/` serve all doors. One is killed, and in the second round one is stopped
 * in order: every client of live data resumes or is told that it cannot, and in the end holds what HTTP answers.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Code } from "@connectrpc/connect";
import { Client as McpClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { waitFor } from "../../../scripts/servers/process.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { Ledger, type LiveClient, type Wanted } from "./live-client.ts";
import { callsOf, EventStreamClient, SubscribeClient, WebSocketClient } from "./live-doors.ts";
import { comparedOf, truthOf } from "./live-truth.ts";
import { ADDRESS_BURST, type Body, TwoInstances, tokenFor } from "./two-instances.ts";

const QUERY = {
  filter: { field: "volume_usd", window: "5m", gte: "1" },
  sort: [{ field: "volume_usd", window: "5m", order: "desc" }],
  limit: 20,
  windows: ["5m"],
};
/** Of each kind of client, so that each instance has one. */
const CLIENTS_OF_A_KIND = 2;
const AGREE_LIMIT_MS = 120_000;
const STALE_LIMIT_MS = 120_000;

/** Resolves to the status for a sender at this address whose token is not valid. */
async function statusFrom(localAddress: string, address: string): Promise<number | undefined> {
  const request = get(`http://${address}/api/overview`, {
    localAddress,
    agent: false,
    headers: { authorization: "Bearer x.y.z" },
  });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

requires("two instances with all doors", { servers: ["kafka", "redis", "nats"], programs: ["haproxy"] }, () => {
  describe("two instances with all doors", () => {
    let site: TwoInstances;
    const clients: LiveClient[] = [];
    after(() => site.stop());
    after(() => {
      for (const client of clients) client.close();
    });
    const folder = tempDir({ after }, "doors");

    before(async () => {
      site = await TwoInstances.prepare(folder);
      site.start("one");
      site.start("two");
      await site.send(400);
      await site.settled();
    });

    test("both answer all HTTP calls alike, with a token or a key", async () => {
      const [id = ""] = site.busiest(1);
      const paths = [
        `/api/tokens/${id}/stats`,
        "/api/overview?window=5m&sort=volume_usd&limit=10",
        `/api/tokens/${id}/candles?interval=1m`,
        `/api/tokens/${id}/swaps`,
      ];
      for (const path of paths) {
        const byKey = { headers: { authorization: "", "x-api-key": site.apiKey } };
        const bodies = [await site.call(path), await site.call(path, byKey)];
        for (const { url } of site.running.values()) bodies.push(await site.call(path, {}, url));
        for (const body of bodies) assert.deepEqual({ ...body, lag_ms: 0 }, { ...bodies[0], lag_ms: 0 }, path);
      }
    });

    test("charts, agents, the screener and gRPC are served through the balancer, and swaps come by the topic alone", async (t) => {
      const [id = ""] = site.busiest(1);
      const { clients: http, grpc } = site.balancer;
      const stats = await site.call(`/api/tokens/${id}/stats?windows=5m`);
      for (const [protocol, address] of [
        ["grpc", grpc],
        ["connect", http],
      ] as const) {
        for (let i = 0; i < CLIENTS_OF_A_KIND; i++) {
          const calls = callsOf(protocol, address, tokenFor("caller", "read"));
          const { stats: same } = await calls.getStats({ id, windows: ["5m"] });
          assert.equal(same.windows["5m"].volumeUsd, stats.windows["5m"].volume_usd, protocol);
        }
        const refused = callsOf(protocol, address, "x.y.z").getStats({ id });
        await assert.rejects(refused, { code: Code.Unauthenticated });
      }
      const first = await site.call("/api/screener", { method: "POST", body: JSON.stringify({ ...QUERY, limit: 5 }) });
      // The cursor holds at the instance that did not make it, too.
      for (const { url } of site.running.values()) {
        const body = JSON.stringify({ ...QUERY, limit: 5, cursor: first.next_cursor });
        const { items } = await site.call("/api/screener", { method: "POST", body }, url);
        assert.equal(items.length, 5);
      }
      const bars = await site.call(`/udf/history?symbol=${id}&resolution=1&to=4000000000&countback=10`);
      assert.equal(bars.s, "ok");
      const agent = new McpClient({ name: "test", version: "1" });
      const headers = { authorization: `Bearer ${tokenFor("agent", "read")}` };
      await agent.connect(
        new StreamableHTTPClientTransport(new URL(`http://${http}/mcp`), { requestInit: { headers } }),
      );
      t.after(() => agent.close());
      const answer = await agent.callTool({ name: "token_stats", arguments: { id, windows: ["5m"] } });
      assert.equal((answer.structuredContent as Body).windows["5m"].volume_usd, stats.windows["5m"].volume_usd);

      const authorization = `Bearer ${tokenFor("producer", "ingest")}`;
      const posted = await fetch(`http://${http}/api/swaps`, {
        method: "POST",
        headers: { authorization },
        body: "[]",
      });
      assert.equal(posted.status, 404);
    });

    test("instances share the limit of an address, which the balancer passes on", async () => {
      const statuses: (number | undefined)[] = [];
      for (let i = 0; i < 2 * ADDRESS_BURST; i++) statuses.push(await statusFrom("127.0.0.9", site.balancer.clients));
      const count = (status: number): number => statuses.filter((one) => one === status).length;
      assert.deepEqual([count(401), count(429)], [ADDRESS_BURST, ADDRESS_BURST], String(statuses));
      assert.equal(await statusFrom("127.0.0.10", site.balancer.clients), 401);
    });

    /** Opens clients of every door, of which the balancer gives one to each instance. */
    async function openClients(wanted: readonly Wanted[]): Promise<void> {
      const ledger = new Ledger();
      const plain = wanted.filter(({ channel }) => channel !== "screener");
      const setup = (name: string, address: string) => ({
        ...{ name, address, ledger, wanted: name.startsWith("sse") ? plain : wanted },
        token: tokenFor(name, "read"),
      });
      const { clients: http, grpc } = site.balancer;
      const kinds: readonly ((i: number) => LiveClient)[] = [
        (i) => new WebSocketClient(setup(`json ${i}`, http), "json"),
        (i) => new WebSocketClient(setup(`json-patch ${i}`, http), "json-patch"),
        (i) => new WebSocketClient(setup(`protobuf ${i}`, http), "protobuf"),
        (i) => new EventStreamClient(setup(`sse ${i}`, http)),
        (i) => new SubscribeClient(setup(`grpc ${i}`, grpc), "grpc"),
        (i) => new SubscribeClient(setup(`connect ${i}`, http), "connect"),
      ];
      for (const open of kinds) {
        for (let i = 0; i < CLIENTS_OF_A_KIND; i++) {
          const client = open(i);
          clients.push(client);
          client.connect();
          await waitFor(`${client.name} is there`, async () => client.isCurrent).catch(() =>
            assert.fail(client.waitsFor),
          );
        }
      }
    }

    /** Resolves when every client holds what HTTP answers, and nothing that is old. */
    async function allAgree(wanted: readonly Wanted[]): Promise<void> {
      await site.settled();
      for (const one of wanted) {
        for (const client of clients) {
          let seen: unknown[] = [];
          await waitFor(
            "the client holds what HTTP answers",
            async () => {
              const [channel, held] = [...client.held].find(([name]) => name.startsWith(one.channel)) ?? [];
              if (channel === undefined || held === undefined) return client instanceof EventStreamClient;
              const truth = await truthOf(site, one);
              // A ranking also tells which feed it comes from.
              const epoch = truth.epoch ?? held.epoch;
              const { rev = held.rev } = truth;
              seen = [held.epoch, held.rev, comparedOf(channel, held), epoch, rev, truth.data];
              return (
                client.isCurrent &&
                held.epoch.split(":")[0] === epoch.split(":")[0] &&
                // Reading may count a revision in which no figure of the channel changed.
                held.rev <= rev &&
                isDeepStrictEqual(comparedOf(channel, held), truth.data)
              );
            },
            AGREE_LIMIT_MS,
          ).catch(() => {
            assert.deepEqual(seen.slice(0, 3), seen.slice(3), `${client.waitsFor}; ${one.channel}`);
            assert.fail(`${client.waitsFor}; ${one.channel}`);
          });
        }
      }
      assert.deepEqual(
        clients.flatMap(({ faults }) => faults),
        [],
      );
    }

    test("clients of every door keep their data while an instance is killed, and one is stopped", async () => {
      const ids = site.busiest(6);
      const wanted: Wanted[] = [
        ...ids.map((id) => ({ channel: `token:${id}` })),
        ...ids.slice(0, 2).map((id) => ({ channel: `candles:${id}:1m` })),
        ...ids.slice(0, 2).map((id) => ({ channel: `swaps:${id}` })),
        { channel: "overview:5m:volume_usd" },
        { channel: "market" },
        { channel: "screener", query: QUERY },
      ];
      await openClients(wanted);
      await site.send(100);
      await allAgree(wanted);

      const before = new Map(clients.map((client) => [client, client.connections]));
      const flow = site.flow();
      await site.kill("one");
      const hasLeft = (client: LiveClient): boolean => client.isCut || client.connections > (before.get(client) ?? 0);
      await waitFor("clients notice the end", async () => clients.some(hasLeft));
      const kept = clients.filter((client) => !hasLeft(client));
      assert.ok(kept.length > 0 && kept.length < clients.length, `${kept.length} clients kept their connection`);
      // They are told that the data of the killed instance is old.
      for (const { name, told } of kept) {
        for (const channel of ["overview:5m:volume_usd", "market"])
          await waitFor(`${name} is told that ${channel} is old`, async () => told.stale.has(channel), STALE_LIMIT_MS);
      }
      await flow.end();
      await allAgree(wanted);
      const cut = clients.filter((client) => !kept.includes(client));
      for (const { told, waitsFor } of cut) assert.ok(told.recovered + told.restarted > 0, waitsFor);
      // Tokens of the other instance, which it had open for its own clients.
      assert.ok(
        cut.some(({ told }) => told.recovered > 0),
        "no channel was recovered",
      );

      site.start("one");
      await allAgree(wanted);
      const again = site.flow();
      await site.drain("two");
      await again.end();
      await allAgree(wanted);
      for (const { name, told } of clients) assert.equal(told.shutdown, 1, `${name} was told of the shutdown`);
    });
  });
});
