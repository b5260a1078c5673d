/** Runs the load balancer of `deploy/` in front of two stand-ins for instances and checks where requests and WebSockets go. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { requires } from "../../server/test/support/requires.ts";
import { tempDir } from "../../server/test/support/tmp.ts";
import { startBalancer } from "../servers/haproxy.ts";
import { HOST, waitFor } from "../servers/process.ts";

/** Returns its name, and whether it is alive and ready as the test wants. */
class Instance {
  isAlive = true;
  isReady = true;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });

  constructor(name: string) {
    this.#server = createServer(({ url }, reply) => {
      const isFine = url === "/healthz" ? this.isAlive : url === "/readyz" ? this.isAlive && this.isReady : true;
      reply.writeHead(isFine ? 200 : 503).end(name);
    });
    this.#server.on("upgrade", (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => client.send(name));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, HOST, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#sockets.close();
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

requires("the load balancer", { programs: ["haproxy"] }, () => {
  describe("the load balancer", () => {
    const folder = tempDir({ after }, "balancer");
    const [one, two] = [new Instance("one"), new Instance("two")];
    let url = "";
    let balancer: Awaited<ReturnType<typeof startBalancer>>;
    after(() => balancer.kill());
    after(() => one.close());
    after(() => two.close());

    before(async () => {
      const ports = async (instance: Instance) => ({ http: await instance.listen(), grpc: 1 });
      balancer = await startBalancer(folder, [await ports(one), await ports(two)]);
      url = balancer.clients;
    });

    const ask = async (): Promise<string> => {
      const reply = await fetch(`http://${url}/api/overview`);
      return reply.ok ? reply.text() : String(reply.status);
    };

    /** Resolves when several consecutive requests were answered by these instances and no other. */
    async function answeredBy(...names: readonly string[]): Promise<void> {
      await waitFor(`answers of ${names.join(" and ")}`, async () => {
        const seen = new Set<string>();
        for (let i = 0; i < 8; i++) seen.add(await ask());
        return seen.size === names.length && names.every((name) => seen.has(name));
      });
    }

    test("requests go to ready instances, and to live ones if none is ready", async () => {
      await answeredBy("one", "two");
      one.isReady = false;
      await answeredBy("two");
      two.isReady = false;
      await answeredBy("one", "two");
      two.isAlive = false;
      await answeredBy("one");
      one.isAlive = false;
      await answeredBy("503");
      Object.assign(one, { isAlive: true, isReady: true });
      Object.assign(two, { isAlive: true, isReady: true });
      await answeredBy("one", "two");
    });

    test("WebSockets pass", async () => {
      const socket = new WebSocket(`ws://${url}/ws`);
      const name = await new Promise<string>((resolve, reject) => {
        socket.once("message", (data) => resolve(String(data)));
        socket.once("error", reject);
      });
      assert.match(name, /^(one|two)$/);
      socket.terminate();
    });
  });
});
