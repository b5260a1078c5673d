/** The messages of the client's connection, in a component: at most one render a frame. */
import type { Client, Frame } from "@swapstats/client";
import { useEffect, useMemo, useReducer, useState } from "preact/hooks";
import { inNextFrame, notInNextFrame } from "../ui/frames.ts";
import { type Message, MessageLog } from "./message-log.ts";

export type Inspected = {
  /** What is listed: while paused, what there was at the pause. */
  readonly messages: readonly Message[];
  /** Messages that came since the pause. */
  readonly heldBack: number;
  readonly isPaused: boolean;
  readonly log: MessageLog;
  pause(isPaused: boolean): void;
  clear(): void;
};

export function useMessages(client: Client): Inspected {
  const log = useMemo(() => new MessageLog(), [client]);
  const [, render] = useReducer((count: number, _: undefined) => count + 1, 0);
  const [paused, setPaused] = useState<{ readonly messages: readonly Message[]; readonly count: number } | undefined>(
    undefined,
  );
  useEffect(() => {
    let waiting: Frame[] = [];
    const task = (): void => {
      const frames = waiting;
      waiting = [];
      log.add(frames);
      render(undefined);
    };
    const stop = client.inspect((frame) => {
      waiting.push(frame);
      // A hidden page has no frames; what waits is bounded all the same.
      if (waiting.length >= FRAMES_WAITING_MAX) log.add(waiting.splice(0));
      inNextFrame(task);
    });
    return () => {
      stop();
      notInNextFrame(task);
    };
  }, [client, log]);
  return {
    messages: paused?.messages ?? log.messages,
    heldBack: paused === undefined ? 0 : log.count - paused.count,
    isPaused: paused !== undefined,
    log,
    pause: (isPaused) => setPaused(isPaused ? { messages: log.messages, count: log.count } : undefined),
    clear: () => {
      log.clear();
      setPaused((before) => (before === undefined ? undefined : { messages: [], count: log.count }));
      render(undefined);
    },
  };
}

const FRAMES_WAITING_MAX = 200;
