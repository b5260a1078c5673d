/** Builds the requests that open channels. */
import type { Subscription } from "./subscription.ts";

/** A channel as a request names it, and the subscriptions that it is for. */
type Opening = {
  readonly name: string;
  readonly channel: object;
  readonly isResumed: boolean;
  readonly chars: number;
  readonly subscriptions: readonly Subscription[];
};

type OpeningRequest = {
  readonly action: "subscribe" | "resume";
  readonly subscriptions: readonly Subscription[];
  /** Members of the list: `channel`, the position, and the options of each. */
  readonly channels: readonly object[];
};

const CHANNELS_MAX = 100;
/** Half of what a message may have by default; a name has few characters outside of ASCII. */
const CHARS_MAX = 32_768;
/** What an address may have besides the list. */
const STREAM_CHARS_MAX = 7_500;

/** Returns requests for all of the subscriptions, each within the limits of a message. */
export function openingRequests(subscriptions: Iterable<Subscription>): readonly OpeningRequest[] {
  const openings = openingsOf(subscriptions);
  const requests: OpeningRequest[] = [];
  for (const action of ["resume", "subscribe"] as const) {
    let batch: Opening[] = [];
    let chars = 0;
    const finish = (): void => {
      if (batch.length > 0) requests.push({ action, ...joined(batch) });
      batch = [];
      chars = 0;
    };
    for (const opening of openings) {
      if (opening.isResumed !== (action === "resume")) continue;
      const isAlone = opening.subscriptions.some((one) => one.isAlone);
      // The response names channels by the name of the request, and all queries have one name.
      const isTaken = batch.some(({ name }) => name === opening.name);
      if (isAlone || isTaken || batch.length >= CHANNELS_MAX || chars + opening.chars > CHARS_MAX) finish();
      batch.push(opening);
      chars += opening.chars;
      if (isAlone) finish();
    }
    finish();
  }
  return requests;
}

/** Returns the channels of a stream of events, whose list is in its address, and the subscriptions for which it has no room. */
export function streamRequest(
  subscriptions: Iterable<Subscription>,
): Omit<OpeningRequest, "action"> & { readonly left: readonly Subscription[]; readonly isLater: boolean } {
  const taken: Opening[] = [];
  const left: Subscription[] = [];
  let isLater = false;
  let chars = 0;
  for (const opening of openingsOf(subscriptions)) {
    const size = encodeURIComponent(JSON.stringify(opening.channel)).length;
    if (taken.some(({ name }) => name === opening.name)) {
      // It has a name of its own once the service has answered, and the next stream has it too.
      isLater = true;
    } else if (taken.length > 0 && (taken.length >= CHANNELS_MAX || chars + size > STREAM_CHARS_MAX)) {
      left.push(...opening.subscriptions);
    } else {
      taken.push(opening);
      chars += size;
    }
  }
  return { ...joined(taken), left, isLater };
}

const joined = (openings: readonly Opening[]): Omit<OpeningRequest, "action"> => ({
  subscriptions: openings.flatMap((one) => one.subscriptions),
  channels: openings.map(({ channel }) => channel),
});

/** Subscriptions of one name and equal options share an opening. */
function openingsOf(subscriptions: Iterable<Subscription>): readonly Opening[] {
  const groups = new Map<string, Subscription[]>();
  for (const subscription of subscriptions) {
    const key = `${subscription.requestName} ${subscription.optionsKey}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [subscription]);
    else group.push(subscription);
  }
  return [...groups.values()].map(openingOf);
}

function openingOf(group: readonly Subscription[]): Opening {
  const { requestName: name, options, state } = group[0] as Subscription;
  const { base } = state;
  const isShared = group.every(
    ({ state: { base: other } }) => other?.epoch === base?.epoch && other?.rev === base?.rev,
  );
  const isResumed = base !== undefined && isShared;
  const number = name.startsWith("swaps:") ? { seq: base?.rev } : { rev: base?.rev };
  const channel = { channel: name, ...(isResumed ? { epoch: base.epoch, ...number } : {}), ...options };
  return { name, channel, isResumed, chars: JSON.stringify(channel).length, subscriptions: group };
}
