/** Makes the AsyncAPI 3.0 document of the WebSocket from the schemas of its messages. */
import { replayLimits } from "@swapstats/protocol/limits.ts";
import { components } from "@swapstats/protocol/schemas/components.ts";
import { clientMessage, ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { encodingProtocols, webSocketPath } from "@swapstats/protocol/websocket.ts";
import type { TSchema } from "typebox";

type Message = {
  readonly name: string;
  readonly title: string;
  readonly contentType: string;
  readonly payload: unknown;
};
type Reference = { readonly $ref: string };

export type AsyncApiDocument = {
  readonly asyncapi: "3.0.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly defaultContentType: string;
  readonly servers: Readonly<Record<string, object>>;
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<Record<string, unknown>>;
  };
};

const JSON_TYPE = "application/json";
const CHANNEL = "live";

/** Parameters of the handshake. */
const QUERY = {
  type: "object",
  properties: {
    at: {
      type: "string",
      description:
        "Replays the history from this instant on: ms since 1970, or a time of RFC 3339. Needs `history.replay_sessions`",
    },
    speed: {
      type: "number",
      exclusiveMinimum: 0,
      maximum: replayLimits.speedMax,
      default: 1,
      description: "With `at`: seconds of the past in a second",
    },
    ticket: { type: "string", description: "Stands for the credentials (`POST /api/auth/ticket`)" },
  },
};

type ObjectSchema = TSchema & { readonly properties: Readonly<Record<string, TSchema & { readonly const?: unknown }>> };

/** @param windows names of the configured windows */
export function asyncApiOf(version: string, windows: readonly string[]): AsyncApiDocument {
  // A request is named by its first member, such as `subscribe`, and a message of the server by its type.
  const requests = (clientMessage(windows).anyOf as readonly ObjectSchema[]).map((schema) =>
    messageOf(`${Object.keys(schema.properties)[0]}`, "Request", schema),
  );
  const responses = (ServerMessage.anyOf as readonly ObjectSchema[]).map((schema) =>
    messageOf(`${schema.properties.type?.const}`, "Message", schema),
  );
  const messages = Object.fromEntries([...requests, ...responses]);
  const refsOf = (named: typeof requests, base: string): readonly Reference[] =>
    named.map(([name]) => ({ $ref: `${base}/${name}` }));
  const inChannel = `#/channels/${CHANNEL}/messages`;
  return {
    asyncapi: "3.0.0",
    info: {
      title: "swapstats",
      version,
      description:
        "Live statistics per token. A client subscribes to channels; each sends its data, and then merge patches (RFC 7396). Times are " +
        `integer milliseconds since 1970; amounts and prices are decimal strings. Sub-protocols: ${encodingProtocols.join(", ")}. With those that ` +
        "end with .batch each message of the service is a list of the messages here. This document describes messages in JSON; " +
        "swapstats/v1/stats.proto describes those in protobuf.",
    },
    defaultContentType: JSON_TYPE,
    servers: {
      service: {
        host: "{host}",
        protocol: "ws",
        description: "This service. With `api.http.tls` the protocol is wss",
        variables: { host: { default: "127.0.0.1:8080", description: "The address of the API (`api.http.addr`)" } },
      },
    },
    channels: {
      [CHANNEL]: {
        address: webSocketPath,
        title: "Live data",
        servers: [{ $ref: "#/servers/service" }],
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: { method: "GET", query: QUERY, bindingVersion: "0.1.0" } },
      },
    },
    operations: {
      request: {
        action: "receive",
        title: "Requests of a client",
        channel: { $ref: `#/channels/${CHANNEL}` },
        messages: refsOf(requests, inChannel),
      },
      update: {
        action: "send",
        title: "Messages to a client",
        channel: { $ref: `#/channels/${CHANNEL}` },
        messages: refsOf(responses, inChannel),
      },
    },
    components: { messages, schemas: components },
  };
}

function messageOf(name: string, what: string, payload: ObjectSchema): readonly [string, Message] {
  return [name, { name, title: `${what} \`${name}\``, contentType: JSON_TYPE, payload }];
}
