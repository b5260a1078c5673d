/** Kills a service again and again, while its feeders run. */
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/seed.ts";
import { ServiceProcess, type Settings } from "./service-process.ts";

const KILL_WHILE_STARTING = 0.2;
const START_MS_MAX = 900;

type KillRounds = {
  readonly random: Random;
  readonly kills: number;
  /** Longest time for which a service runs once it has caught up. */
  readonly runMsMax: number;
  readonly port: number;
  readonly dataDir: string;
  readonly settings: Settings;
};

/** Starts and kills the service `kills` times: mostly some time after it has caught up, now and then during its start. */
export async function killRepeatedly(rounds: KillRounds): Promise<void> {
  const { random, kills, runMsMax, port, dataDir, settings } = rounds;
  for (let kill = 0; kill < kills; kill++) {
    const service = new ServiceProcess(port, dataDir, settings);
    if (random.chance(KILL_WHILE_STARTING)) await pause(random.below(START_MS_MAX));
    else {
      await service.caughtUp();
      await pause(random.below(runMsMax));
    }
    await service.kill("SIGKILL");
  }
}
