/** The list of feeders, and the keys of each type. A new type is one file beside `feeders/file.ts` and one line here. */
import { ByType, key } from "../key.ts";
import { NAME } from "./feeders/common.ts";
import { EVM_RPC_FEEDER } from "./feeders/evm-rpc.ts";
import { FILE_FEEDER } from "./feeders/file.ts";
import { HTTP_FEEDER } from "./feeders/http.ts";
import { POSTGRES_FEEDER } from "./feeders/postgres.ts";
import { WEBSOCKET_FEEDER } from "./feeders/websocket.ts";

const FEEDERS_MAX = 16;

export const FEEDERS = new ByType({
  list: key(
    "ingest.feeders",
    { type: "entries", countMax: FEEDERS_MAX },
    "",
    "List of feeders, which bring swaps from elsewhere into the embedded log, see [feeders](feeders.md). Each entry has `type`, `name` and the keys of its type.",
  ),
  common: { name: NAME },
  types: {
    file: FILE_FEEDER,
    postgres: POSTGRES_FEEDER,
    evm_rpc: EVM_RPC_FEEDER,
    http: HTTP_FEEDER,
    websocket: WEBSOCKET_FEEDER,
  },
});

export type FeederType = keyof typeof FEEDERS.types;
