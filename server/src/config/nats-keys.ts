/** The part of the table of keys that is about NATS, the way between instances. */
import type { KeyKind, KeySpec } from "./keys.ts";

const text = (bytesMax: number, pattern: RegExp, patternHint: string): KeyKind => ({
  type: "text",
  bytesMax,
  pattern,
  patternHint,
});
const SERVER = "(nats|tls)://[A-Za-z0-9.:\\[\\]_-]+";

export const NATS_KEYS: readonly KeySpec[] = [
  {
    path: "pubsub.nats.url",
    kind: text(
      2048,
      new RegExp(`^${SERVER}(, *${SERVER})*$`),
      "nats://HOST:PORT or tls://HOST:PORT, several with commas",
    ),
    defaultText: "",
    meaning:
      "NATS servers by which instances answer for each other's tokens, such as `nats://nats:4222`. Not set: this instance answers for its own alone. See [several instances](clustering.md).",
  },
  {
    path: "pubsub.nats.user",
    kind: text(256, /^[\x21-\x7e]+$/, "printable ASCII without spaces"),
    defaultText: "",
    meaning: "User of NATS.",
  },
  { path: "pubsub.nats.password", kind: { type: "secret" }, defaultText: "", meaning: "Password of that user." },
  {
    path: "pubsub.nats.nkey",
    kind: { type: "secret" },
    defaultText: "",
    meaning: "Seed of an nkey (`SU...`), alone or with `jwt`.",
  },
  {
    path: "pubsub.nats.jwt",
    kind: { type: "secret" },
    defaultText: "",
    meaning: "A user's JWT, whose seed is `nkey`; or the text of a credentials file, which holds both.",
  },
  {
    path: "pubsub.nats.tls.enabled",
    kind: { type: "choice", values: ["off", "on"], later: [] },
    defaultText: "off",
    meaning: "TLS to NATS; also on with a `tls://` address.",
  },
  {
    path: "pubsub.nats.tls.ca",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the authorities that certificates of NATS may come from. Not set: the usual ones.",
  },
  {
    path: "pubsub.nats.tls.cert",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the client's own certificate.",
  },
  {
    path: "pubsub.nats.tls.key",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the key of `tls.cert`.",
  },
];
