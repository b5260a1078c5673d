/** The menu: theme, documents of the service, end of access. */
import { Button, Tabs } from "../ui/controls.tsx";
import { THEMES, type Theme } from "./theme.ts";

const THEME_OPTIONS = THEMES.map((value) => ({ value, label: `${value[0]?.toUpperCase()}${value.slice(1)}` }));

/** Addresses relative to the page, so that they work behind a path prefix. */
const LINKS = [
  ["docs", "API reference"],
  ["openapi.json", "OpenAPI 3.1"],
  ["asyncapi.json", "AsyncAPI 3.0"],
  ["api/status", "Status as JSON"],
  ["api/dead-letters", "Dead letters as JSON"],
  ["readyz", "Readiness"],
] as const;

export function Menu({
  theme,
  onTheme,
  onSignOut,
}: {
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
  readonly onSignOut: (() => void) | undefined;
}) {
  return (
    <div class="menu">
      <h2>Theme</h2>
      <Tabs label="Theme" value={theme} options={THEME_OPTIONS} onChange={onTheme} />
      <h2>Service</h2>
      <ul>
        {LINKS.map(([href, label]) => (
          <li key={href}>
            <a href={href} target="_blank" rel="noreferrer">
              {label}
            </a>
          </li>
        ))}
      </ul>
      {onSignOut !== undefined && <Button label="Sign out" icon="lock" onClick={onSignOut} />}
    </div>
  );
}
