/** Members of one group on a real broker: their assignments, and how members join, leave and return. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, type TestContext, test } from "node:test";
import { addPartitions, createTopic, type Kafka, startKafka } from "../../../../scripts/servers/kafka.ts";
import { GroupMember } from "../../../src/sources/kafka/group-member.ts";
import { tempDir } from "../../support/tmp.ts";

const PARTITIONS = 6;

class Member {
  readonly member: GroupMember;
  assigned: readonly number[] = [];
  #waiting: (() => void) | undefined;

  constructor(kafka: Kafka, topic: string, instanceId: string, protocol: "classic" | "consumer" = "classic") {
    this.member = new GroupMember({
      connection: { brokers: kafka.brokers, clientId: instanceId, connectTimeoutMs: 2_000, requestTimeoutMs: 10_000 },
      topic,
      groupId: `group-of-${topic}`,
      instanceId,
      protocol,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 10_000,
      onProblem: () => {},
      onPartitions: () => {},
      onAssigned: (partitions) => {
        this.assigned = partitions;
        this.#waiting?.();
      },
    });
  }

  async until(isRight: (assigned: readonly number[]) => boolean): Promise<void> {
    while (!isRight(this.assigned)) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}

/** A session of the consumer protocol: a setting of the broker. */
const SESSION = {
  "group.consumer.min.session.timeout.ms": "3000",
  "group.consumer.session.timeout.ms": "3000",
  "group.consumer.min.heartbeat.interval.ms": "300",
  "group.consumer.heartbeat.interval.ms": "300",
};

/** A member in a process of its own, once it has partitions. */
async function memberProcess(
  t: TestContext,
  kafka: Kafka,
  topic: string,
): Promise<{ process: ChildProcess; assigned(): readonly number[] }> {
  const script = join(import.meta.dirname, "member-process.ts");
  const child = spawn(process.execPath, [script, kafka.brokers.join(","), topic, "child"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let assigned: readonly number[] = [];
  const first = Promise.withResolvers<void>();
  createInterface({ input: child.stdout! }).on("line", (line) => {
    assigned = JSON.parse(line) as number[];
    if (assigned.length > 0) first.resolve();
  });
  await first.promise;
  return { process: child, assigned: () => assigned };
}

describe("a consumer group's members", () => {
  const folder = tempDir({ after }, "group-member");
  let kafka: Kafka;
  before(async () => {
    kafka = await startKafka({ folder, properties: SESSION });
  });
  after(() => kafka.kill());

  for (const protocol of ["classic", "consumer"] as const) {
    test(`share the partitions, move few when a member joins, and take over at once when one leaves: ${protocol}`, async () => {
      const topic = `shared-${protocol}`;
      await createTopic(kafka, topic, PARTITIONS);
      const a = new Member(kafka, topic, "a", protocol);
      await a.member.start();
      await a.until((assigned) => assigned.length === PARTITIONS);
      const alone = a.member.numbers;
      assert.deepEqual([alone.isMember, alone.assigned, alone.rebalances], [true, PARTITIONS, 1]);
      const b = new Member(kafka, topic, "b", protocol);
      assert.deepEqual(b.member.numbers, { isMember: false, assigned: 0, rebalances: 0, lastRebalanceMs: 0 });
      await b.member.start();
      await b.until((assigned) => assigned.length === 3);
      await a.until((assigned) => assigned.length === 3);
      assert.deepEqual([...a.assigned, ...b.assigned].sort(), [0, 1, 2, 3, 4, 5]);
      const shared = a.member.numbers;
      assert.ok(shared.rebalances > alone.rebalances && (protocol === "consumer" || shared.lastRebalanceMs > 0));
      assert.deepEqual([shared.isMember, shared.assigned, b.member.numbers.assigned], [true, 3, 3]);
      const kept = a.assigned;
      await b.member.leave();
      assert.deepEqual([b.member.numbers.isMember, b.member.numbers.assigned], [false, 0]);
      await a.until((assigned) => assigned.length === PARTITIONS);
      assert.ok(kept.every((partition) => a.assigned.includes(partition)));

      assert.deepEqual(await a.member.committed([0, 1]), new Map());
      a.member.commit(1, 17);
      a.member.commit(1, 18);
      await a.member.leave();
      const c = new Member(kafka, topic, "c", protocol);
      assert.deepEqual(await c.member.committed([0, 1]), new Map([[1, 18]]));
      assert.deepEqual(await c.member.committed([1]), new Map([[1, 18]]));
      await c.member.leave();
    });

    test(`the group continues after a restart of the broker: ${protocol}`, async () => {
      const topic = `restarted-${protocol}`;
      await createTopic(kafka, topic, PARTITIONS);
      const a = new Member(kafka, topic, "a", protocol);
      const b = new Member(kafka, topic, "b", protocol);
      await a.member.start();
      await b.member.start();
      await a.until((assigned) => assigned.length === 3);
      await b.until((assigned) => assigned.length === 3);
      const [broker] = kafka.nodes;
      await broker?.kill();
      await broker?.restart();
      const c = new Member(kafka, topic, "c", protocol);
      await c.member.start();
      await c.until((assigned) => assigned.length === 2);
      await b.until((assigned) => assigned.length === 2);
      await a.until((assigned) => assigned.length === 2);
      assert.deepEqual([...a.assigned, ...b.assigned, ...c.assigned].sort(), [0, 1, 2, 3, 4, 5]);
      await Promise.all([a.member.leave(), b.member.leave(), c.member.leave()]);
    });
  }

  test("consumer protocol: a member that was stopped for longer than its session returns, and a killed one is replaced", async (t) => {
    const topic = "stopped";
    await createTopic(kafka, topic, PARTITIONS);
    const a = new Member(kafka, topic, "a", "consumer");
    await a.member.start();
    await a.until((assigned) => assigned.length === PARTITIONS);
    const child = await memberProcess(t, kafka, topic);
    await a.until((assigned) => assigned.length === 3);
    child.process.kill("SIGSTOP");
    await a.until((assigned) => assigned.length === PARTITIONS);
    child.process.kill("SIGCONT");
    await a.until((assigned) => assigned.length === 3);
    child.process.kill("SIGKILL");
    await a.until((assigned) => assigned.length === PARTITIONS);
    a.member.commit(5, 3);
    await a.member.leave();
    const late = new Member(kafka, topic, "late", "consumer");
    assert.deepEqual(await late.member.committed([5]), new Map([[5, 3]]));
    await late.member.leave();
  });

  test("consumer protocol: added partitions are assigned, too", async () => {
    const topic = "grown";
    await createTopic(kafka, topic, 2);
    const a = new Member(kafka, topic, "a", "consumer");
    await a.member.start();
    await a.until((assigned) => assigned.length === 2);
    await addPartitions(kafka, topic, 5);
    await a.until((assigned) => assigned.length === 5);
    await a.member.leave();
  });
});
