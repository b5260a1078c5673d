/** Entity tags. All are weak: responses with the same tag have the same figures, while as_of and the edges of windows differ. */
import { createHash } from "node:crypto";

/** `W/"<epoch>:<rev>:<selection>"`. The parts hold no quotes, commas or spaces. */
export function weakEtag(epoch: string, rev: number, selection: string): string {
  return `W/"${epoch}:${rev}:${selection}"`;
}

/** Returns a short hash of a text, for responses in which more than the revision can change. */
export function textTag(text: string): string {
  return createHash("sha1").update(text).digest("base64url");
}

/**
 * Whether `If-None-Match` names the tag: `*`, or a list that contains it, weak or strong (the weak comparison of RFC 9110,
 * section 8.8.3.2). A header that breaks the grammar matches nothing.
 */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag) return true;
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = opaqueOf(etag);
  for (const match of ifNoneMatch.matchAll(/(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)) {
    if (match[1] === opaque) return true;
  }
  return false;
}

const opaqueOf = (etag: string): string => (etag.startsWith("W/") ? etag.slice(2) : etag);
