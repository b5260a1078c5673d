/** Messages of `Subscribe` from one core, with 20 channels a call, beside the WebSocket: `node bench/grpc-subscribe.ts [--seconds N] [--rounds N]`. */
import { compareWithWebSocket } from "./streams/measure.ts";

await compareWithWebSocket(
  "Messages of gRPC's Subscribe per second from one core, with 20 channels per call",
  "grpc",
  200,
  20,
);
