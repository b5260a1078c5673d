/** Keys of HTTP and WebSocket. */
import { key, ofPart, type Section } from "../key.ts";
import { ADDRESS, choice, GIB, integer, MIB, size } from "./kinds.ts";

export const API = {
  http: {
    addr: key("api.http.addr", ADDRESS, "127.0.0.1:8080", "Address of the HTTP API and the WebSocket. Empty: off."),
    ...ofPart("api", {
      maxBodyBytes: key("api.http.max_body", size(1 * 1024, GIB), "16MiB", "Largest body of a request; beyond it 413."),
      maxBatch: key(
        "api.http.max_batch",
        integer(1, 1_000_000),
        "10000",
        "Most events of one `POST /api/swaps`; beyond it 413.",
      ),
    }),
  },
  ...ofPart("api", {
    hosts: key(
      "api.hosts",
      { type: "hosts", countMax: 64 },
      "",
      "Hosts that are answered, such as `swapstats.example.com` or `10.0.0.7:8080`; beside them always `localhost`, 127.0.0.1 and [::1]. `*`: all. Empty: these loopback names alone where `api.http.addr` is one of them, else all; see [hosts and pages](http-api.md#hosts-and-pages).",
    ),
    cors: key(
      "api.cors",
      { type: "origins", countMax: 64 },
      "",
      "Origins whose pages may call the API and open the WebSocket, such as `https://app.example.com`; `*` alone: every page may read, and none sends swaps. Empty: none.",
    ),
    symbols: key(
      "api.symbols",
      choice(["refuse", "largest"]),
      "refuse",
      "A name that stands for several tokens: `refuse` answers 409 with the candidates, `largest` takes the token with the most volume and says so. A request may choose by `prefer=`.",
    ),
    ws: {
      coalesceMs: key(
        "api.ws.coalesce_ms",
        integer(10, 60_000),
        "100",
        "Least time between two updates of a channel, in milliseconds.",
      ),
      maxConn: key("api.ws.max_conn", integer(1, 1_000_000), "5000", "WebSocket connections at most."),
      maxSubscriptions: key(
        "api.ws.max_subscriptions",
        integer(1, 100_000),
        "500",
        "Channels that one connection may subscribe to.",
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
        "Messages a second from one client, for as long as it likes.",
      ),
      messageBurst: key(
        "api.ws.message_burst",
        integer(1, 100_000),
        "200",
        "Messages that a client that was quiet may send at once.",
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
        "The same for all connections, what they share counted once. Each may have its equal share in any case.",
      ),
    },
  }),
} satisfies Section;
