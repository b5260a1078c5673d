/** Keys of NATS, the transport between instances. */
import { key, ofPart, type Section } from "../key.ts";
import { PATH, PRINTABLE, SECRET, SWITCH, text } from "./kinds.ts";

const SERVER = "(nats|tls)://[A-Za-z0-9.:\\[\\]_-]+";

export const PUBSUB = {
  nats: ofPart("cluster", {
    url: key(
      "pubsub.nats.url",
      text(2048, new RegExp(`^${SERVER}(, *${SERVER})*$`), "nats://HOST:PORT or tls://HOST:PORT, several with commas"),
      "",
      "NATS servers by which instances answer for each other's tokens, such as `nats://nats:4222`. Not set: this instance answers for its own alone. See [several instances](clustering.md).",
    ),
    user: key("pubsub.nats.user", PRINTABLE, "", "User of NATS."),
    password: key("pubsub.nats.password", SECRET, "", "Password of that user."),
    nkey: key("pubsub.nats.nkey", SECRET, "", "Seed of an nkey (`SU...`), alone or with `jwt`."),
    jwt: key(
      "pubsub.nats.jwt",
      SECRET,
      "",
      "A user's JWT, whose seed is `nkey`; or the text of a credentials file, which holds both.",
    ),
    tls: {
      isOn: key("pubsub.nats.tls.enabled", SWITCH, "off", "TLS to NATS; also on with a `tls://` address."),
      caPath: key(
        "pubsub.nats.tls.ca",
        PATH,
        "",
        "File (PEM) of the authorities that certificates of NATS may come from. Not set: the usual ones.",
      ),
      certPath: key("pubsub.nats.tls.cert", PATH, "", "File (PEM) of the client's own certificate."),
      keyPath: key("pubsub.nats.tls.key", PATH, "", "File (PEM) of the key of `tls.cert`."),
    },
  }),
} satisfies Section;
