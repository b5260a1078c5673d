/** Thrown by commands that already printed what failed, for example a check that found damage. The exit code is 1. */
export class CommandFailed extends Error {}
