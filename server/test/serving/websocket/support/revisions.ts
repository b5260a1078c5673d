/** The data that clients and HTTP see of the tokens and the ranking of a small program, by revision. All places must agree. */
import assert from "node:assert/strict";
import type { Json } from "@swapstats/protocol/json.ts";
import type { RunningApp } from "../../../support/app-harness.ts";
import type { TestClient } from "./client.ts";

export const WINDOWS = "10s,20s,1m";
export const OVERVIEW = "overview:10s:volume_usd";
export const TOKENS = ["1:aa", "1:bb", "56:cc"];
export const CHANNELS = TOKENS.map((id) => `token:${id}`);

export type Figures = Record<string, unknown>;

/** The data seen for each channel and revision, and where; all places must agree. */
export class Revisions {
  readonly compared = new Map<string, number>();
  readonly #seen = new Map<string, Json>();

  add(channel: string, epoch: string, rev: number, data: Json, way: string): void {
    const key = `${channel} ${epoch}:${rev}`;
    const before = this.#seen.get(key);
    if (before === undefined) {
      this.#seen.set(key, data);
      return;
    }
    assert.deepEqual(data, before, `${key} by ${way}`);
    this.compared.set(way, (this.compared.get(way) ?? 0) + 1);
  }
}

const withoutEdges = ({ open_time: _, close_time: __, ...rest }: Figures): Figures => rest;

/** Requests a token over HTTP. */
export async function tokenOverHttp({ call }: RunningApp, id: string, revisions: Revisions): Promise<void> {
  const { status, json } = await call(`/api/tokens/${id}/stats`);
  if (status !== 200) return;
  const { epoch, rev, as_of: _, watermark: __, lag_ms: ___, stale: ____, windows, ...rest } = json;
  const figures = Object.entries(windows).map(([name, value]) => [name, withoutEdges(value as Figures)]);
  revisions.add(`token:${id}`, epoch, rev, { ...rest, windows: Object.fromEntries(figures) } as Json, "http");
}

/** Requests everything once over HTTP. */
export async function askAll(app: RunningApp, revisions: Revisions): Promise<void> {
  for (const id of TOKENS) await tokenOverHttp(app, id, revisions);
  const { call } = app;
  const { json } = await call("/api/overview?window=10s&sort=volume_usd");
  const items = json.items as { id: string; symbol?: string; stats: Figures }[];
  const rows = items.map(({ id, symbol, stats }) => [id, { ...(symbol && { symbol }), stats: withoutEdges(stats) }]);
  const data = { order: items.map(({ id }) => id), rows: Object.fromEntries(rows) };
  revisions.add(OVERVIEW, json.epoch, json.rev, data as Json, "http");
}

/** Adds every state that the client holds to `revisions`. */
export function watch(client: TestClient, revisions: Revisions, way: string): void {
  client.onEach((message) => {
    if (message.type !== "snapshot" && message.type !== "patch") return;
    const { epoch, rev, data } = client.held.get(message.channel) as { epoch: string; rev: number; data: Json };
    revisions.add(message.channel, epoch, rev, data, way);
  });
}
