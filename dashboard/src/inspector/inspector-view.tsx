/** The messages of the connection as they come: opens channels, lists their messages, and shows one in full or its channel as code. */
import type { Client } from "@swapstats/client";
import { useMemo, useState } from "preact/hooks";
import { Button } from "../ui/controls.tsx";
import { Empty } from "../ui/parts.tsx";
import type { Route } from "../ui/route.ts";
import { useLive } from "../ui/use-store.ts";
import { ChannelList } from "./channel-list.tsx";
import type { ChannelRequest } from "./channel-request.ts";
import { parseRequest, requestText } from "./channel-request.ts";
import { CodePanel } from "./code-panel.tsx";
import { MessageDetail } from "./message-detail.tsx";
import { type Filter, filtered, type Message, NO_FILTER } from "./message-log.ts";
import { MessageTable } from "./message-table.tsx";
import { MessageToolbar } from "./message-toolbar.tsx";
import { CHANNELS_OPEN_MAX, joinRequests, splitRequests, useOpenChannels } from "./open-channels.ts";
import { SubscribeForm } from "./subscribe-form.tsx";
import { useMessages } from "./use-messages.ts";
import "./channel-form.css";
import "./messages.css";
import "./message-pane.css";
import "./narrow.css";

type ViewProps = { readonly client: Client; readonly route: Route };

/** What the pane beside the messages shows. */
type Shown = { readonly message: Message } | { readonly request: ChannelRequest } | undefined;

export function InspectorView({ client, route }: ViewProps) {
  const param = route.params.get("channels") ?? "";
  const requests = useMemo(() => splitRequests(param), [param]);
  const channels = useOpenChannels(client, requests);
  const inspected = useMessages(client);
  const market = useLive("market", () => client.market());
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [shown, setShown] = useState<Shown>(undefined);
  const messages = filtered(inspected.messages, filter);
  const change = (next: readonly ChannelRequest[]): void =>
    route.set({ channels: joinRequests(next) }, { replace: true });
  const open = (request: ChannelRequest): void => {
    const key = requestText(request);
    change([...requests.filter((one) => requestText(one) !== key), request]);
  };
  return (
    <div class={shown === undefined ? "inspector" : "inspector with-pane"}>
      <h1 class="unseen">Stream inspector</h1>
      <aside class="inspector-side">
        <SubscribeForm
          windows={market.data === undefined ? USUAL_WINDOWS : Object.keys(market.data.windows)}
          isFull={requests.length >= CHANNELS_OPEN_MAX}
          onOpen={open}
        />
        <ChannelList
          channels={channels}
          sums={inspected.log.channels}
          chosen={filter.channel}
          onChoose={(channel) => setFilter({ ...filter, channel })}
          onCode={(request) => setShown({ request })}
          onClose={(key) => change(requests.filter((one) => requestText(one) !== key))}
        />
      </aside>
      <section class="inspector-stream" aria-label="Messages">
        <MessageToolbar inspected={inspected} filter={filter} onFilter={setFilter} shown={messages.length} />
        {inspected.messages.length === 0 ? (
          <NoMessages hasChannels={channels.length > 0} isPaused={inspected.isPaused} onOpen={open} />
        ) : (
          <MessageTable
            messages={messages}
            chosen={shown !== undefined && "message" in shown ? shown.message.no : undefined}
            onChoose={(message) => setShown(message === undefined ? undefined : { message })}
          />
        )}
      </section>
      {shown !== undefined && (
        <section
          class="inspector-pane"
          aria-label={"message" in shown ? "Message" : "Channel as code"}
          onKeyDown={(event) => event.key === "Escape" && setShown(undefined)}
        >
          {"message" in shown ? (
            <MessageDetail key={shown.message.no} message={shown.message} onClose={() => setShown(undefined)} />
          ) : (
            <CodePanel request={shown.request} onClose={() => setShown(undefined)} />
          )}
        </section>
      )}
    </div>
  );
}

/** Those of a service without a setting, until this one has named its own, so that the form keeps its height. */
const USUAL_WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];

const EXAMPLES = ["overview:5m:volume_usd?limit=20", "token:WETH?windows=5m", "swaps:WETH"];

function NoMessages({
  hasChannels,
  isPaused,
  onOpen,
}: {
  readonly hasChannels: boolean;
  readonly isPaused: boolean;
  readonly onOpen: (request: ChannelRequest) => void;
}) {
  if (isPaused) return <Empty title="Paused">Messages that come now are counted, and listed when you go on.</Empty>;
  if (hasChannels) return <Empty title="No message yet">The first one appears here as soon as it comes.</Empty>;
  return (
    <Empty
      title="No message yet"
      icon="inspector"
      action={
        <div class="inspector-examples">
          {EXAMPLES.map((text) => {
            const request = parseRequest(text);
            return request && <Button key={text} label={text.replace(/\?.*/, "")} onClick={() => onOpen(request)} />;
          })}
        </div>
      }
    >
      Open a channel, and its messages appear here as they come.
    </Empty>
  );
}
