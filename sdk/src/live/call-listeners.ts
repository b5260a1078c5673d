/** Calls those who listen. */

/** Calls every listener. The error of one is reported as an uncaught error is, and the others are called all the same. */
export function callListeners<T>(listeners: Iterable<(value: T) => void>, value: T): void {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      (globalThis.reportError ?? console.error)(error);
    }
  }
}
