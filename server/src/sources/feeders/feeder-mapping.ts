/** The mapping of a feeder: a mapper for its records, and how the rows of a table are split. */
import type { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import type { FeederConfig } from "../../config/build/ingest.ts";
import type { Mapping, MappingFormat } from "../../mapping/language.ts";
import type { RecordMapper } from "../../mapping/mapper.ts";
import { readMapping } from "../../mapping/reading/read-mapping.ts";
import { openMapper } from "../../mapping/record-mapper.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { maskArguments } from "../../shared/mask-secrets.ts";
import { printableText } from "../../shared/printable-text.ts";
import type { TableForm } from "./origin.ts";

const ASCII_MAX = 127;

/** Formats that the records of a type may have. Others are read as they come. */
const FORMATS: Partial<Record<FeederConfig["type"], readonly MappingFormat[]>> = {
  file: ["json", "csv"],
  postgres: ["json"],
  http: ["json"],
};

type FeederMapping = { readonly mapper: RecordMapper | undefined; readonly table: TableForm | undefined };

/** Reads the mapping file of a feeder, if it has one. `registry` has the schemas of its records. Throws `bad_config`. */
export function readFeederMapping(settings: FeederConfig, registry: SchemaRegistry | undefined): FeederMapping {
  const path = "mapping" in settings ? settings.mapping : undefined;
  if (path === undefined) return { mapper: undefined, table: undefined };
  try {
    const mapping = readMapping(path);
    checkFormat(settings.type, mapping);
    if (settings.type !== "file" || mapping.format !== "csv")
      return { mapper: openMapper(mapping, registry), table: undefined };
    // The origin makes a JSON object of each row, with the columns as members.
    return { mapper: openMapper({ ...mapping, format: "json" }), table: tableFormOf(mapping) };
  } catch (cause) {
    // A path may hold a secret that was put into the wrong key.
    const why = maskArguments((cause as Error).message, [path, printableText(path)]);
    throw new SwapstatsError("bad_config", `feeder ${settings.name}: ${why}`, { cause });
  }
}

function checkFormat(type: FeederConfig["type"], { name, format = "json" }: Mapping): void {
  const formats = FORMATS[type] ?? [format];
  if (formats.includes(format)) return;
  const message = `the mapping ${name} has the format ${format}, and the records of a feeder of type ${type} are ${formats.join(" or ")}; remove or change its \`format\``;
  throw new SwapstatsError("bad_request", message);
}

function tableFormOf({ name, delimiter = ",", columns }: Mapping): TableForm {
  if (delimiter.length !== 1 || delimiter.charCodeAt(0) > ASCII_MAX) {
    const message = `the mapping ${name} has the delimiter "${delimiter}"; a feeder needs one ASCII character`;
    throw new SwapstatsError("bad_request", message);
  }
  return { delimiter, columns };
}
