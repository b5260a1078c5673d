/** The channels of the connection with their sums: those that were opened here, and those that the page itself has open. */
import { exact, formatBytes } from "../format/figures.ts";
import { exactTime, formatSpan } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge, type Tone } from "../ui/parts.tsx";
import { useNow } from "../ui/use-store.ts";
import { type ChannelRequest, channelName } from "./channel-request.ts";
import { type ChannelSums, rateOf } from "./message-log.ts";
import type { OpenChannel } from "./open-channels.ts";
import { escapeUnseen } from "./unseen.ts";

type Props = {
  readonly channels: readonly OpenChannel[];
  readonly sums: readonly ChannelSums[];
  /** Name of the channel by which messages are filtered. Empty: none. */
  readonly chosen: string;
  readonly onChoose: (channel: string) => void;
  readonly onCode: (request: ChannelRequest) => void;
  readonly onClose: (key: string) => void;
};

export function ChannelList({ channels, sums, chosen, onChoose, onCode, onClose }: Props) {
  const now = useNow();
  const own = new Set(channels.map(({ channel }) => channel));
  const others = sums.filter(({ channel }) => !own.has(channel));
  return (
    <section class="panel channels" aria-label="Channels">
      <ul>
        {channels.map((open) => (
          <li key={open.key} class={isChosen(open.channel, chosen) ? "channel chosen" : "channel"}>
            <ChannelHead open={open} chosen={chosen} onChoose={onChoose}>
              <Button
                label="Copy as code"
                icon="inspector"
                iconOnly
                kind="quiet"
                onClick={() => onCode(open.request)}
              />
              <Button label="Close channel" icon="close" iconOnly kind="quiet" onClick={() => onClose(open.key)} />
            </ChannelHead>
            <Told open={open} />
            <Options request={open.request} />
            <Sums sums={sums.find(({ channel }) => channel === open.channel)} now={now} />
          </li>
        ))}
        {others.map((one) => (
          <li key={one.channel} class={isChosen(one.channel, chosen) ? "channel chosen" : "channel"}>
            <div class="channel-head">
              <NameButton name={one.channel} channel={one.channel} chosen={chosen} onChoose={onChoose} />
              <Badge title="The page itself has this channel open">page</Badge>
            </div>
            <Sums sums={one} now={now} />
          </li>
        ))}
      </ul>
      {channels.length + others.length === 0 && <p class="channels-none">No channel is open.</p>}
    </section>
  );
}

const isChosen = (channel: string | undefined, chosen: string): boolean => chosen !== "" && channel === chosen;

function ChannelHead({
  open,
  chosen,
  onChoose,
  children,
}: {
  readonly open: OpenChannel;
  readonly chosen: string;
  readonly onChoose: (channel: string) => void;
  readonly children: preact.ComponentChildren;
}) {
  return (
    <div class="channel-head">
      <NameButton name={channelName(open.request)} channel={open.channel} chosen={chosen} onChoose={onChoose} />
      <span class="channel-tools">{children}</span>
    </div>
  );
}

/** Filters the messages by the channel, and ends that when it is pressed again. */
function NameButton({
  name,
  channel,
  chosen,
  onChoose,
}: {
  readonly name: string;
  readonly channel: string | undefined;
  readonly chosen: string;
  readonly onChoose: (channel: string) => void;
}) {
  return (
    <button
      type="button"
      class="channel-name mono"
      title={channel === undefined ? undefined : `Messages of ${escapeUnseen(channel)} alone`}
      aria-pressed={isChosen(channel, chosen)}
      disabled={channel === undefined}
      onClick={() => onChoose(isChosen(channel, chosen) ? "" : (channel ?? ""))}
    >
      {escapeUnseen(name)}
    </button>
  );
}

/** How the channel stands, where it is not simply live. */
function Told({ open: { error, isPending, isStale, channel } }: { readonly open: OpenChannel }) {
  if (error !== undefined) {
    return (
      <p class="channel-error" role="alert">
        <Badge tone="warn">{error.code}</Badge> {escapeUnseen(error.message)}
      </p>
    );
  }
  const told: readonly [Tone, string, string] | undefined = isPending
    ? ["accent", "Pending", "No swap has named this token yet. Its snapshot comes with the first one."]
    : channel === undefined
      ? ["neutral", "Opening", "The service has not answered yet."]
      : isStale
        ? ["warn", "Stale", "The data may be out of date. It follows by itself."]
        : undefined;
  if (told === undefined) return null;
  const [tone, word, title] = told;
  return (
    <p class="channel-told">
      <Badge tone={tone} title={title}>
        {word}
      </Badge>{" "}
      {isPending && title}
    </p>
  );
}

/** What was asked for besides the name. */
function Options({ request: { windows, fields, limit, order, conflateMs } }: { readonly request: ChannelRequest }) {
  const told = [
    windows?.join(", "),
    fields?.join(", "),
    limit === undefined ? undefined : `limit ${limit}`,
    order,
    conflateMs === undefined ? undefined : `conflated to one in ${formatSpan(conflateMs)}`,
  ].filter((text) => text !== undefined);
  return told.length === 0 ? null : <p class="channel-options">{told.join(" · ")}</p>;
}

function Sums({ sums, now }: { readonly sums: ChannelSums | undefined; readonly now: number }) {
  if (sums === undefined) return null;
  const rate = rateOf(sums, now);
  const { messages, bytes, snapshots, skipped, checksumsEqual, checksumsDifferent, last } = sums;
  const checks = checksumsEqual + checksumsDifferent;
  const facts: readonly (readonly [label: string, value: string, title: string])[] = [
    ["msg/s", rate.messages.toFixed(1), `${exact(messages)} messages, ${exact(snapshots)} of them snapshots`],
    ["bytes/s", formatBytes(rate.bytes), `${exact(bytes)} bytes, the longest message ${exact(sums.bytesMax)}`],
    ["total", formatBytes(bytes), `${exact(messages)} messages, ${exact(bytes)} bytes`],
    ["rev", last?.rev === undefined ? "–" : exact(last.rev), last === undefined ? "" : `As of ${exactTime(last.asOf)}`],
    ["lag", formatSpan(last?.lagMs), "Age of the oldest record that is not in the data"],
    [
      "every",
      rate.messages === 0 ? "–" : formatSpan(1_000 / rate.messages),
      "Time between two messages, over the last ten seconds",
    ],
  ];
  return (
    <>
      <dl class="channel-sums">
        {facts.map(([label, value, title]) => (
          <div key={label} title={title}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {skipped > 0 && (
        <p class="channel-checks is-stale">{exact(skipped)} swaps were left out: this page fell behind</p>
      )}
      {checks > 0 && (
        <p class={checksumsDifferent > 0 ? "channel-checks is-stale" : "channel-checks"}>
          {checksumsDifferent > 0
            ? `${checksumsDifferent} of ${checks} checksums differ`
            : `${checks} ${checks === 1 ? "checksum" : "checksums"} verified`}
        </p>
      )}
    </>
  );
}
