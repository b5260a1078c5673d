/** The history thread of a benchmark of the applying thread: it takes what is sent as the real one does, and drops it. */
import { type MessagePort, workerData } from "node:worker_threads";
import { takenOut } from "../../server/src/history/taken-out.ts";
import type { FromHistory, ToHistory } from "../../server/src/ports/history-stream.ts";

const { port } = workerData as { readonly port: MessagePort };
port.on("message", (message: ToHistory) => {
  if (message.type === "end") port.close();
  else
    takenOut(message, (memory) => port.postMessage({ type: "spare", memory } satisfies FromHistory, [memory.buffer]));
});
