/**
 * TLS of a listener. The files are read again when they change: new connections get the new certificate, and those that are open stay. A file
 * that cannot be used is reported, and the former certificate stays in use, also between the moments when certificate and key are replaced.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions, type Server, type TlsOptions } from "node:tls";
import type { HttpTlsFiles } from "../config/build/api.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../shared/read-regular-file.ts";
import { WatchedFiles } from "../shared/watched-files.ts";

/** A client that has not finished its handshake by then is cut off. */
const HANDSHAKE_TIMEOUT_MS = 5_000;

export class ServerTls {
  readonly #files: HttpTlsFiles;
  readonly #watched: WatchedFiles;
  readonly #servers = new Set<Pick<Server, "setSecureContext">>();
  #context: SecureContextOptions = {};

  /** Throws `bad_config` when the files cannot be used. `onProblem` gets each later failure, `onChanged` is called after each new certificate. */
  constructor(files: HttpTlsFiles, onProblem: (error: Error) => void, onChanged: () => void) {
    this.#files = files;
    try {
      this.#watched = new WatchedFiles({
        paths: [files.certPath, files.keyPath, ...(files.clientCaPath === undefined ? [] : [files.clientCaPath])],
        read: () => {
          const isFirst = this.#context.cert === undefined;
          this.#read();
          if (!isFirst) onChanged();
        },
        onProblem: (cause) => onProblem(this.#failure("; the former certificate stays in use", cause)),
      });
    } catch (cause) {
      throw this.#failure("", cause as Error);
    }
  }

  /** Options of a server that is created now. */
  get options(): TlsOptions {
    const mustShow = this.#files.clientCaPath !== undefined;
    return {
      ...this.#context,
      requestCert: mustShow,
      rejectUnauthorized: mustShow,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    };
  }

  /** Gives the server each later certificate. */
  follow(server: Pick<Server, "setSecureContext">): void {
    this.#servers.add(server);
  }

  close(): void {
    this.#watched.close();
    this.#servers.clear();
  }

  #read(): void {
    const { certPath, keyPath, clientCaPath } = this.#files;
    const ca = clientCaPath === undefined ? undefined : readRegularFile(clientCaPath, PEM_BYTES_MAX);
    // A context takes a file without any certificate for an empty list of authorities.
    if (ca !== undefined) new X509Certificate(ca);
    const context: SecureContextOptions = {
      cert: readRegularFile(certPath, PEM_BYTES_MAX),
      key: readRegularFile(keyPath, PEM_BYTES_MAX),
      ...(ca === undefined ? {} : { ca }),
    };
    // Throws if the key does not belong to the certificate.
    createSecureContext(context);
    this.#context = context;
    for (const server of this.#servers) server.setSecureContext(context);
  }

  #failure(consequence: string, cause: Error): SwapstatsError {
    const { certPath, keyPath, clientCaPath } = this.#files;
    const files = [certPath, keyPath, clientCaPath].filter((path) => path !== undefined).join(", ");
    const message = `The files of api.http.tls (${files}) cannot be used: ${cause.message}${consequence}.`;
    return new SwapstatsError("bad_config", message, { cause });
  }
}
