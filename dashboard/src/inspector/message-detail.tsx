/** One message in full: as it came, what it changed, and the data behind it. */
import type { Json } from "@swapstats/client";
import { useMemo, useState } from "preact/hooks";
import { exact, formatBytes } from "../format/figures.ts";
import { exactTime, formatClock, formatSpan } from "../format/times.ts";
import { Button, Tabs } from "../ui/controls.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { type JsonLine, jsonLines } from "./json-lines.ts";
import { JsonView } from "./json-view.tsx";
import type { Message } from "./message-log.ts";
import { Notes } from "./message-table.tsx";
import { escapeUnseen } from "./unseen.ts";

type Form = "changes" | "message" | "data";

export function MessageDetail({ message, onClose }: { readonly message: Message; readonly onClose: () => void }) {
  const { kind, channel, after, before } = message;
  const forms = formsOf(message);
  const [form, setForm] = useState<Form>((forms[0] as { value: Form }).value);
  const lines = useMemo(() => linesOf(message, form), [message, form]);
  const changed = lines.filter(({ mark }) => mark !== undefined).length;
  return (
    <>
      <header class="pane-head">
        <h2>
          {kind} <Notes message={message} />
        </h2>
        <Button label="Close" icon="close" iconOnly kind="quiet" onClick={onClose} />
      </header>
      <Facts message={message} />
      {channel !== undefined && <p class="pane-channel mono">{escapeUnseen(channel)}</p>}
      <div class="pane-tools">
        {forms.length > 1 && <Tabs label="What is shown" value={form} options={forms} onChange={setForm} />}
        <CopyButton text={() => (form === "data" && after !== undefined ? JSON.stringify(after) : message.text)} />
        {before !== undefined && (form !== "message" || kind === "patch") && (
          <span class="pane-count">
            {changed === 0 ? "nothing changed" : `${exact(changed)} ${changed === 1 ? "place" : "places"} changed`}
          </span>
        )}
      </div>
      {message.isCut && form === "message" && (
        <p class="pane-note">Its first 64 KiB; the whole message has {formatBytes(message.bytes)}.</p>
      )}
      <JsonView lines={lines} label={form === "data" ? "Data after the message" : "Message"} />
    </>
  );
}

function formsOf({ kind, before, after }: Message): { readonly value: Form; readonly label: string }[] {
  const message = { value: "message", label: "Message" } as const;
  const data = { value: "data", label: "Data" } as const;
  const changes = { value: "changes", label: "Changes" } as const;
  if (after === undefined) return [message];
  return before === undefined || kind === "snapshot" ? [message, data] : [message, changes, data];
}

function linesOf({ text, isCut, kind, before, after }: Message, form: Form): readonly JsonLine[] {
  if (form === "data" && after !== undefined) return jsonLines(after, { before });
  if (form === "changes" && after !== undefined) return jsonLines(after, { before, onlyChanges: true });
  const value = isCut ? undefined : parsed(text);
  if (value === undefined) return text.split("\n").map((line) => ({ depth: 0, text: escapeUnseen(line) }));
  // The places of a patch are those of the data: its members are compared with the data before.
  return kind === "patch" && before !== undefined
    ? jsonLines(value, { before: { ...withoutPatch(value), patch: before } as Json, isPatch: true })
    : jsonLines(value);
}

/** The members beside the patch tell of the message and not of the data: they are not compared. */
function withoutPatch(value: Json): object {
  const { patch: _, ...others } = value as { readonly [name: string]: Json };
  return others;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

const clockOf = (timeMs: number | undefined): string | undefined =>
  timeMs === undefined ? undefined : `${formatClock(timeMs)}.${String(timeMs % 1_000).padStart(3, "0")}`;

function Facts({ message: { atMs, bytes, rev, prevRev, epoch, lagMs, asOf } }: { readonly message: Message }) {
  const facts: readonly (readonly [label: string, value: string | undefined, title: string])[] = [
    ["Time", clockOf(atMs), exactTime(atMs)],
    ["As of", clockOf(asOf), exactTime(asOf)],
    ["Length", `${exact(bytes)} bytes`, ""],
    [
      "Revision",
      rev === undefined ? undefined : `${prevRev === undefined ? "" : `${exact(prevRev)} → `}${exact(rev)}`,
      "",
    ],
    ["Epoch", epoch, "Revisions of different epochs do not compare"],
    ["Lag", lagMs === undefined ? undefined : formatSpan(lagMs), "Age of the oldest record that is not in the data"],
  ];
  return (
    <dl class="pane-facts">
      {facts.map(
        ([label, value, title]) =>
          value !== undefined && (
            <div key={label} title={title === "" ? undefined : title}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
