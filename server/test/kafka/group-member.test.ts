/** Members of one group on a real broker: who gets which partitions, and how members come, go and come back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { GroupMember } from "../../src/sources/kafka/group-member.ts";
import { tempDir } from "../support/tmp.ts";

const PARTITIONS = 6;

class Member {
  readonly member: GroupMember;
  assigned: readonly number[] = [];
  #waiting: (() => void) | undefined;

  constructor(kafka: Kafka, topic: string, instanceId: string, sessionTimeoutMs = 6_000) {
    this.member = new GroupMember({
      connection: { brokers: kafka.brokers, clientId: instanceId, connectTimeoutMs: 2_000, requestTimeoutMs: 10_000 },
      topic,
      groupId: `group-of-${topic}`,
      instanceId,
      sessionTimeoutMs,
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

describe("a consumer group's members", () => {
  const folder = tempDir({ after }, "group-member");
  let kafka: Kafka;
  before(async () => {
    kafka = await startKafka({ folder });
  });
  after(() => kafka.kill());

  test("share the partitions, move few when one comes, and take over at once when one leaves", async () => {
    await createTopic(kafka, "shared", PARTITIONS);
    const a = new Member(kafka, "shared", "a");
    await a.member.start();
    await a.until((assigned) => assigned.length === PARTITIONS);
    const alone = a.member.numbers;
    assert.deepEqual([alone.isMember, alone.assigned, alone.rebalances], [true, PARTITIONS, 1]);
    const b = new Member(kafka, "shared", "b");
    assert.deepEqual(b.member.numbers, { isMember: false, assigned: 0, rebalances: 0, lastRebalanceMs: 0 });
    await b.member.start();
    await b.until((assigned) => assigned.length === 3);
    await a.until((assigned) => assigned.length === 3);
    assert.deepEqual([...a.assigned, ...b.assigned].sort(), [0, 1, 2, 3, 4, 5]);
    const shared = a.member.numbers;
    assert.ok(shared.rebalances > alone.rebalances && shared.lastRebalanceMs > 0);
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
    const c = new Member(kafka, "shared", "c");
    assert.deepEqual(await c.member.committed([0, 1]), new Map([[1, 18]]));
    await c.member.leave();
  });

  test("the broker restarts, and the group goes on", async () => {
    await createTopic(kafka, "restarted", PARTITIONS);
    const a = new Member(kafka, "restarted", "a");
    const b = new Member(kafka, "restarted", "b");
    await a.member.start();
    await b.member.start();
    await a.until((assigned) => assigned.length === 3);
    await b.until((assigned) => assigned.length === 3);
    const [broker] = kafka.nodes;
    await broker?.kill();
    await broker?.restart();
    const c = new Member(kafka, "restarted", "c");
    await c.member.start();
    await c.until((assigned) => assigned.length === 2);
    await b.until((assigned) => assigned.length === 2);
    await a.until((assigned) => assigned.length === 2);
    assert.deepEqual([...a.assigned, ...b.assigned, ...c.assigned].sort(), [0, 1, 2, 3, 4, 5]);
    await Promise.all([a.member.leave(), b.member.leave(), c.member.leave()]);
  });
});
