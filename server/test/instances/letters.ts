/** Reads the topic of dead letters with the client's own reader, so that our reader does not judge itself. */
import { Consumer } from "@platformatic/kafka";
import { waitFor } from "../../../scripts/servers/process.ts";

export type Letter = {
  readonly code: string;
  readonly partition: number;
  readonly offset: number;
  readonly raw: Buffer;
};

/** Returns all letters, by partition and offset, once there are this many. More are an error. */
export async function lettersOf(
  t: { after(run: () => Promise<void>): void },
  brokers: readonly string[],
  topic: string,
  count: number,
): Promise<Letter[]> {
  const consumer = new Consumer({ clientId: "test", groupId: `letters-${topic}`, bootstrapBrokers: [...brokers] });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", maxWaitTime: 100, autocommit: false });
  t.after(async () => {
    await stream.close();
    await consumer.close(true);
  });
  const letters: Letter[] = [];
  stream.on("data", ({ value, headers }: { value: Buffer; headers: Map<Buffer, Buffer> }) => {
    const named = Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)]));
    const { code = "", partition, offset } = named;
    letters.push({ code, partition: Number(partition), offset: Number(offset), raw: value ?? Buffer.alloc(0) });
  });
  await waitFor(`${count} dead letters`, async () => letters.length >= count, 120_000);
  return letters.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
