/** A button that copies a text. */
import { useEffect, useState } from "preact/hooks";
import { Button } from "./controls.tsx";

const SAID_MS = 2_000;

type Said = "copied" | "failed" | undefined;

export function CopyButton({
  label = "Copy",
  text,
  kind = "plain",
}: {
  readonly label?: string;
  /** Returns the text at the time of the click. */
  readonly text: () => string;
  readonly kind?: "plain" | "quiet" | "primary";
}) {
  const [said, setSaid] = useState<Said>(undefined);
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => setSaid(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => setSaid((await copied(text())) ? "copied" : "failed");
  const shown = said === undefined ? label : said === "copied" ? "Copied" : "Not copied";
  return (
    <Button
      label={shown}
      kind={kind}
      icon={said === "copied" ? "check" : "copy"}
      onClick={() => {
        void copy();
      }}
    />
  );
}

/** Resolves to whether the clipboard has the text. Pages that are not served over TLS have no clipboard of their own; a selected field does it. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    const focused = document.activeElement;
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    document.body.append(field);
    field.select();
    try {
      return document.execCommand("copy");
    } finally {
      field.remove();
      if (focused instanceof HTMLElement) focused.focus();
    }
  }
}
