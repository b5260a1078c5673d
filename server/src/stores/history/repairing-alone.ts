import { SwapstatsError } from "../../shared/errors.ts";

/** Of a process that wants to repair `where` while another one does. */
export const otherRepairs = (where: string): SwapstatsError =>
  new SwapstatsError(
    "unavailable",
    `Another process repairs the history in ${where}. Run the command again when it has ended.`,
    { retryable: true },
  );

/** Of a process that the server forgot while it repaired. */
export const lockLost = (where: string, cause: unknown): SwapstatsError =>
  new SwapstatsError(
    "unavailable",
    `The repair was given up: ${where} has ended the connection that kept other processes from repairing. Run the command again; it goes on where this one ended.`,
    { cause, retryable: true },
  );
