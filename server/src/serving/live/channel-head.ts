/** What names a feed in messages. */

export type ChannelHead = {
  /** Canonical name. Feeds with other options may have the same. */
  readonly channel: string;
  /** Number of the feed in this process, from 1. It stands for the channel in messages that are to be small. */
  readonly number: number;
};

let newest = 0;

/** Returns the head of a new feed. */
export function channelHead(channel: string): ChannelHead {
  newest += 1;
  return { channel, number: newest };
}
