/** Server-sent events from one core, with 20 channels a stream, beside the WebSocket: `node bench/sse-fan-out.ts [--seconds N] [--rounds N]`. */
import { compareWithWebSocket } from "./streams/measure.ts";

await compareWithWebSocket("Server-sent events per second from one core, with 20 channels per stream", "sse", 500, 20);
