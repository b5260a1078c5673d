/** The client's own low level, and JSON.parse of each value, in a process of its own: `node parse-side.ts TOPIC`. */
import { byClient, type Topic } from "../kafka/client-loop.ts";
import { answerQuery, halfTeller } from "./side-lines.ts";

const topic = JSON.parse(process.argv[2]!) as Topic;
const count = halfTeller(topic.records);
await byClient(topic, (value) => {
  if (!(JSON.parse(value.toString()).event_time > 0)) throw new Error("a record has no time");
  count(1);
});
await answerQuery(() => ({ figures: {} }));
