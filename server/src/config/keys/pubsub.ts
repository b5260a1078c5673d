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
      "NATS servers through which instances serve each other's tokens, for example `nats://nats:4222`. Not set: this instance serves only its own tokens. See [several instances](clustering.md).",
    ),
    user: key("pubsub.nats.user", PRINTABLE, "", "User of NATS."),
    password: key("pubsub.nats.password", SECRET, "", "Password of `user`."),
    nkey: key("pubsub.nats.nkey", SECRET, "", "Seed of an nkey (`SU...`), alone or with `jwt`."),
    jwt: key(
      "pubsub.nats.jwt",
      SECRET,
      "",
      "JWT of a user, with its seed in `nkey`. Or the text of a credentials file, which holds both.",
    ),
    tls: {
      isOn: key("pubsub.nats.tls.enabled", SWITCH, "off", "TLS to NATS. A `tls://` address also turns it on."),
      caPath: key(
        "pubsub.nats.tls.ca",
        PATH,
        "",
        "File (PEM) with the certificate authorities for NATS. Not set: the authorities that Node trusts.",
      ),
      certPath: key("pubsub.nats.tls.cert", PATH, "", "File (PEM) with the client certificate."),
      keyPath: key("pubsub.nats.tls.key", PATH, "", "File (PEM) with the private key of `tls.cert`."),
    },
  }),
} satisfies Section;
