/** What pollers bring, in components. */
import type { Client, HttpCalls, Status } from "@swapstats/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, PAGE, type Polled, Poller } from "./poller.ts";
import { type Sample, sampleOf, withSample } from "./status-history.ts";

const STATUS_EVERY_MS = 2_000;
const NOTHING = { value: undefined, atMs: undefined, error: undefined, failures: 0, nextAtMs: undefined };

function failureOf(error: unknown): Failure {
  const { code = "internal", message = String(error), retryAfterMs } = error as Partial<Failure>;
  return { code, message, retryAfterMs };
}

type Ask<T> = (http: HttpCalls, signal: AbortSignal) => Promise<T>;

/** Asks while the component is shown. `askNow` asks before the interval is over. */
export function usePolled<T>(
  client: Client,
  everyMs: number,
  ask: Ask<T>,
): { readonly polled: Polled<T>; readonly askNow: () => void } {
  const [polled, setPolled] = useState<Polled<T>>(NOTHING);
  const poller = useRef<Poller<T>>(undefined);
  useEffect(() => {
    setPolled(NOTHING);
    poller.current = new Poller({
      ...{ everyMs, failureOf, platform: PAGE, onChange: setPolled },
      ask: (signal) => ask(client.http, signal),
    });
    return () => poller.current?.close();
  }, [client, everyMs]);
  return { polled, askNow: () => poller.current?.askNow() };
}

/** The samples stay when the view is left, as long as the page has the client. */
const HISTORIES = new WeakMap<Client, readonly Sample[]>();

export function useStatus(client: Client): {
  readonly polled: Polled<Status>;
  readonly samples: readonly Sample[];
  readonly askNow: () => void;
} {
  const { polled, askNow } = usePolled(client, STATUS_EVERY_MS, (http, signal) => http.status({ signal }));
  const { value, atMs } = polled;
  let samples = HISTORIES.get(client) ?? [];
  if (value !== undefined && atMs !== undefined && (samples.at(-1)?.atMs ?? 0) < atMs) {
    samples = withSample(samples, sampleOf(value, atMs));
    HISTORIES.set(client, samples);
  }
  return { polled, samples, askNow };
}
