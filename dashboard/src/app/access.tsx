/** The form for a token. The token stays in this tab (sessionStorage), and is never written into an address. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Field } from "../ui/controls.tsx";
import { Icon } from "../ui/icons.tsx";

const KEY = "swapstats.token";

export function keptToken(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    // The browser keeps nothing for this page.
    return undefined;
  }
}

export function keepToken(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // The token holds until the page is loaded again.
  }
}

export function AccessForm({
  refused,
  onToken,
  onCancel,
}: {
  /** Why the token in use does not do. Undefined: none is in use. */
  readonly refused: string | undefined;
  readonly onToken: (token: string) => void;
  /** Undefined: nothing can be seen without a token. */
  readonly onCancel: (() => void) | undefined;
}) {
  const [token, setToken] = useState("");
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector("input")?.focus(), []);
  const given = token.trim();
  return (
    <form
      ref={form}
      class="access"
      onSubmit={(event) => {
        event.preventDefault();
        if (given !== "") onToken(given);
      }}
    >
      <Icon name="lock" size={20} />
      <h1>Access needs a token</h1>
      <p>
        Paste a token (JWT) or an API key with the scope <code>read</code>. It stays in this tab, and is forgotten when
        the tab is closed.
      </p>
      <Field
        label="Token or API key"
        type="password"
        value={token}
        onInput={setToken}
        problem={refused}
        input={{ name: "token" }}
      />
      <div class="access-actions">
        {onCancel !== undefined && <Button label="Cancel" onClick={onCancel} />}
        <button type="submit" class="button primary" disabled={given === ""}>
          <span>Open</span>
        </button>
      </div>
    </form>
  );
}
