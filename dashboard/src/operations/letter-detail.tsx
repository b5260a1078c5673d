/** One dead letter: why, from where, and its bytes as text or in hexadecimal digits. */
import type { DeadLetter } from "@swapstats/client";
import { useMemo, useState } from "preact/hooks";
import { exact, formatBytes } from "../format/figures.ts";
import { exactTime } from "../format/times.ts";
import { Tabs } from "../ui/controls.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { scrollable } from "../ui/scrollable.ts";
import { bytesOf, hexLines, isBinary, RECORD_BYTES_MAX, textParts } from "./record-bytes.ts";

/** A text of unknown origin. Characters that show as nothing, or that turn the text around them, are named. */
export function SafeText({ text }: { readonly text: string }) {
  const parts = useMemo(() => textParts(text), [text]);
  return (
    <bdi dir="ltr">
      {parts.map((part, i) =>
        part.isName ? (
          <span key={i} class="named">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </bdi>
  );
}

export function LetterDetail({ letter }: { readonly letter: DeadLetter }) {
  const bytes = useMemo(() => bytesOf(letter), [letter]);
  const [form, setForm] = useState<"text" | "hex">(isBinary(letter) ? "hex" : "text");
  const hex = useMemo(() => (form === "hex" ? hexLines(bytes) : []), [bytes, form]);
  // A character that the limit goes through was left out.
  const isCut = bytes.length > RECORD_BYTES_MAX - 4;
  const hexText = (): string => hex.map((line) => `${line.at}  ${line.hex.padEnd(48)}  ${line.text}`).join("\n");
  return (
    <div class="letter-detail">
      <p>
        <SafeText text={letter.message} />
      </p>
      <dl class="letter-facts">
        <div>
          <dt>Arrived</dt>
          <dd>{exactTime(letter.arrival)}</dd>
        </div>
        <div>
          <dt>{letter.feeder === undefined ? "Position" : "Feeder"}</dt>
          <dd>
            {letter.feeder === undefined
              ? `partition ${letter.partition}, record ${exact(letter.offset)}`
              : `${letter.feeder}, record ${exact(letter.offset)}`}
          </dd>
        </div>
        <div>
          <dt>Record</dt>
          <dd>{isCut ? `its first ${formatBytes(bytes.length)}` : formatBytes(bytes.length)}</dd>
        </div>
      </dl>
      <div class="letter-tools">
        <Tabs
          label="Form of the record"
          value={form}
          options={[
            { value: "text", label: "Text" },
            { value: "hex", label: "Hex" },
          ]}
          onChange={setForm}
        />
        <CopyButton text={() => (form === "hex" ? hexText() : letter.raw)} />
        {letter.raw_base64 !== undefined && form === "text" && (
          <span class="ops-aside">The bytes are not UTF-8; those that are not are shown as �.</span>
        )}
      </div>
      {form === "text" ? (
        <pre class="record" {...scrollable("Record as text")}>
          <SafeText text={letter.raw} />
        </pre>
      ) : (
        <pre class="record hex" {...scrollable("Record in hexadecimal digits")}>
          {hex.map((line) => (
            <div key={line.at}>
              <span class="hex-at">{line.at}</span> <span class="hex-bytes">{line.hex}</span> <span>{line.text}</span>
            </div>
          ))}
        </pre>
      )}
    </div>
  );
}
