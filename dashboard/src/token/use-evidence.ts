/** Evidence that comes beside the figures: checksums, and the time since which the service has seen everything. */
import type { ChecksumMessage, Client } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";

type Checked = { readonly rev: number; readonly atMs: number; readonly matched: boolean };

/** Returns the last checksum of a channel. The client compares it, and loads the data again where it differs. */
export function useChecksum(client: Client, channel: string | undefined): Checked | undefined {
  const [checked, setChecked] = useState<Checked | undefined>(undefined);
  useEffect(() => {
    setChecked(undefined);
    if (channel === undefined) return;
    return client.inspect(({ direction, atMs, message, text }) => {
      if (direction === "in" && isChecksum(message, channel)) setChecked({ rev: message.rev, atMs, matched: true });
      // After a checksum that differs the client subscribes to the open channel again.
      if (direction === "out" && text.includes(`"${channel}"`) && text.includes('"subscribe"')) {
        setChecked((last) =>
          last === undefined || atMs - last.atMs > AT_ONCE_MS ? last : { ...last, matched: false },
        );
      }
    });
  }, [client, channel]);
  return checked;
}

const AT_ONCE_MS = 1_000;

function isChecksum(message: unknown, channel: string): message is ChecksumMessage {
  const { type, channel: own, crc32 } = message as Partial<ChecksumMessage>;
  return type === "heartbeat" && own === channel && crc32 !== undefined;
}

/**
 * Returns the time since which the service has seen every swap, if the status may be read. Of several partitions with this epoch it is
 * the latest, so that it is true for whichever has the token.
 */
export function useSeenSince(client: Client, epoch: string | undefined): number | undefined {
  const [since, setSince] = useState<number | undefined>(undefined);
  useEffect(() => {
    if (epoch === undefined) return;
    const ended = new AbortController();
    client.http.status({ signal: ended.signal }).then(
      ({ partitions }) => {
        const own = partitions.filter((partition) => partition.epoch === epoch);
        const times = (own.length > 0 ? own : partitions).map(({ seen_since }) => seen_since);
        const known = times.filter((time) => time !== undefined);
        if (!ended.signal.aborted && known.length > 0 && known.length === times.length) setSince(Math.max(...known));
      },
      // Without the scope `admin` the status is not told: then the panel does without this time.
      () => undefined,
    );
    return () => ended.abort();
  }, [client, epoch]);
  return since;
}
