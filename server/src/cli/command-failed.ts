/** Thrown by commands that have said themselves what failed, such as a check that found something; the exit code is 1. */
export class CommandFailed extends Error {}
