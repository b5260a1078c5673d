/**
 * The content of a message as bytes. In format 2 it begins with a line of lengths in bytes, the first of which is that of the head. The head as
 * JSON and the texts of figures follow. A member that holds such a text is 0 in the head. Figures are thus neither escaped into another JSON text
 * nor parsed. Measured for 500 rows of 570 bytes: 2.1 ms instead of 4.3 ms for both ends, and a tenth fewer bytes.
 */
import { type ClusterMessage, type Format, type ItemsMessage, messageOf } from "./protocol.ts";

/** An item that waits to be sent. */
export type Encoded = { readonly head: string; readonly texts: readonly string[]; readonly chars: number };

/** Members that hold texts of figures, in the order of the texts behind the head. */
const TEXTS = ["body", "json", "data", "patch"] as const;
type Holder = { [member in (typeof TEXTS)[number]]?: unknown };

export function encodeItem(item: object, format: Format): Encoded {
  const texts: string[] = [];
  const head = JSON.stringify(format === 1 ? item : withHolders(item, (holder) => lifted(holder, texts)));
  return { head, texts, chars: texts.reduce((sum, text) => sum + text.length, head.length) };
}

/** Returns the content of a message with these items. */
export function encodeItems(
  type: ItemsMessage["type"],
  high: number,
  items: readonly Encoded[],
  format: Format,
): Buffer {
  const head = `{"type":"${type}","high":${high},"items":[${items.map((item) => item.head).join(",")}]}`;
  if (format === 1) return Buffer.from(head);
  const all = [head, ...items.flatMap((item) => item.texts)];
  const lengths = all.map((text) => Buffer.byteLength(text)).join(",");
  return Buffer.from(`${lengths}\n${all.join("")}`);
}

/** Returns the message in a content, or undefined if the content is not a message. */
export function decodeMessage(content: Buffer, format: Format): ClusterMessage | undefined {
  try {
    return format === 1 ? messageOf(JSON.parse(content.toString())) : decodeParts(content);
  } catch {
    return undefined;
  }
}

const NEWLINE = 0x0a;

function decodeParts(content: Buffer): ClusterMessage | undefined {
  const end = content.indexOf(NEWLINE);
  const lengths = content.toString("latin1", 0, end).split(",");
  let at = end + 1;
  let part = 0;
  // Each text is decoded separately, because a slice of a longer string would keep all of it in memory.
  const next = (): string => {
    const length = Number(lengths[part++]);
    if (!Number.isSafeInteger(length) || length < 0 || at + length > content.length) throw new Error("no such part");
    at += length;
    return content.toString("utf8", at - length, at);
  };
  const message = messageOf(JSON.parse(next()));
  if (message === undefined || message.type === "announce") return message;
  const items = message.items.map((item) => withHolders(item, (holder) => filled(holder, next)));
  return { ...message, items } as ItemsMessage;
}

function lifted(holder: Holder, texts: string[]): Holder {
  const head = { ...holder };
  for (const member of TEXTS) {
    const text = head[member];
    if (typeof text !== "string") continue;
    texts.push(text);
    head[member] = 0;
  }
  return head;
}

function filled(holder: Holder, next: () => string): Holder {
  for (const member of TEXTS) if (holder[member] === 0) holder[member] = next();
  return holder;
}

type Part = { readonly found?: Holder };
type Carrier = {
  readonly answer?: {
    readonly items?: readonly Part[];
    readonly found?: Holder;
    readonly rows?: readonly Holder[];
  } | null;
  readonly rows?: readonly Holder[];
};

/** Returns the item with `change` applied to every object that may hold texts. The order is the same for equal items. */
function withHolders(item: object, change: (holder: Holder) => Holder): object {
  const { answer, rows } = item as Carrier;
  const partOf = (part: Part): Part => (part.found === undefined ? part : { ...part, found: change(part.found) });
  if (answer === undefined || answer === null) {
    const changed = change(item as Holder);
    return rows === undefined ? changed : { ...changed, rows: rows.map(change) };
  }
  if (answer.items !== undefined) return { ...item, answer: { ...answer, items: answer.items.map(partOf) } };
  if (answer.rows !== undefined) return { ...item, answer: { ...answer, rows: answer.rows.map(change) } };
  return answer.found === undefined ? item : { ...item, answer: partOf(answer) };
}
