/**
 * Opens and closes a client in several ways, and prints what is left after each: timers and sockets that are open, and whether the process could end.
 * Arguments: the address of a service, and the transport.
 */
import { createClient } from "../../src/index.ts";

const [url = "", transport = "auto"] = process.argv.slice(2);

/** Timers and sockets of this process that keep it alive. */
const counts = { timers: new Set<NodeJS.Timeout>(), sockets: new Set<WebSocket>() };
for (const [make, clear] of [
  ["setTimeout", "clearTimeout"],
  ["setInterval", "clearInterval"],
] as const) {
  const [makeIt, clearIt] = [globalThis[make], globalThis[clear]] as [typeof setTimeout, typeof clearTimeout];
  globalThis[make] = ((run: () => void, ms: number) => {
    const timer = makeIt(() => {
      if (make === "setTimeout") counts.timers.delete(timer);
      run();
    }, ms);
    counts.timers.add(timer);
    return timer;
  }) as never;
  globalThis[clear] = ((timer: NodeJS.Timeout) => {
    counts.timers.delete(timer);
    clearIt(timer);
  }) as never;
}
/** Node's own client of HTTP has timers that keep no process alive. */
const timersLeft = (): number => [...counts.timers].filter((timer) => timer.hasRef()).length;

class CountedSocket extends WebSocket {
  constructor(address: string, protocols: string) {
    super(address, protocols);
    counts.sockets.add(this);
    this.addEventListener("close", () => counts.sockets.delete(this));
  }
}

const options = { url, transport: transport as "auto", webSocket: CountedSocket as typeof WebSocket };
const ways: Record<string, (client: ReturnType<typeof createClient>) => Promise<void>> = {
  unused: async () => {},
  opening: async (client) => {
    client.market();
  },
  asking: async (client) => {
    client.market();
    await new Promise((resolve) => client.onStatus(resolve));
  },
  live: async (client) => {
    client.onStatus(() => {});
    client.inspect(() => {});
    const stores = [
      client.market(),
      client.overview({ window: "5m", sort: "trades" }),
      client.market({ windows: ["5m"] }),
    ];
    for (const store of stores) {
      store.subscribe(() => {});
      await store.ready;
    }
    client.token("NOPE").ready.catch(() => {});
  },
  "with a loop": async (client) => {
    for await (const _ of client.market()) break;
    void (async () => {
      for await (const _ of client.market()) await new Promise(() => {});
    })();
    await client.market().ready;
  },
  closed: async (client) => {
    const market = client.market();
    await market.ready;
    market.close();
  },
};
for (const [way, run] of Object.entries(ways)) {
  const client = createClient(options);
  await run(client);
  client.close();
  const timers = timersLeft();
  // The end of a socket is an exchange with the service.
  while (counts.sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
  console.log(JSON.stringify({ way, timers, status: client.status }));
}
const waiting = createClient({ ...options, url: "http://127.0.0.1:1" });
const failed = waiting.market();
await new Promise<void>((resolve) => waiting.onStatus((status) => status === "offline" && resolve()));
waiting.close();
console.log(JSON.stringify({ way: "waiting", timers: timersLeft(), status: waiting.status, isStale: failed.stale }));
