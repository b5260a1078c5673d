import type { RegistryConfig } from "../../config/build/ingest.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readTextFile } from "../../shared/read-regular-file.ts";
import type { RegistrySettings } from "./registry-http.ts";

/** Returns how the configured registry is reached, as data for any thread. Throws `bad_config` where `ingest.registry.ca` cannot be read. */
export function registrySettings({ caPath, ...settings }: RegistryConfig): RegistrySettings {
  try {
    return { ...settings, ca: caPath === undefined ? undefined : readTextFile(caPath, PEM_BYTES_MAX) };
  } catch (cause) {
    const message = `ingest.registry.ca: the file ${caPath} cannot be read (${(cause as Error).message}); check the path and its permissions`;
    throw new SwapstatsError("bad_config", message, { cause });
  }
}
