/**
 * Composes merge patches: holds the newest value of every member that consecutive patches set, and the number of the patch that set it. The patch
 * from any of their revisions to the newest consists of the members with a higher number. So clients that are behind by different revisions share the
 * work, each patch is parsed once, and the result is no longer than the data.
 */
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";

type Node = {
  /** Number of the patch that set the member; for an object, of the patch that made it one. */
  at: number;
  /** A value that is no object; null: removed. Undefined for an object. */
  value: Json | undefined;
  /** Undefined if the member is no object. */
  members: Map<string, Node> | undefined;
  /**
   * Number of the patch that removed or replaced an earlier object here, if the member is an object again. Its members are not known, so no merge
   * patch leads from before to the new object.
   */
  brokenAt: number;
};

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export class ChangeTree {
  readonly #members = new Map<string, Node>();
  #nodes = 0;

  /** Members that are held. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Adds a patch. Its number must be higher than those before. */
  add(patch: JsonObject, number: number): void {
    this.#merge(this.#members, patch, number);
  }

  /** Returns the text of the patch with the effect of all patches with a higher number. Undefined if no merge patch has it. */
  since(number: number): string | undefined {
    const text = changesText(this.#members, number);
    return text === undefined ? undefined : `{${text}}`;
  }

  #merge(members: Map<string, Node>, patch: JsonObject, number: number): void {
    for (const key of Object.keys(patch)) {
      const value = patch[key] as Json;
      let node = members.get(key);
      if (node === undefined) {
        node = { at: number, value: undefined, members: undefined, brokenAt: 0 };
        members.set(key, node);
        this.#nodes += 1;
        if (isObject(value)) node.members = new Map();
      } else if (!isObject(value)) {
        if (node.members !== undefined) this.#forget(node.members);
        node.at = number;
        node.members = undefined;
      } else if (node.members === undefined) {
        node.brokenAt = node.at;
        node.at = number;
        node.members = new Map();
      }
      node.value = isObject(value) ? undefined : value;
      if (isObject(value)) this.#merge(node.members as Map<string, Node>, value, number);
    }
  }

  #forget(members: ReadonlyMap<string, Node>): void {
    this.#nodes -= members.size;
    for (const { members: inner } of members.values()) if (inner !== undefined) this.#forget(inner);
  }
}

/** Returns the changed members without the outer braces. Undefined if no merge patch leads there. */
function changesText(members: ReadonlyMap<string, Node>, number: number): string | undefined {
  let text = "";
  for (const [key, node] of members) {
    let value: string | undefined;
    if (node.members === undefined) {
      if (node.at > number) value = JSON.stringify(node.value);
    } else {
      if (number < node.brokenAt) return undefined;
      const inner = changesText(node.members, number);
      if (inner === undefined) return undefined;
      if (inner !== "" || node.at > number) value = `{${inner}}`;
    }
    if (value !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${value}`;
  }
  return text;
}
