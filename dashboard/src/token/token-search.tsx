/** Where the address names no token, or no single one: the tokens to choose from. */
import type { Client, FoundTokens } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { Field } from "../ui/controls.tsx";
import { Empty, Figure, Skeleton } from "../ui/parts.tsx";
import { hrefTo } from "../ui/route.ts";

type Found = FoundTokens["items"];
type Reason = "none" | "unknown" | "ambiguous";

const TITLES: Readonly<Record<Reason, string>> = {
  none: "Choose a token",
  unknown: "No such token",
  ambiguous: "Several tokens have this name",
};
const SHOWN = 20;
/** A pause in typing after which the service is asked. */
const TYPING_MS = 150;

export function TokenSearch({
  client,
  reason,
  name,
}: {
  readonly client: Client;
  readonly reason: Reason;
  readonly name: string;
}) {
  const [text, setText] = useState(name);
  const { found, problem } = useSearch(client, text.trim());
  const isExact = reason === "ambiguous" && text === name;
  const listed = isExact ? found?.filter(({ symbol }) => symbol?.toLowerCase() === name.toLowerCase()) : found;
  return (
    <div class="token-search" data-state={reason}>
      <Empty title={TITLES[reason]} icon="search">
        {reason === "unknown" &&
          `No swap has named “${name}”. Names are ids such as 1:0xc02a…6cc2, addresses and symbols.`}
        {reason === "ambiguous" &&
          `“${name}” is the symbol of several tokens. A symbol is a label: choose by chain and address.`}
        {reason === "none" && "By its symbol, its address, or its id: chain and address."}
      </Empty>
      <Field label="Search for a token" labelHidden icon="search" type="search" value={text} onInput={setText} />
      {problem !== undefined && <p role="alert">{problem}</p>}
      <Choices found={listed} text={text.trim()} />
    </div>
  );
}

function Choices({ found, text }: { readonly found: Found | undefined; readonly text: string }) {
  if (found === undefined) return text === "" ? null : <Skeleton rows={3} />;
  if (found.length === 0) return <p class="no-choice">No token has a name like this.</p>;
  const window = found.find((item) => item.window !== undefined)?.window;
  return (
    <table class="choices">
      <thead>
        <tr>
          <th scope="col">Token</th>
          <th scope="col">Chain</th>
          <th scope="col">Address</th>
          <th scope="col" class="number">
            Volume{window === undefined ? "" : ` ${window}`}
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map(({ id, symbol, chain_id, volume_usd }) => (
          <tr key={id}>
            <td>
              <a href={hrefTo("token", id)}>{symbol ?? "no symbol"}</a>
            </td>
            <td>{chain_id}</td>
            <td class="choice-id">
              <code title={id}>{id.slice(id.indexOf(":") + 1)}</code>
            </td>
            <td class="number">
              <Figure value={volume_usd} form="usd" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Asks the service while a reader types. Answers to an older text are dropped. */
function useSearch(client: Client, text: string) {
  const [state, setState] = useState<{ found?: Found; problem?: string }>({});
  useEffect(() => {
    setState({});
    if (text === "") return;
    const ended = new AbortController();
    const timer = setTimeout(() => {
      client.http.search({ query: text, limit: SHOWN }, { signal: ended.signal }).then(
        ({ items }) => ended.signal.aborted || setState({ found: items }),
        (error: Error) => ended.signal.aborted || setState({ problem: error.message }),
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [client, text]);
  return state;
}
