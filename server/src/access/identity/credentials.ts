/**
 * Finds the credentials of a request: `Authorization: Bearer` with a token or an API key, `X-Api-Key`, and, because a page cannot set header
 * fields of a WebSocket or an EventSource, the sub-protocol `bearer.<token>` and the parameter `ticket`.
 */
import type { Sender } from "../identity.ts";
import { unauthorized } from "./unauthorized.ts";

export type Credentials = {
  readonly kind: "token" | "key" | "ticket";
  readonly text: string;
};

/** Longest credentials. A token with many claims has some 2,000 characters. */
export const CREDENTIAL_CHARS_MAX = 8_192;
const BEARER_CHARS = "bearer".length;
const SPACE = 0x20;
/** Begins the sub-protocol that carries a token. */
const BEARER_PROTOCOL = "bearer.";
/** Paths whose clients may be pages that cannot set header fields. Elsewhere a ticket would only end up in logs of proxies. */
const TICKET_PATHS: readonly string[] = ["/ws", "/api/stream"];

/**
 * Returns undefined if there are none; another scheme of `Authorization` is none, because it may be meant for a proxy. Throws `unauthorized`
 * when there are several, or they are too long.
 */
export function credentialsOf({ headers, url }: Sender): Credentials | undefined {
  const authorized = ofAuthorization(headers.authorization);
  // Without lists, because this is part of the fast lane of `GET stats`.
  const other = ofApiKey(headers["x-api-key"]);
  const offered = ofProtocols(headers["sec-websocket-protocol"]);
  const ticket = ofTicket(url);
  const credentials = authorized ?? other ?? offered ?? ticket;
  const count = Number(authorized !== undefined) + Number(other !== undefined) + Number(offered !== undefined);
  if (count + Number(ticket !== undefined) > 1)
    throw unauthorized("The request has several credentials; send one of them.");
  if (credentials !== undefined) checkLength(credentials.text);
  return credentials;
}

/** Returns the credentials of a text that is a token or an API key. A token has dots, a key has none. Throws `unauthorized` when it is too long. */
export function bearerOf(text: string): Credentials {
  checkLength(text);
  return { kind: text.includes(".") ? "token" : "key", text };
}

function checkLength(text: string): void {
  if (text.length <= CREDENTIAL_CHARS_MAX) return;
  throw unauthorized(`The credentials have ${text.length} characters; they may have ${CREDENTIAL_CHARS_MAX}.`);
}

function ofAuthorization(field: string | undefined): Credentials | undefined {
  if (field === undefined) return undefined;
  if (field.charCodeAt(BEARER_CHARS) !== SPACE || field.slice(0, BEARER_CHARS).toLowerCase() !== "bearer")
    return undefined;
  const text = field.slice(BEARER_CHARS + 1).trim();
  return { kind: text.includes(".") ? "token" : "key", text };
}

function ofApiKey(field: string | readonly string[] | undefined): Credentials | undefined {
  return typeof field === "string" ? { kind: "key", text: field.trim() } : undefined;
}

function ofProtocols(field: string | undefined): Credentials | undefined {
  const offered = field?.split(",").map((name) => name.trim());
  const bearer = offered?.find((name) => name.startsWith(BEARER_PROTOCOL))?.slice(BEARER_PROTOCOL.length);
  return bearer === undefined ? undefined : { kind: bearer.includes(".") ? "token" : "key", text: bearer };
}

function ofTicket(url: string | undefined): Credentials | undefined {
  const start = url?.indexOf("?") ?? -1;
  if (url === undefined || start === -1 || !TICKET_PATHS.includes(url.slice(0, start))) return undefined;
  const text = new URLSearchParams(url.slice(start)).get("ticket");
  return text === null ? undefined : { kind: "ticket", text };
}
