/** The frame of the page: header, the view that the address names, and the form for a token where one is needed. */

import type { Client } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { InspectorView } from "../inspector/inspector-view.tsx";
import { OperationsView } from "../operations/operations-view.tsx";
import { ScreenerView } from "../screener/screener-view.tsx";
import { TokenView } from "../token/token-view.tsx";
import { ACCESS_WANTED } from "../ui/problem.tsx";
import type { Route, ViewName } from "../ui/route.ts";
import { AccessForm } from "./access.tsx";
import { Header } from "./header.tsx";
import { useTheme } from "./theme.ts";
import { useClient } from "./use-client.ts";
import { useRoute } from "./use-route.ts";

const VIEW_OF: Readonly<
  Record<ViewName, (props: { readonly client: Client; readonly route: Route }) => preact.JSX.Element>
> = {
  screener: ScreenerView,
  token: TokenView,
  inspector: InspectorView,
  operations: OperationsView,
};
const TITLES: Readonly<Record<ViewName, string>> = {
  screener: "Screener",
  token: "Token",
  inspector: "Inspector",
  operations: "Operations",
};

export function App() {
  const route = useRoute();
  const [theme, chooseTheme] = useTheme();
  const { client, token, generation, refused, use } = useClient();
  const [wanted, setWanted] = useState(false);
  const [lastToken, setLastToken] = useState("");
  useEffect(() => {
    const open = (): void => setWanted(true);
    addEventListener(ACCESS_WANTED, open);
    return () => removeEventListener(ACCESS_WANTED, open);
  }, []);
  useEffect(() => {
    if (route.view === "token" && route.id !== "") setLastToken(route.id);
    document.title = `${TITLES[route.view]} · swapstats`;
  }, [route.view, route.id]);

  const View = VIEW_OF[route.view];
  const asks = wanted || refused !== undefined;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <Header
        key={generation}
        client={client}
        view={route.view}
        lastToken={lastToken}
        at={route.params.get("at") ?? undefined}
        theme={theme}
        onTheme={chooseTheme}
        onSignOut={token === undefined ? undefined : () => use(undefined)}
      />
      <main id="main" tabIndex={-1}>
        {asks ? (
          <AccessForm
            refused={token === undefined ? undefined : refused}
            onToken={(given) => {
              setWanted(false);
              use(given);
            }}
            onCancel={refused === undefined ? () => setWanted(false) : undefined}
          />
        ) : (
          <View key={`${generation} ${route.view}`} client={client} route={route} />
        )}
      </main>
    </>
  );
}
