/** The bare framework with one route that returns given bytes by token. Started by `fork`; otherwise like service.ts. */
import Fastify from "fastify";
import type { ServerReport } from "./service.ts";

export type BareAnswers = { readonly type: "answers"; readonly byId: Readonly<Record<string, string>> };

const answers = new Map<string, Buffer>();
const app = Fastify();
app.get<{ Params: { id: string } }>("/api/tokens/:id/stats", (request, reply) => {
  reply.type("application/json; charset=utf-8").send(answers.get(request.params.id));
});
await app.listen({ host: "127.0.0.1", port: 0 });

process.on("message", (message: BareAnswers | "cpu") => {
  if (message !== "cpu") {
    for (const [id, text] of Object.entries(message.byId)) answers.set(id, Buffer.from(text));
    return;
  }
  const { user, system } = process.cpuUsage();
  process.send?.({ type: "cpu", seconds: (user + system) / 1e6 } satisfies ServerReport);
});
process.on("disconnect", () => process.exit(0));
const address = app.server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
process.send?.({ type: "listening", port } satisfies ServerReport);
