/**
 * The mappings that the configuration names. They are read and checked at the start, in the main thread. Other threads get their texts and
 * parse them again.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { RegistrySettings } from "../clients/schema-registry/registry-http.ts";
import { SchemaRegistry } from "../clients/schema-registry/schema-registry.ts";
import { registrySettings } from "../clients/schema-registry/settings.ts";
import type { RegistryConfig } from "../config/build/ingest.ts";
import type { Config } from "../config/config.ts";
import type { Mapping } from "../mapping/language.ts";
import type { RecordMapper } from "../mapping/mapper.ts";
import { type MappingText, parseMapping, readMappingText } from "../mapping/reading/read-mapping.ts";
import { openMapper } from "../mapping/record-mapper.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { maskArguments } from "../shared/mask-secrets.ts";
import { printableCut, printableText } from "../shared/printable-text.ts";

/** Mappings of bodies. Each is held by the log thread, with what it was compiled to. */
const MAPPINGS_MAX = 64;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SUFFIX = ".yaml";

/** How the registry of mappings is reached. It may hold secrets, and is never logged. Undefined: schemas are in files. */
type Registry = { readonly registry: RegistrySettings | undefined };

/** The mapping of a topic. `structuredClone` copies it, as it does the next one. */
export type TopicMapping = Registry & { readonly text: MappingText };

/** The mappings of bodies by their names. */
export type BodyMappings = Registry & { readonly texts: ReadonlyMap<string, MappingText> };

export type IngestMappings = {
  /** Undefined: the records are canonical events. */
  readonly ofTopic: TopicMapping | undefined;
  /** Whether it needs keys or headers of records. */
  readonly hasEnvelopes: boolean;
  readonly ofBodies: BodyMappings;
};

export type OpenedMapping = { readonly mapping: Mapping; readonly mapper: RecordMapper };

/** Opens mappers in one thread. They share a client of the registry. */
export class MappingOpener {
  readonly #registry: SchemaRegistry | undefined;

  /** Throws `bad_config` for an address of a registry that is none. */
  constructor(registry: RegistrySettings | undefined) {
    this.#registry = registry === undefined ? undefined : new SchemaRegistry(registry);
  }

  /** `hasHeaders`: tables name their columns themselves. Throws `bad_request` for a mapping that cannot be used. */
  open({ text, name, folder }: MappingText, hasHeaders: boolean): OpenedMapping {
    const mapping = parseMapping(text, name, folder);
    const isTable = hasHeaders && mapping.format === "csv" && mapping.columns === undefined;
    return {
      mapping,
      mapper: isTable ? this.openTable(mapping, { columns: [] }) : openMapper(mapping, this.#registry),
    };
  }

  /** Opens the mapper of a table with these columns, and with this delimiter instead of the mapping's. */
  openTable(
    mapping: Mapping,
    table: { readonly columns: readonly string[]; readonly delimiter?: string },
  ): RecordMapper {
    return openMapper({ ...mapping, ...table, format: "csv" });
  }
}

/** Reads the mappings that the source uses. Throws `bad_config` with all problems. */
export function readIngestMappings({ ingest }: Config): IngestMappings {
  const problems: string[] = [];
  const registry = readRegistry(ingest.registry, problems);
  const reader = new MappingFiles(new MappingOpener(registry), problems);
  let mappings: IngestMappings = {
    ofTopic: undefined,
    hasEnvelopes: false,
    ofBodies: { texts: new Map(), registry: undefined },
  };
  if (ingest.source === "kafka") {
    const read =
      ingest.mappingPath === undefined ? undefined : reader.read(ingest.mappingPath, "ingest.mapping", false);
    if (read !== undefined) {
      const ofTopic = { text: read.text, registry };
      mappings = { ...mappings, ofTopic, hasEnvelopes: read.mapper.needsEnvelope };
    }
  } else if (ingest.mappingsFolder !== undefined) {
    mappings = {
      ...mappings,
      ofBodies: { texts: reader.readFolder(ingest.mappingsFolder, "ingest.mappings"), registry },
    };
  }
  if (problems.length === 0) return mappings;
  // A path may hold a secret that was put into the wrong key.
  const paths = ingest.source === "kafka" ? [ingest.mappingPath] : [ingest.mappingsFolder];
  const given = paths.flatMap((path) => (path === undefined ? [] : [path, printableText(path)]));
  const lines = problems.map((problem) => `  ${maskArguments(problem, given).replaceAll("\n", "\n  ")}`);
  throw new SwapstatsError("bad_config", `mappings cannot be used:\n${lines.join("\n")}`);
}

function readRegistry(registry: RegistryConfig | undefined, problems: string[]): RegistrySettings | undefined {
  try {
    return registry && registrySettings(registry);
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}

/** Reads and opens mapping files, and collects what is wrong with them. */
class MappingFiles {
  readonly #opener: MappingOpener;
  readonly #problems: string[];

  constructor(opener: MappingOpener, problems: string[]) {
    this.#opener = opener;
    this.#problems = problems;
  }

  /** `key`: the configuration key that names the file. */
  read(
    path: string,
    key: string,
    hasHeaders: boolean,
  ): { readonly text: MappingText; readonly mapper: RecordMapper } | undefined {
    try {
      const text = readMappingText(path);
      return { text, mapper: this.#opener.open(text, hasHeaders).mapper };
    } catch (error) {
      if (!(error instanceof SwapstatsError)) throw error;
      this.#problems.push(`${key}: ${error.message}`);
      return undefined;
    }
  }

  readFolder(folder: string, key: string): Map<string, MappingText> {
    const texts = new Map<string, MappingText>();
    for (const file of this.#filesOf(folder, key)) {
      const name = file.slice(0, -SUFFIX.length);
      if (!file.endsWith(SUFFIX) || !NAME.test(name)) {
        const advice = `name it NAME${SUFFIX}, with at most 64 letters, digits and . _ -, which become the name of the mapping`;
        this.#problems.push(`${key}: the file ${printableCut(file)} cannot be used; ${advice}`);
        continue;
      }
      const read = this.read(join(folder, file), key, true);
      if (read !== undefined) texts.set(name, read.text);
    }
    return texts;
  }

  #filesOf(folder: string, key: string): string[] {
    try {
      // Names with a dot in front are those of editors and of mounted volumes.
      const files = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file) && !file.startsWith("."));
      if (files.length <= MAPPINGS_MAX) return files.sort();
      this.#problems.push(`${key}: the folder ${folder} has ${files.length} mappings; keep at most ${MAPPINGS_MAX}`);
    } catch (cause) {
      const why = `cannot be read (${(cause as Error).message}); check the path and its permissions`;
      this.#problems.push(`${key}: the folder ${folder} ${why}`);
    }
    return [];
  }
}
