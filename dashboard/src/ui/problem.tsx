/** The state of a view whose data cannot be had: what is wrong, and what to do. */
import type { ComponentChildren } from "preact";
import { Button } from "./controls.tsx";
import type { IconName } from "./icons.tsx";
import { Empty } from "./parts.tsx";

type Told = { readonly title: string; readonly advice: string; readonly icon: IconName; readonly access?: true };

const CODES: Readonly<Record<string, Told>> = {
  unauthorized: {
    title: "Access needs a token",
    advice: "This service answers only to clients with a token or an API key.",
    icon: "lock",
    access: true,
  },
  forbidden: {
    title: "Your token does not allow this",
    advice: "Use a token with the scope that is named here, or ask the operator of the service for one.",
    icon: "lock",
    access: true,
  },
  unknown_token: {
    title: "No such token",
    advice: "The service has seen no swap of it. Look for it by its symbol or address in the screener.",
    icon: "search",
  },
  ambiguous_token: {
    title: "Several tokens have this name",
    advice: "Open the token by its id, chain and address, from the screener.",
    icon: "search",
  },
  history_off: {
    title: "There is no history here",
    advice: "This service keeps only what fits in its memory.",
    icon: "clock",
  },
  rate_limited: {
    title: "Too many requests",
    advice: "The service limits how much one client may ask. The page goes on by itself.",
    icon: "warning",
  },
  unavailable: {
    title: "The service cannot answer now",
    advice: "A part of the service is unreachable. The page continues as soon as it is reachable again.",
    icon: "warning",
  },
};
const OTHER: Told = { title: "The data cannot be loaded", advice: "The page tries again by itself.", icon: "warning" };

/** `error` has a code of the service's problems. `onAccess` opens the form for a token. */
export function Problem({
  error,
  onAccess = openAccess,
  action,
}: {
  readonly error: { readonly code: string; readonly message: string };
  readonly onAccess?: () => void;
  readonly action?: ComponentChildren;
}) {
  const { title, advice, icon, access } = CODES[error.code] ?? OTHER;
  const button = access && <Button label="Give a token" kind="primary" onClick={onAccess} />;
  return (
    <div class="problem" role="alert" data-code={error.code}>
      <Empty title={title} icon={icon} action={action ?? button}>
        <span class="problem-detail">{error.message}</span> {advice}
      </Empty>
    </div>
  );
}

/** Name of the event by which a part of the page asks for the form for a token. */
export const ACCESS_WANTED = "access-wanted";

function openAccess(): void {
  dispatchEvent(new Event(ACCESS_WANTED));
}
