/** The bar above every view: navigation, the market, the connection, and the menu. */
import type { Client, StoreMeta } from "@swapstats/client";
import { Popover } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";
import { hrefTo, type ViewName } from "../ui/route.ts";
import { useLive } from "../ui/use-store.ts";
import { Connection } from "./connection.tsx";
import { Market } from "./market.tsx";
import { Menu } from "./menu.tsx";
import type { Theme } from "./theme.ts";

const LABELS: Readonly<Record<ViewName, string>> = {
  screener: "Screener",
  token: "Token",
  inspector: "Inspector",
  operations: "Operations",
};

const PAST_VIEWS: ReadonlySet<ViewName> = new Set(["screener", "token"]);

type HeaderProps = {
  readonly client: Client;
  readonly view: ViewName;
  /** The token that was shown last, to which the navigation returns. Empty: none. */
  readonly lastToken: string;
  /** The past instant that the page shows, as the address has it. Links to what has a past keep it. */
  readonly at: string | undefined;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
  /** Undefined: no token is in use. */
  readonly onSignOut: (() => void) | undefined;
};

export function Header({ client, view, lastToken, at, theme, onTheme, onSignOut }: HeaderProps) {
  const market = useLive("market", () => client.market());
  const meta: StoreMeta | undefined = market.meta;
  return (
    <header class="bar">
      <a class="brand" href={hrefTo("screener")}>
        <Mark />
        <span>swapstats</span>
      </a>
      <nav class="views" aria-label="Views">
        {(Object.keys(LABELS) as ViewName[]).map((name) => (
          <a
            key={name}
            href={hrefTo(name, name === "token" ? lastToken : "", PAST_VIEWS.has(name) ? { at } : {})}
            aria-current={name === view ? "page" : undefined}
          >
            <Icon name={name} />
            <span>{LABELS[name]}</span>
          </a>
        ))}
      </nav>
      <Market data={market.data} stale={market.stale} />
      <div class="bar-end">
        <Connection client={client} meta={meta} />
        <Popover label="Menu" button={<Icon name="more" />}>
          <Menu theme={theme} onTheme={onTheme} onSignOut={onSignOut} />
        </Popover>
      </div>
    </header>
  );
}

/** The mark: two swaps that pass each other. */
function Mark() {
  return (
    <svg class="mark" width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <path class="mark-a" d="M3 8.5h11l-3.6-4.2" />
      <path class="mark-b" d="M19 13.5H8l3.6 4.2" />
    </svg>
  );
}
