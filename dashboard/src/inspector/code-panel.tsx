/** A channel as code for several tools. */
import { useState } from "preact/hooks";
import { Button, Tabs } from "../ui/controls.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { scrollable } from "../ui/scrollable.ts";
import { type ChannelRequest, channelName } from "./channel-request.ts";
import { type Snippet, type SnippetId, snippetsOf } from "./snippets.ts";
import { escapeUnseen } from "./unseen.ts";

export function CodePanel({ request, onClose }: { readonly request: ChannelRequest; readonly onClose: () => void }) {
  const [id, setId] = useState<SnippetId>("sdk");
  const [needsToken, setNeedsToken] = useState(false);
  const snippets = snippetsOf(request, { baseUrl: new URL(".", location.href).href, needsToken });
  const snippet = snippets.find((one) => one.id === id) ?? (snippets[0] as Snippet);
  return (
    <>
      <header class="pane-head">
        <h2>As code</h2>
        <Button label="Close" icon="close" iconOnly kind="quiet" onClick={onClose} />
      </header>
      <p class="pane-channel mono">{escapeUnseen(channelName(request))}</p>
      <div class="pane-tools">
        <Tabs
          label="Tool"
          value={snippet.id}
          options={snippets.map(({ id: value, title }) => ({ value, label: title }))}
          onChange={setId}
        />
      </div>
      <pre class="code" {...scrollable(`${snippet.title}, ${snippet.language}`)}>
        {snippet.text}
      </pre>
      <div class="pane-tools">
        <CopyButton kind="primary" text={() => snippet.text} />
        <label class="pane-check">
          <input
            type="checkbox"
            checked={needsToken}
            onChange={(event) => setNeedsToken(event.currentTarget.checked)}
          />
          With a token of <code>$SWAPSTATS_TOKEN</code>
        </label>
      </div>
      <p class="pane-note">{snippet.note}</p>
    </>
  );
}
