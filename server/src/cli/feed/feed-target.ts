import type { FeederLetter } from "../../ports/feeder.ts";
import type { IngestPort } from "../../ports/intake.ts";

/** Where the command `feed` brings swaps. It is a port, as the log of a service is. */
export type FeedTarget = {
  readonly label: string;
  readonly port: IngestPort;
  /** Events that a body may hold. */
  readonly bodyEventsMax: number;
  /** Keeps refused records where the target has a place for them. */
  readonly keepLetters: (letters: readonly FeederLetter[]) => void;
  /** Folder for the position, where the target has one. */
  readonly stateFolder: string | undefined;
  close(): Promise<void>;
};
