/**
 * Marks cells that changed for a moment. The colour fades in two steps, each for all cells at once: animations of some hundred cells
 * would make the browser compute styles and draw in every frame (3.2 ms of styles a frame for 300 cells), and these do so ten times a
 * second at most.
 */

type Flash = { readonly element: HTMLElement; step: number; untilMs: number };

/** Time of each step, in ms. */
const STEPS_MS = [240, 360] as const;
/** Steps that end within this time end together. */
const TICK_MS = 100;

const flashes = new Map<HTMLElement, Flash>();

/** Marks an element by the attribute `data-flash`, whose value is the name with the step behind it. A running mark begins again. */
export function flash(element: HTMLElement, name: string): void {
  element.dataset.flash = `${name}-0`;
  if (flashes.size === 0) setTimeout(advance, TICK_MS);
  flashes.set(element, { element, step: 0, untilMs: performance.now() + STEPS_MS[0] });
}

function advance(): void {
  const nowMs = performance.now();
  for (const one of flashes.values()) {
    if (one.untilMs > nowMs) continue;
    one.step += 1;
    const stepMs = STEPS_MS[one.step];
    if (stepMs === undefined || !one.element.isConnected) {
      delete one.element.dataset.flash;
      flashes.delete(one.element);
    } else {
      one.element.dataset.flash = `${one.element.dataset.flash?.slice(0, -1)}${one.step}`;
      one.untilMs = nowMs + stepMs;
    }
  }
  if (flashes.size > 0) setTimeout(advance, TICK_MS);
}
