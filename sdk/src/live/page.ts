/** Whether the page is hidden, and when the network comes back. Elsewhere than in a page nothing is ever hidden. */

type Page = { readonly isHidden: () => boolean; readonly close: () => void };

/** Calls `onChange` when the page is hidden or shown, and when the network is back, until it is closed. */
export function watchPage(onChange: (change: "hidden" | "shown" | "online") => void): Page {
  const { document } = globalThis;
  if (document === undefined) return { isHidden: () => false, close: () => {} };
  const isHidden = (): boolean => document.visibilityState === "hidden";
  const onVisibility = (): void => onChange(isHidden() ? "hidden" : "shown");
  const onOnline = (): void => onChange("online");
  document.addEventListener("visibilitychange", onVisibility);
  globalThis.addEventListener("online", onOnline);
  return {
    isHidden,
    close: () => {
      document.removeEventListener("visibilitychange", onVisibility);
      globalThis.removeEventListener("online", onOnline);
    },
  };
}
