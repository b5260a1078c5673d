/** Opens a WebSocket as a transport. */
import { webSocketBatchProtocol, webSocketProtocol } from "../wire/websocket.ts";
import type { Transport, TransportEvents } from "./transport.ts";

const NORMAL_CLOSURE = 1000;

/** Opens a connection to `url` (ws or wss). `socketClass` is the WebSocket of the platform. */
export function openWebSocket(url: string, socketClass: typeof WebSocket, events: TransportEvents): Transport {
  // A service that does not know the first chooses the second.
  const socket = new socketClass(url, [webSocketBatchProtocol, webSocketProtocol]);
  let isOver = false;
  const end = (code: number): void => {
    if (isOver) return;
    isOver = true;
    events.onLost(code, undefined);
  };
  socket.onopen = () => {
    // It may have been closed while it opened.
    if (isOver) socket.close(NORMAL_CLOSURE);
    else events.onOpen();
  };
  socket.onmessage = ({ data }) => {
    if (!isOver && typeof data === "string") events.onText(data);
  };
  // A close event follows, except on some platforms when the handshake fails.
  socket.onerror = () => {
    if (socket.readyState !== socketClass.OPEN) end(0);
  };
  socket.onclose = ({ code }) => end(code);
  return {
    send: (text) => {
      if (socket.readyState === socketClass.OPEN) socket.send(text);
    },
    close: () => {
      isOver = true;
      if (socket.readyState !== socketClass.CONNECTING) socket.close(NORMAL_CLOSURE);
      else abandon(socket);
    },
  };
}

/** Ends a handshake. Node reports that as an error, which nobody else listens to. */
function abandon(socket: WebSocket): void {
  socket.onerror = () => {};
  socket.close(NORMAL_CLOSURE);
}
