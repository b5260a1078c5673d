/** NATS in the configuration: the transport between instances. */
import { TABLE, type TableValues } from "../keys.ts";
import type { TlsFiles } from "./kafka.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.pubsub.nats;
type NatsValues = TableValues["pubsub"]["nats"];

export type NatsConfig = Omit<NatsValues, "url" | "tls"> & {
  /** Addresses with commas between them. */
  readonly url: string;
  /** Undefined: no TLS. */
  readonly tls: TlsFiles | undefined;
};

/** Heads the text of a credentials file, which holds a JWT and its seed. */
export const CREDENTIALS_HEAD = "-----BEGIN NATS USER JWT-----";

/** Undefined where `pubsub.nats.url` is not set. After a problem was reported, the result is of no use. */
export function buildNats(values: NatsValues, report: Report): NatsConfig | undefined {
  const { url, tls, ...login } = values;
  const { isOn, ...files } = tls;
  const fileKeys = [
    [KEYS.tls.caPath, files.caPath],
    [KEYS.tls.certPath, files.certPath],
    [KEYS.tls.keyPath, files.keyPath],
  ] as const;
  if (url === undefined) {
    const { user, password, nkey, jwt } = KEYS;
    const given = [
      [user, login.user],
      [password, login.password],
      [nkey, login.nkey],
      [jwt, login.jwt],
    ] as const;
    refuseEach([...given, ...fileKeys], report, "is set without url; give the address of NATS, or remove it");
    return undefined;
  }
  checkLogin(login, report);
  checkBothOrNeither(
    [KEYS.tls.certPath, files.certPath, "tls.cert"],
    [KEYS.tls.keyPath, files.keyPath, "tls.key"],
    report,
  );
  const isTls = isOn || url.includes("tls://");
  if (!isTls) refuseEach(fileKeys, report, "is set, and TLS is off; set tls.enabled to on");
  return { url, ...login, tls: isTls ? files : undefined };
}

function checkLogin({ user, password, nkey, jwt }: Omit<NatsValues, "url" | "tls">, report: Report): void {
  checkBothOrNeither([KEYS.user, user, "user"], [KEYS.password, password, "password"], report);
  if (user !== undefined && (nkey !== undefined || jwt !== undefined)) {
    report(KEYS.user, "is set beside nkey or jwt; NATS takes one kind of proof, so keep one");
  }
  const isFile = jwt?.includes(CREDENTIALS_HEAD) === true;
  if (jwt !== undefined && !isFile && nkey === undefined) {
    report(KEYS.nkey, "is not set, and jwt needs the seed of its user; give both, or a credentials file as jwt");
  }
  if (isFile && nkey !== undefined) {
    report(KEYS.nkey, "is set beside a credentials file, which holds a seed; remove it");
  }
}
