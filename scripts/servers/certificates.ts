/**
 * Makes certificates for TLS tests with openssl: an authority, a server certificate for 127.0.0.1 and localhost, and a client certificate.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { requireProgram } from "./install.ts";

/** Paths of PEM files. */
export type Certificates = {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clientCert: string;
  readonly clientKey: string;
};

const DAYS = "30";
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Creates new certificates in this folder. */
export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const [ca, caKey] = [at("ca.pem"), at("ca.key")];
  request(ca, caKey, "/CN=swapstats test authority", ["-addext", "basicConstraints=critical,CA:TRUE"]);
  const signed = ["-CA", ca, "-CAkey", caKey, "-addext", "basicConstraints=CA:FALSE"];
  const names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
  request(at("server.pem"), at("server.key"), "/CN=localhost", [...signed, ...names]);
  request(at("client.pem"), at("client.key"), "/CN=swapstats", signed);
  return {
    ca,
    cert: at("server.pem"),
    key: at("server.key"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
  };
}

function request(cert: string, key: string, subject: string, more: readonly string[]): void {
  const args = ["req", "-x509", ...NEW_KEY, "-keyout", key, "-out", cert, "-days", DAYS, "-subj", subject, ...more];
  const { status, stderr } = spawnSync(requireProgram("openssl"), args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}
