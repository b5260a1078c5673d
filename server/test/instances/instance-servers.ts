/** The servers of a suite of several instances, and the instances' common settings. Hooks start and stop them with the suite. */
import { after, before } from "node:test";
import { type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../../scripts/servers/nats.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import { tempDir } from "../support/tmp.ts";

type InstanceServers = { kafka: Kafka; redis: RedisServer; nats: NatsServer };

/** Called within the suite. The members exist during its tests. */
export function instanceServers(name: string): InstanceServers {
  const servers = {} as InstanceServers;
  after(() => servers.kafka.kill());
  after(() => servers.redis.stop());
  after(() => servers.nats.stop());
  const folder = tempDir({ after }, name);
  before(async () => {
    servers.kafka = await startKafka({ folder: `${folder}/kafka` });
    servers.redis = await startRedis({ folder: `${folder}/redis` });
    servers.nats = await startNats({ folder: `${folder}/nats` });
  });
  return servers;
}

/** Keys of an instance with checkpoints in Redis. Topic, group and prefix have one name. */
export function instanceSettings(
  { kafka, redis, nats }: InstanceServers,
  topic: string,
  instance: string,
): Record<string, string> {
  return {
    "windows.clock": "event",
    "ingest.source": "kafka",
    "ingest.brokers": kafka.brokers.join(","),
    "ingest.topic": topic,
    "ingest.group_id": topic,
    "ingest.session_timeout": "6s",
    "app.instance_id": instance,
    "app.workers": "2",
    "app.snapshot_interval": "200ms",
    "pubsub.nats.url": nats.url,
    "stores.checkpoint": "redis",
    "stores.redis.addr": `${redis.host}:${redis.port}`,
    "stores.redis.prefix": `${topic}:`,
  };
}
