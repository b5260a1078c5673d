/** A member of a group in a process of its own, which can be killed or stopped: `BROKERS TOPIC NAME`, one line of partitions for each assignment. */
import { GroupMember } from "../../../src/sources/kafka/group-member.ts";

const [brokers = "", topic = "", instanceId = ""] = process.argv.slice(2);
const member = new GroupMember({
  connection: { brokers: brokers.split(","), clientId: instanceId, connectTimeoutMs: 2_000, requestTimeoutMs: 10_000 },
  topic,
  groupId: `group-of-${topic}`,
  protocol: "consumer",
  instanceId,
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 10_000,
  onProblem: () => {},
  onPartitions: () => {},
  onAssigned: (partitions) => process.stdout.write(`${JSON.stringify(partitions)}\n`),
});
await member.start();
