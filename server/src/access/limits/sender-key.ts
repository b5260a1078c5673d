/** The name of a sender in the keys of buckets. */
import { createHash } from "node:crypto";
import type { Identity } from "../identity.ts";

/** Longer subjects are named by their hash, so that a key is short whatever a token says. */
const SUBJECT_CHARS_MAX = 100;

/** Returns the key of the subject of a token or API key, which never equals that of another kind. */
export function senderKey({ kind, subject = "" }: Identity): string {
  if (subject.length <= SUBJECT_CHARS_MAX) return `${kind}:${subject}`;
  return `${kind}#${createHash("sha256").update(subject).digest("base64url")}`;
}
