/** JSON merge patches (RFC 7396) that keep the identity of everything that does not change, so that a view renders only what did. */

import type { Json, JsonObject } from "../wire/json.ts";

type Draft = { [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Own members only: a key such as `constructor` is a key like any other. */
const memberOf = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

function setMember(draft: Draft, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(draft, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    draft[key] = value;
  }
}

/** Returns `target` with the patch merged in, and `target` itself if that changes nothing. `target` is not changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return share(target, patch);
  const before = isObject(target) ? target : undefined;
  let draft: Draft | undefined = before === undefined ? {} : undefined;
  for (const key of Object.keys(patch)) {
    const value = patch[key] as Json;
    const member = before === undefined ? undefined : memberOf(before, key);
    const merged = value === null ? undefined : mergePatch(member, value);
    if (merged === member) continue;
    draft ??= { ...before };
    if (merged === undefined) delete draft[key];
    else setMember(draft, key, merged);
  }
  return draft ?? (before as JsonObject);
}

/** Returns a value equal to `after` that has the parts of `before` where they are equal: `before` itself if all is. May change `after`. */
export function share(before: Json | undefined, after: Json): Json {
  if (before === after) return after;
  if (Array.isArray(before) && Array.isArray(after)) {
    let isSame = before.length === after.length;
    for (let i = 0; i < after.length; i++) {
      after[i] = share(before[i], after[i]);
      isSame &&= after[i] === before[i];
    }
    return isSame ? before : after;
  }
  if (!isObject(before) || !isObject(after)) return after;
  const keys = Object.keys(after);
  let isSame = keys.length === Object.keys(before).length;
  for (const key of keys) {
    const member = memberOf(before, key);
    const value = share(member, after[key] as Json);
    setMember(after as Draft, key, value);
    isSame &&= value === member;
  }
  return isSame ? before : after;
}
