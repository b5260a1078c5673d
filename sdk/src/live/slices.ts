/** Long work in short tasks, so that a page stays quick: a frame lasts 16 ms. */
const SLICE_MS = 8;

/**
 * Runs the steps, at most about 8 ms in one task, and calls `onEnd` with the result. Work that is short enough ends before this returns. Returns a function
 * that drops the work.
 */
export function inSlices<T>(steps: Iterator<void, T>, onEnd: (result: T) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = (): void => {
    const untilMs = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done) {
        onEnd(value);
        return;
      }
    } while (performance.now() < untilMs);
    timer = setTimeout(run, 0);
  };
  run();
  return () => clearTimeout(timer);
}
