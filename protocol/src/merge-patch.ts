/**
 * JSON merge patches (RFC 7396), which lead the data of a channel from one revision to the next. An object in a patch is merged into the
 * object at its place, null removes a member, and everything else replaces.
 */

import type { Json, JsonObject } from "./json.ts";

type Draft = { [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Own members only: a key such as `constructor` or `__proto__` is a key like any other. */
const memberOf = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

function setMember(draft: Draft, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(draft, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    draft[key] = value;
  }
}

function copyOf(object: JsonObject): Draft {
  const draft: Draft = {};
  for (const key of Object.keys(object)) setMember(draft, key, object[key] as Json);
  return draft;
}

/** Returns `target` with the patch merged in. Neither is changed. The result shares unchanged parts with `target`. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? copyOf(target) : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key] as Json;
    if (value === null) delete result[key];
    else setMember(result, key, applyMergePatch(memberOf(result, key), value));
  }
  return result;
}

/**
 * Returns the smallest patch with `applyMergePatch(from, patch)` equal to `to`, and `{}` if they are equal. Throws TypeError if `to` holds
 * a null outside of arrays, because a merge patch cannot set a member to null.
 */
export function diffMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  const patch: Draft = {};
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) setMember(patch, key, null);
  }
  for (const key of Object.keys(to)) {
    const before = memberOf(from, key);
    const after = to[key] as Json;
    if (after === null) throw new TypeError(`a merge patch cannot set ${JSON.stringify(key)} to null`);
    if (isObject(before) && isObject(after)) {
      const inner = diffMergePatch(before, after);
      if (Object.keys(inner).length > 0) setMember(patch, key, inner);
    } else if (before === undefined || !equalJson(before, after)) {
      // An object replaces another value. The diff from nothing checks it for nulls.
      setMember(patch, key, isObject(after) ? diffMergePatch({}, after) : after);
    }
  }
  return patch;
}

/**
 * Returns one patch with the effect of `first` and then `second` on any data. Undefined if no merge patch has it: `first` removes or
 * replaces an object and `second` puts an object at its place. A patch with that object would be merged into the old one, whose members
 * are not known here.
 */
export function composeMergePatches(first: JsonObject, second: JsonObject): JsonObject | undefined {
  const result = copyOf(first);
  for (const key of Object.keys(second)) {
    const earlier = memberOf(first, key);
    const later = second[key] as Json;
    if (earlier === undefined || !isObject(later)) {
      setMember(result, key, later);
      continue;
    }
    if (!isObject(earlier)) return undefined;
    const inner = composeMergePatches(earlier, later);
    if (inner === undefined) return undefined;
    setMember(result, key, inner);
  }
  return result;
}

/** Returns whether two values are equal. The order of members does not matter. */
export function equalJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, i) => equalJson(value, b[i] as Json));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key] as Json, b[key] as Json));
}
