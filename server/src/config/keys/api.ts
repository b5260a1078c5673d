/** Keys of HTTP and WebSocket. */
import { key, ofPart, type Section } from "../key.ts";
import { ADDRESS, choice, duration, GIB, HOUR_MS, integer, MIB, PATH, SWITCH, size } from "./kinds.ts";

export const API = {
  http: {
    addr: key("api.http.addr", ADDRESS, "127.0.0.1:8080", "Address of the HTTP API and the WebSocket. Empty: off."),
    ...ofPart("api", {
      maxBodyBytes: key(
        "api.http.max_body",
        size(1 * 1024, GIB),
        "16MiB",
        "Largest body of a request. A larger one is refused with 413.",
      ),
      maxBatch: key(
        "api.http.max_batch",
        integer(1, 1_000_000),
        "10000",
        "Largest number of events in one `POST /api/swaps`. More are refused with 413.",
      ),
      tls: {
        certPath: key(
          "api.http.tls.cert",
          PATH,
          "",
          "File (PEM) with the certificate of the service and those between it and the authority. With it the API and the WebSocket are served over TLS alone. It is read again when it changes.",
        ),
        keyPath: key("api.http.tls.key", PATH, "", "File (PEM) with the private key of `tls.cert`."),
        clientCaPath: key(
          "api.http.tls.client_ca",
          PATH,
          "",
          "File (PEM) with the authorities of client certificates. With it every client must show a certificate of one of them.",
        ),
      },
    }),
  },
  grpc: {
    addr: key(
      "api.grpc.addr",
      ADDRESS,
      "",
      "Address of gRPC, such as `127.0.0.1:9090`. Empty: off. gRPC-Web and Connect are at `api.http.addr` in any case. See [gRPC](grpc.md).",
    ),
  },
  ...ofPart("api", {
    hosts: key(
      "api.hosts",
      { type: "hosts", countMax: 64 },
      "",
      "Hosts that are served, such as `swapstats.example.com` or `10.0.0.7:8080`. `localhost`, 127.0.0.1 and [::1] are always served. `*`: all. Empty: only these loopback names if `api.http.addr` is one of them, otherwise all. See [hosts and pages](http-api.md#hosts-and-pages).",
    ),
    cors: key(
      "api.cors",
      { type: "origins", countMax: 64 },
      "",
      "Origins whose pages may call the API and open the WebSocket, such as `https://app.example.com`. `*` alone: every page may read, and no page may send swaps. Empty: none.",
    ),
    symbols: key(
      "api.symbols",
      choice(["refuse", "largest"]),
      "refuse",
      "What a symbol that several tokens share does. `refuse`: 409 with the candidates. `largest`: the token with the most volume, and the response says so. A request may choose with `prefer=`.",
    ),
    dashboard: key(
      "api.dashboard",
      SWITCH,
      "on",
      "Whether browsers get the dashboard at `/`. With `off` they get a page with links. See [dashboard](dashboard.md).",
    ),
    udf: key(
      "api.udf",
      SWITCH,
      "off",
      "Whether charting front ends get symbols and bars at `/udf/`. See [charting](charting.md).",
    ),
    mcp: key("api.mcp", SWITCH, "off", "Whether agents get tools at `/mcp`. See [agents](agents.md)."),
    ws: {
      coalesceMs: key(
        "api.ws.coalesce_ms",
        integer(10, 60_000),
        "100",
        "Shortest time between two updates of a channel, in milliseconds.",
      ),
      maxConn: key(
        "api.ws.max_conn",
        integer(1, 1_000_000),
        "5000",
        "Largest number of clients with live data: WebSocket connections and streams together.",
      ),
      maxSubscriptions: key(
        "api.ws.max_subscriptions",
        integer(1, 100_000),
        "500",
        "Largest number of channels that one connection may subscribe to.",
      ),
      compression: key(
        "api.ws.compression",
        SWITCH,
        "off",
        "Whether messages are compressed for clients that ask for it (`permessage-deflate`). See [encodings](websocket.md#encodings).",
      ),
      maxMessageBytes: key(
        "api.ws.max_message_bytes",
        integer(256, 16 * MIB),
        "65536",
        "Largest message from a client, in bytes.",
      ),
      maxMessagesPerSec: key(
        "api.ws.max_messages_per_sec",
        integer(1, 100_000),
        "20",
        "Messages per second that one client may send continuously.",
      ),
      messageBurst: key(
        "api.ws.message_burst",
        integer(1, 100_000),
        "200",
        "Messages that a client may send at once after it was quiet.",
      ),
      resumeWindowMs: key(
        "api.ws.resume_window",
        duration(0, HOUR_MS),
        "60s",
        "How long a channel can be resumed after a connection was lost. With 0 none can.",
      ),
      resumeBytes: key(
        "api.ws.resume_bytes",
        integer(4_096, 64 * MIB),
        "262144",
        "Patches of a channel that are kept for it, in bytes. All channels together keep at most 64 MiB, and each its equal share if that is short.",
      ),
      maxRows: key(
        "api.ws.max_rows",
        integer(1, 10_000_000),
        "10000",
        "Rows (figures of one token in one window) that the channels of one connection may hold together.",
      ),
      maxRowsTotal: key(
        "api.ws.max_rows_total",
        integer(1, 100_000_000),
        "100000",
        "The same for all connections, with shared rows counted once. Each connection can always have an equal share.",
      ),
    },
  }),
} satisfies Section;
