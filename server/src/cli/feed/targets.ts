/** Where the command `feed` brings swaps: a service, a topic, or the log of a data folder. Each is an `IngestPort`, as the log of a service is. */
import { isDeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import type { Config } from "../../config/config.ts";
import type { IngestPort, IngestResult } from "../../ports/intake.ts";
import { KafkaSink, type KafkaTarget, kafkaTarget } from "../kafka-sink.ts";
import { ServiceClient } from "../service-client.ts";
import type { FeedTarget } from "./feed-target.ts";
import { openFolderTarget } from "./folder-target.ts";

const LINE_FEED = 10;
/** Below the default of `api.http.max_batch`. The client halves a body that another service refuses as too large. */
const BODY_EVENTS_MAX = 1_000;

/** `to` is `kafka`, `kafka://...`, the address of a service, or a data folder. `signal` ends requests that run. Rejects when the target cannot be reached. */
export async function openTarget(to: string, config: Config, signal: AbortSignal, token?: string): Promise<FeedTarget> {
  if (to === "kafka" || to.startsWith("kafka:")) return openKafkaTarget(kafkaTarget(to, config), config);
  if (/^https?:\/\//.test(to)) return openServiceTarget(to, signal, token);
  return openFolderTarget(to, config);
}

async function openServiceTarget(url: string, signal: AbortSignal, token: string | undefined): Promise<FeedTarget> {
  const client = new ServiceClient(url, signal, token);
  // A wrong address ends the command at once.
  await client.status();
  return {
    label: url,
    port: { ingest: (body) => client.postSwaps(new Uint8Array(body)) },
    bodyEventsMax: BODY_EVENTS_MAX,
    keepLetters: () => {},
    stateFolder: undefined,
    close: async () => {},
  };
}

async function openKafkaTarget(target: KafkaTarget, config: Config): Promise<FeedTarget> {
  const port = new KafkaPort(target, config);
  await port.open();
  return {
    label: target.label,
    port,
    bodyEventsMax: BODY_EVENTS_MAX,
    keepLetters: () => {},
    stateFolder: undefined,
    close: () => port.close(),
  };
}

/** A topic as a port: a body is taken when the brokers have all of its lines. */
class KafkaPort implements IngestPort {
  readonly #target: KafkaTarget;
  readonly #config: Config;
  #sink: KafkaSink | undefined;
  #rejected: IngestResult["rejected"] = [];

  constructor(target: KafkaTarget, config: Config) {
    this.#target = target;
    this.#config = config;
  }

  async open(): Promise<KafkaSink> {
    this.#sink ??= await KafkaSink.open(this.#target, this.#config.app.chains, (_file, index, code, ...line) => {
      const message = isDeadLetterCode(code) ? refusalText(code, ...line) : code;
      this.#rejected.push({ index, code, message });
    });
    return this.#sink;
  }

  async ingest(body: Uint8Array): Promise<IngestResult> {
    this.#rejected = [];
    try {
      const sink = await this.open();
      let lines = 0;
      for (let start = 0; start < body.length; lines++) {
        const end = body.indexOf(LINE_FEED, start);
        const behind = sink.take(body, start, end, 0, lines);
        if (behind !== undefined) await behind;
        start = end + 1;
      }
      await sink.flush();
      return { accepted: lines - this.#rejected.length, rejected: this.#rejected };
    } catch (error) {
      // A producer that has failed cannot be used again.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.close();
  }
}
