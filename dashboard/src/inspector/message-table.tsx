/** The messages, the newest at the end. Only the rows in sight are in the page. */
import { useState } from "preact/hooks";
import { exact, formatBytes } from "../format/figures.ts";
import { exactTime, formatClock, formatSpan } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge, Empty } from "../ui/parts.tsx";
import type { Message } from "./message-log.ts";
import { escapeUnseen } from "./unseen.ts";
import { VirtualRows } from "./virtual-rows.tsx";

const ROW_PX = 26;

type Props = {
  readonly messages: readonly Message[];
  /** Number of the message that is shown in full. */
  readonly chosen: number | undefined;
  readonly onChoose: (message: Message | undefined) => void;
};

const idOf = (no: number): string => `message-${no}`;

export function MessageTable({ messages, chosen, onChoose }: Props) {
  const [isFollowing, setIsFollowing] = useState(true);
  const [followToken, setFollowToken] = useState(0);
  const at = chosen === undefined ? -1 : messages.findIndex(({ no }) => no === chosen);
  if (messages.length === 0) {
    return <Empty title="No message passes the filter">New ones that do appear here as they come.</Empty>;
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at === -1 ? messages.length - 1 : at - 1,
      Home: 0,
      End: messages.length - 1,
    }[event.key];
    if (event.key === "Escape") onChoose(undefined);
    else if (to !== undefined) onChoose(messages[Math.min(messages.length - 1, Math.max(0, to))]);
    else return;
    event.preventDefault();
  };
  return (
    <div class="messages">
      <div class="message heads" aria-hidden="true">
        <span>Time</span>
        <span />
        <span>Kind</span>
        <span>Channel</span>
        <span class="number">Revision</span>
        <span class="number">Bytes</span>
        <span class="number">After</span>
        <span class="number">Lag</span>
        <span>Notes</span>
      </div>
      <VirtualRows
        label="Messages"
        role="listbox"
        count={messages.length}
        rowHeight={ROW_PX}
        firstNo={messages[0]?.no ?? 0}
        followsEnd
        followToken={followToken}
        onFollowing={setIsFollowing}
        shown={at === -1 ? undefined : at}
        activeId={chosen === undefined ? undefined : idOf(chosen)}
        onKeyDown={onKeyDown}
        row={(index) => {
          const message = messages[index] as Message;
          return <Row key={message.no} message={message} isChosen={message.no === chosen} onChoose={onChoose} />;
        }}
      />
      {!isFollowing && (
        <div class="messages-jump">
          <Button label="Newest" icon="chevron" onClick={() => setFollowToken(followToken + 1)} />
        </div>
      )}
    </div>
  );
}

function Row({
  message,
  isChosen,
  onChoose,
}: {
  readonly message: Message;
  readonly isChosen: boolean;
  readonly onChoose: (message: Message | undefined) => void;
}) {
  const { no, direction, atMs, kind, channel, rev, prevRev, bytes, lagMs, afterMs } = message;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the focus, and moves the choice by arrow keys
    // biome-ignore lint/a11y/useFocusableInteractive: as above
    <div
      id={idOf(no)}
      class={`message ${direction} kind-${kind}${isChosen ? " chosen" : ""}`}
      role="option"
      aria-selected={isChosen}
      onClick={() => onChoose(isChosen ? undefined : message)}
    >
      <span title={exactTime(atMs)}>
        {formatClock(atMs)}
        <small>.{String(atMs % 1_000).padStart(3, "0")}</small>
      </span>
      <span class="message-direction" title={direction === "in" ? "From the service" : "To the service"}>
        {direction === "in" ? "↓" : "↑"}
        <span class="unseen">{direction}</span>
      </span>
      <span class="message-kind">{kind}</span>
      <span class="message-channel mono" title={channel === undefined ? undefined : escapeUnseen(channel)}>
        {channel === undefined ? "" : escapeUnseen(channel)}
      </span>
      <span
        class="number"
        title={prevRev === undefined ? undefined : `From revision ${exact(prevRev)} to ${exact(rev)}`}
      >
        {prevRev !== undefined && <small>{exact(prevRev)} → </small>}
        {rev === undefined ? "" : exact(rev)}
      </span>
      <span class="number" title={`${exact(bytes)} bytes`}>
        {formatBytes(bytes)}
      </span>
      <span class="number" title="Time since the channel's message before">
        {afterMs === undefined ? "" : formatSpan(afterMs)}
      </span>
      <span class="number" title="Age of the oldest record that is not in the data">
        {lagMs === undefined ? "" : formatSpan(lagMs)}
      </span>
      <span class="message-notes">
        <Notes message={message} />
      </span>
    </div>
  );
}

export function Notes({ message: { isStale, skipped, isEqual } }: { readonly message: Message }) {
  return (
    <>
      {isStale && (
        <Badge tone="warn" title="No instance owns the data at present; this is the last known state">
          stale
        </Badge>
      )}
      {skipped > 0 && (
        <Badge tone="warn" title="Swaps that were left out before these, because this page fell behind">
          {exact(skipped)} skipped
        </Badge>
      )}
      {isEqual === true && (
        <Badge tone="up" title="The data that was put together here has the checksum of the service">
          equal
        </Badge>
      )}
      {isEqual === false && (
        <Badge tone="down" title="The data that was put together here has another checksum">
          different
        </Badge>
      )}
    </>
  );
}
