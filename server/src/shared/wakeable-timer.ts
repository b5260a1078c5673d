/** A pause that can be ended early, for loops that work at an interval and sooner when there is a reason. */
export class WakeableTimer {
  #end: (() => void) | undefined;
  #isWoken = false;

  /** Resolves after `ms`, or at a call of `wake`, including one that came since the last pause ended. One pause runs at a time. */
  pause(ms: number): Promise<void> {
    if (this.#isWoken) {
      this.#isWoken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end?.(), ms);
      this.#end = () => {
        clearTimeout(timer);
        this.#end = undefined;
        resolve();
      };
    });
  }

  wake(): void {
    if (this.#end === undefined) this.#isWoken = true;
    else this.#end();
  }
}
