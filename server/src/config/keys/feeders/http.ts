/** Keys of a feeder of type `http`: pages of JSON that follow each other by a cursor. */
import { key, required, type Section } from "../../key.ts";
import { choice, duration, HOUR_MS, MIB, size, text } from "../kinds.ts";
import { url } from "./addresses.ts";
import { MAPPING } from "./common.ts";
import { HEADERS, QUERY } from "./headers.ts";
import { JSON_PATH } from "./json-paths.ts";

export const HTTP_FEEDER = {
  mapping: MAPPING,
  url: required(
    key(
      "url",
      url(["http://", "https://"]),
      "",
      "Address of the pages. `env:NAME` or `file:PATH` keeps a secret in it out of the file.",
    ),
  ),
  query: key(
    "query",
    QUERY,
    "",
    "Parameters of each request, such as `limit: 500`. Secrets are given as `env:NAME` or `file:PATH`.",
  ),
  headers: key("headers", HEADERS, "", "Headers of each request. Secrets are given as `env:NAME` or `file:PATH`."),
  items: key(
    "items",
    JSON_PATH,
    "$",
    "Place of the list of records in a page, such as `$.data`. Not set: the page is the list.",
  ),
  cursor: {
    from: required(
      key(
        "cursor.from",
        choice(["page", "last", "link"]),
        "",
        "Where the next cursor comes from. `page`: a member of the page. `last`: a member of its last record. `link`: the header `Link` with `rel=next`.",
      ),
    ),
    path: key(
      "cursor.path",
      JSON_PATH,
      "",
      "With `page` and `last`: the place of the cursor in the page or in the record, such as `$.next` or `$.id`.",
    ),
    param: key(
      "cursor.param",
      text(128, /^[^\s&=#?]+$/, "a name of a parameter"),
      "cursor",
      "With `page` and `last`: the parameter of the request that takes the cursor.",
    ),
    start: key(
      "cursor.start",
      text(1024, /^[^\0\r\n]+$/, "text"),
      "",
      "With `page` and `last`: the cursor of the first request. Not set: the first request has none.",
    ),
  },
  pollMs: key("poll", duration(100, HOUR_MS), "5s", "How long the feeder waits at the end before it asks again."),
  intervalMs: key("interval", duration(0, HOUR_MS), "0s", "Shortest time between two requests."),
  timeoutMs: key("timeout", duration(100, 600_000), "30s", "How long a response may take."),
  pageBytesMax: key("max_page", size(1024, 256 * MIB), "16MiB", "Size of a page, after decompression."),
} satisfies Section;
