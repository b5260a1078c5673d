/** Tells a client which members of its request do not exist. */
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";

const TOLD_MAX = 5;

/** Returns a sentence for each unknown member, with a similar known name; empty if all members are known. */
export function unknownMembers(members: object, known: readonly string[]): string {
  const unknown = Object.keys(members).filter((name) => !known.includes(name));
  const told = unknown
    .slice(0, TOLD_MAX)
    .map((name) => ` ${JSON.stringify(printableCut(name))} is not one of them${didYouMean(name, known)}.`);
  const more = unknown.length - told.length;
  return `${told.join("")}${more > 0 ? ` ${more} more are not.` : ""}`;
}
