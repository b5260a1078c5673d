/** The place that the address names, kept up to date. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { changedHash, type ParamChanges, type Route, readHash } from "../ui/route.ts";

/** Changes the address. The browser tells no listener when it is replaced, so this does. */
function go(hash: string, replace: boolean): void {
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener("hashchange", follow);
    addEventListener("popstate", follow);
    return () => {
      removeEventListener("hashchange", follow);
      removeEventListener("popstate", follow);
    };
  }, []);
  return useMemo(
    () => ({
      ...readHash(hash),
      // Several changes between two renders add up, so each begins with the address and not with what was rendered.
      set: (changes: ParamChanges, { replace = false } = {}) => go(changedHash(location.hash, changes), replace),
    }),
    [hash],
  );
}
