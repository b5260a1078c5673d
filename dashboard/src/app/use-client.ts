/** The one client of the page. A new token makes a new client. */

import { type Client, type ClientError, createClient } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { keepToken, keptToken } from "./access.tsx";

type InUse = { readonly client: Client; readonly token: string | undefined; readonly generation: number };

/** Opens a client of the service that sent this page, with the page's path prefix. */
function open(token: string | undefined, generation: number): InUse {
  const url = new URL(".", location.href).href;
  const client = createClient({ url, checksum: true, ...(token === undefined ? {} : { token }) });
  return { client, token, generation };
}

/** `generation` is another for each client. Components that hold stores of a client have it in their key. */
export function useClient() {
  const [{ client, token, generation }, setInUse] = useState(() => open(keptToken(), 0));
  const [refused, setRefused] = useState<string | undefined>(undefined);
  useEffect(() => {
    setRefused(undefined);
    const judge = (error: { readonly code: string; readonly message: string } | undefined): void => {
      if (error?.code === "unauthorized") setRefused(error.message);
    };
    // A browser does not tell why a WebSocket was refused, so the smallest call asks whether credentials are needed, and whether these do.
    client.http.market().catch((error: ClientError) => judge(error));
    // Credentials end later, too.
    const market = client.market();
    const unsubscribe = market.subscribe(() => judge(market.error));
    return () => {
      unsubscribe();
      client.close();
    };
  }, [client]);
  const use = (given: string | undefined): void => {
    keepToken(given);
    setInUse(open(given, generation + 1));
  };
  return { client, token, generation, refused, use };
}
