/** A listener to a feed. It applies updates as a client does, and notes every step back. */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch, equalJson } from "@swapstats/protocol/merge-patch.ts";
import { compareEpochs } from "../../../src/cluster/contract.ts";
import type { ChannelSpec, ChannelUpdate, StatsBus } from "../../../src/ports/stats-bus.ts";

export class Watcher {
  readonly faults: string[] = [];
  updates = 0;
  last: ChannelUpdate | undefined;
  held: JsonObject | undefined;
  bus: StatsBus | undefined;
  #close: (() => void) | undefined;
  #isEnded = false;
  readonly #spec: ChannelSpec;

  constructor(spec: ChannelSpec) {
    this.#spec = spec;
  }

  get isOpen(): boolean {
    return this.#close !== undefined;
  }

  /** Tries until the bus opens the feed. */
  async watch(bus: StatsBus): Promise<void> {
    this.bus = bus;
    while (!this.#isEnded && this.#close === undefined) {
      const opened = await bus.subscribe(this.#spec, (update) => this.#take(update)).catch(() => undefined);
      if (opened?.kind !== "opened") await new Promise((resolve) => setTimeout(resolve, 10));
      else if (this.#isEnded) opened.close();
      else this.#close = opened.close;
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#close?.();
    this.#close = undefined;
  }

  #take(update: ChannelUpdate): void {
    if (this.#isEnded) return;
    this.updates += 1;
    const before = this.last;
    const data = JSON.parse(update.data) as JsonObject;
    if (before !== undefined) this.#compare(before, update);
    if (update.patch !== undefined && before !== undefined) {
      if (update.prevRev !== before.rev || update.epoch !== before.epoch)
        this.faults.push("patch for another revision");
      else if (!equalJson(applyMergePatch(this.held, JSON.parse(update.patch)), data))
        this.faults.push("patch is wrong");
    }
    this.held = data;
    this.last = update;
  }

  #compare(before: ChannelUpdate, update: ChannelUpdate): void {
    const step = `${before.epoch}:${before.rev} -> ${update.epoch}:${update.rev}`;
    if (before.epoch === update.epoch) {
      if (update.rev < before.rev) this.faults.push(`revision went back: ${step}`);
    } else if (this.#spec.kind === "token" && compareEpochs(update.epoch, before.epoch) < 0) {
      this.faults.push(`epoch went back: ${step}`);
    } else if (this.#spec.kind === "overview") {
      const [a, b] = [before.epoch.split("."), update.epoch.split(".")];
      if (b.some((epoch, i) => compareEpochs(epoch, a[i] ?? "0") < 0)) this.faults.push(`an epoch went back: ${step}`);
    }
  }
}
