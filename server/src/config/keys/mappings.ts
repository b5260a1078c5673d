/** Keys of mappings: of a topic, of bodies, and the registry that has their schemas. */
import { key, ofPart, type Section } from "../key.ts";
import { PATH, PRINTABLE, SECRET, text } from "./kinds.ts";

export const MAPPINGS = {
  ...ofPart("ingest.source: kafka", {
    mappingPath: key(
      "ingest.mapping",
      PATH,
      "",
      "YAML file that says how the records of the topic become swaps, see [mapping](mapping.md). Not set: each record is a swap as in [swap events](swap-event.md).",
    ),
  }),
  ...ofPart("embedded log", {
    mappingsFolder: key(
      "ingest.mappings",
      PATH,
      "",
      "Folder with the mappings of `POST /api/swaps?mapping=NAME`, each in a file `NAME.yaml`, at most 64. They are read at the start. See [mapping](mapping.md).",
    ),
  }),
  registry: ofPart("mappings", {
    url: key(
      "ingest.registry.url",
      text(2048, /^https?:\/\/[^\s@?#]+$/, "http://HOST:PORT or https://HOST:PORT, without user and query"),
      "",
      "Schema registry (with the HTTP interface of Confluent's) for mappings of the formats `avro`, `protobuf` and `json_schema` that name no schema file.",
    ),
    username: key("ingest.registry.username", PRINTABLE, "", "User of the registry, with `password`."),
    password: key("ingest.registry.password", SECRET, "", "Password of `username`."),
    token: key("ingest.registry.token", SECRET, "", "Bearer token for the registry, instead of a user."),
    caPath: key(
      "ingest.registry.ca",
      PATH,
      "",
      "File (PEM) with the certificate authorities for the registry. Not set: the authorities that Node trusts.",
    ),
  }),
} satisfies Section;
