/** What live views are told by the client of a service: data, lost connections, refusals. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { OverviewData, TokenData } from "@swapstats/client";
import { type ChannelData, LiveService } from "../../../src/cli/live/live-service.ts";
import { ServiceClient } from "../../../src/cli/service-client.ts";
import { openDoor, tokenData } from "../../serving/websocket/support/door.ts";
import { TestApps } from "../../support/app-harness.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../support/tokens.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${ID}`;

/** Records what a service tells, and waits for it. */
class Told {
  readonly connections: boolean[] = [];
  readonly data: ChannelData<unknown>[] = [];
  error: unknown;
  readonly live: LiveService;
  #wake = (): void => {};

  constructor(t: TestContext, url: string, token?: string) {
    const service = new ServiceClient(url, new AbortController().signal, token);
    this.live = new LiveService(service, token, {
      onConnection: (isConnected) => this.#tell(() => this.connections.push(isConnected)),
      onEnd: (error) => this.#tell(() => (this.error ??= error)),
    });
    t.after(() => this.live.close());
  }

  follow(name: string): () => void {
    const store = this.live.client.token(name);
    return this.live.follow<TokenData>(store, `token:${name}`, (data) => this.#tell(() => this.data.push(data)));
  }

  followRanking(window: string): () => void {
    const store = this.live.client.overview({ window, sort: "trades", limit: 10 });
    return this.live.follow<OverviewData>(store, window, (data) => this.#tell(() => this.data.push(data)));
  }

  async until(condition: (told: this) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #tell(note: () => unknown): void {
    note();
    this.#wake();
  }
}

const messageOf = async (told: Told): Promise<string> => {
  await told.until(({ error }) => error !== undefined);
  return (told.error as Error).message;
};

describe("a live view", () => {
  test("gets every revision, also after a lost connection", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    bus.symbol("TKN", [ID]);
    bus.set(CHANNEL, tokenData(ID, 1, { close: "2.5" }));
    const told = new Told(t, `http://127.0.0.1:${port}`);
    told.follow("TKN");
    await told.until(({ data }) => data.length > 0);
    assert.equal(told.data[0]?.channel, CHANNEL);
    bus.set(CHANNEL, tokenData(ID, 2));
    await told.until(({ data }) => data.at(-1)?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(told.data.at(-1)?.data, bus.dataOf(CHANNEL));
    // The server does not close upgraded connections.
    for (const socket of sockets) socket.destroy();
    await told.until(({ connections }) => connections.includes(false));
    bus.set(CHANNEL, tokenData(ID, 99));
    await told.until(({ data }) => data.at(-1)?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(told.data.at(-1)?.data, bus.dataOf(CHANNEL));
    assert.deepEqual([told.connections, told.error], [[true, false, true], undefined]);
  });

  test("changes to another channel, and hears of the former one no more", async (t) => {
    const { bus, port } = await openDoor(t);
    const ranking = (trades: number) => ({
      order: [ID],
      rows: { [ID]: { symbol: "TKN", stats: { complete: true, trades } } },
    });
    for (const window of ["5m", "1h"]) bus.set(`overview:${window}:trades`, ranking(1));
    const told = new Told(t, `http://127.0.0.1:${port}`);
    const leave = told.followRanking("5m");
    await told.until(({ data }) => data.length > 0);
    leave();
    told.followRanking("1h");
    await told.until(({ data }) => data.at(-1)?.channel === "overview:1h:trades");
    bus.set("overview:5m:trades", ranking(2));
    bus.set("overview:1h:trades", ranking(3));
    await told.until(({ data }) => data.at(-1)?.rev === bus.revOf("overview:1h:trades"));
    assert.equal(told.data.filter(({ channel }) => channel === "overview:5m:trades").length, 1);
  });

  test("ends with the reason when its channel is refused, in printable characters", async (t) => {
    const { bus, port } = await openDoor(t);
    bus.symbol("TWO", ["1:a", "56:b"]);
    const told = new Told(t, `http://127.0.0.1:${port}`);
    told.follow("TWO");
    assert.match(await messageOf(told), /^token:TWO: .*\(ambiguous_token\); it may be 1:a, 56:b$/);
    const hostile = new Told(t, `http://127.0.0.1:${port}`);
    hostile.follow("\u001b[31mX\nY");
    assert.doesNotMatch(await messageOf(hostile), /\p{Cc}/u);
  });

  test("ends when no service is at the address", async (t) => {
    const { port, server } = await openDoor(t);
    server.close();
    const told = new Told(t, `http://127.0.0.1:${port}`);
    told.follow("TKN");
    assert.match(await messageOf(told), /cannot be reached \(ECONNREFUSED\); start it with `swapstats serve`/);
  });

  test("ends when the service wants credentials, or other ones", async (t) => {
    const jwt = { "security.jwt.enabled": "on", "security.jwt.alg": "HS256", "security.jwt.secret": SECRET };
    const { base } = await new TestApps(t).start({ "security.mode": "required", ...jwt });
    const ingest = tokenOf(signingKey("HS256"), claimsAt(Date.now(), { scope: "ingest" }));
    for (const [token, expected] of [
      [undefined, /it needs credentials; give a token or an API key with --token/],
      ["no.such.token", /it refuses the credentials/],
      [ingest, /its scope must be wider/],
    ] as const) {
      const told = new Told(t, base, token);
      told.follow("TKN");
      assert.match(await messageOf(told), expected);
    }
  });
});
