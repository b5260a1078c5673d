/** The theme: the system's or a chosen one, which the browser remembers. */
import { useEffect, useState } from "preact/hooks";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "swapstats.theme";

function remembered(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    // The browser keeps nothing for this page.
    return "system";
  }
}

/** Event that tells of a changed theme, for what is drawn and not styled, such as charts. */
const THEME_CHANGED = "themechange";

export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(remembered);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const show = (): void => {
      const shown = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
      if (document.documentElement.dataset.theme === shown) return;
      document.documentElement.dataset.theme = shown;
      dispatchEvent(new Event(THEME_CHANGED));
    };
    show();
    dark.addEventListener("change", show);
    return () => dark.removeEventListener("change", show);
  }, [theme]);
  const choose = (chosen: Theme): void => {
    setTheme(chosen);
    try {
      if (chosen === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
    } catch {
      // The choice holds until the page is closed.
    }
  };
  return [theme, choose];
}
