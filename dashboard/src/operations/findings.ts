/** What an operator should know about the status: sentences that say what is wrong, where, and what to do. */
import type { FeederStatus, Status } from "@swapstats/client";
import { formatCount } from "../format/figures.ts";
import { formatAge, formatSpan } from "../format/times.ts";

/** `bad`: figures are missing, old or at risk. `warn`: without action it becomes `bad`. `note`: for information. */
type Severity = "bad" | "warn" | "note";

export type Finding = {
  /** Stays the same while the finding lasts. */
  readonly key: string;
  readonly severity: Severity;
  readonly what: string;
  /** What to do. Empty: nothing. */
  readonly advice: string;
  /** Partitions that it concerns. Empty: none in particular. */
  readonly partitions: readonly number[];
};

/** A partition with older waiting records is behind. */
export const BEHIND_MS = 10_000;
/** A checkpoint that is older is overdue; `app.snapshot_interval` is far shorter. */
export const CHECKPOINT_OVERDUE_MS = 600_000;

/** What the service says about itself, and what to do about it. The first that fits counts. */
const ADVICE: readonly (readonly [pattern: RegExp, severity: Severity, advice: string])[] = [
  [
    /acknowledged and are missing|are lost\b/i,
    "bad",
    "Send these swaps again if you can. Windows stay incomplete until the stream has filled them.",
  ],
  [
    /Checkpoints are not being written/i,
    "bad",
    "Free space or repair the store of the checkpoints. The service resumes by itself; until then the log keeps what the checkpoints lack.",
  ],
  [
    /Swaps cannot be taken|log is full|no free space/i,
    "bad",
    "Free space and check the disk of the data folder. Senders get 503 and send again; serving continues.",
  ],
  [
    /dead letters/i,
    "warn",
    "Check the space and the permissions of the data folder. Letters are counted meanwhile, and the newest are kept in memory.",
  ],
  [
    /ends at offset .* before the checkpoint/i,
    "bad",
    "The log was cut or is from an older copy. Send the missing swaps again; windows are incomplete until filled.",
  ],
  [
    /checkpoint is damaged|cannot be read/i,
    "warn",
    "Nothing is missing. Check the disk; the next image replaces the damaged one by itself.",
  ],
  [
    /is rebuilt/i,
    "warn",
    "The state comes from the records that the log still holds. Windows are incomplete until filled.",
  ],
  [
    /clock of this machine stepped back/i,
    "warn",
    "Check the time service (NTP) of the machine. Figures follow when the clock gets there.",
  ],
  [
    /grow old/i,
    "warn",
    "Figures in Redis are old; those of this service are not. Check Redis; writing resumes by itself.",
  ],
  [
    /other partitions|placed/i,
    "bad",
    "Let the producer key its records by the token; no figure of the tokens concerned is whole.",
  ],
  [
    /Not connected to NATS|NATS/i,
    "bad",
    "Check NATS and the credentials in pubsub.nats. Tokens of other instances are served as last known.",
  ],
  [
    /No instance serves partition/i,
    "bad",
    "Start an instance, or wait for one to take the partition over. Its tokens are served as stale meanwhile.",
  ],
  [
    /history/i,
    "bad",
    "Check the store of stores.history. Rows wait and are written when it is back; nothing is lost while history.buffer_bytes has room.",
  ],
  [/version|format/i, "warn", "Upgrade the instances to one version."],
  [/budget .* full/i, "warn", "Look at the senders and at the metric swapstats_budget_used."],
];

function ofSentence(key: string, what: string, partitions: readonly number[] = []): Finding {
  const [, severity, advice] = ADVICE.find(([pattern]) => pattern.test(what)) ?? [
    undefined,
    "warn",
    "See the log of the instance for details.",
  ];
  return { key, severity: severity as Severity, what, advice: advice as string, partitions };
}

const ORDER: readonly Severity[] = ["bad", "warn", "note"];

/** Returns the findings, the worst first. `nowMs` is the time of the service. */
export function findingsOf(status: Status, nowMs: number): readonly Finding[] {
  const found = [
    ...ofPartitions(status, nowMs),
    ...(status.problems ?? [])
      .filter((what) => !isOfFeeder(what, status))
      .map((what) => ofSentence(`problem:${what}`, what)),
    ...(status.circuits ?? []).flatMap((circuit) => ofCircuit(circuit, nowMs)),
    ...(status.feeders ?? []).flatMap(ofFeeder),
    ...(status.instances ?? []).flatMap(ofInstance),
  ];
  return [...found].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

/** The table of feeders has these, and `ofFeeder` tells of them. */
const isOfFeeder = (what: string, { feeders = [] }: Status): boolean =>
  feeders.some(({ name }) => what.startsWith(`Feeder ${name}: `));

type Partition = Status["partitions"][number];

const STATES: Readonly<Partial<Record<Partition["state"], readonly [Severity, string, string]>>> = {
  restoring: ["warn", "is restoring its state.", "Nothing is to be done. Its tokens are served when it has caught up."],
  failed: ["bad", "has failed.", "Read its sentences below and the log of its owner, then restart that instance."],
  draining: ["note", "is being handed over or shut down.", ""],
};

function ofPartitions({ partitions }: Status, nowMs: number): Finding[] {
  const found: Finding[] = [];
  // The same sentence of many partitions is told once.
  const sentences = new Map<string, number[]>();
  const say = (what: string, partition: number): void => {
    sentences.set(what, [...(sentences.get(what) ?? []), partition]);
  };
  for (const one of partitions) {
    for (const what of one.problems) say(what, one.partition);
    found.push(...ofState(one), ...ofLag(one), ...ofCheckpoint(one, nowMs));
  }
  for (const [what, of] of sentences) found.push(ofSentence(`partition:${what}`, what, of));
  return grouped(found);
}

function ofState({ partition, state }: Partition): Finding[] {
  const said = STATES[state];
  if (said === undefined) return [];
  const [severity, what, advice] = said;
  return [{ key: `state:${state}`, severity, what, advice, partitions: [partition] }];
}

function ofLag({ partition, lag, lag_ms, state }: Partition): Finding[] {
  if (state !== "running" || lag_ms < BEHIND_MS) return [];
  const what = `is ${formatSpan(lag_ms)} behind: ${formatCount(lag)} records wait.`;
  const advice =
    "Look at the rate of applied records below. If it stays lower than the rate of accepted ones, add partitions or instances.";
  return [{ key: "behind", severity: "bad", what, advice, partitions: [partition] }];
}

function ofCheckpoint({ partition, checkpoint, state }: Partition, nowMs: number): Finding[] {
  if (state !== "running" || checkpoint === undefined || nowMs - checkpoint.time < CHECKPOINT_OVERDUE_MS) return [];
  const what = `has its newest checkpoint from ${formatAge(checkpoint.time, nowMs)} ago.`;
  const advice =
    "A restart would apply everything since then again. Check the store of the checkpoints and its circuit.";
  return [{ key: "checkpoint", severity: "warn", what, advice, partitions: [partition] }];
}

/** Joins findings of the same kind into one. It has the text of the first and the numbers of all partitions. */
function grouped(found: readonly Finding[]): Finding[] {
  const groups = new Map<string, Finding>();
  for (const finding of found) {
    const before = groups.get(finding.key);
    groups.set(
      finding.key,
      before === undefined ? finding : { ...before, partitions: [...before.partitions, ...finding.partitions] },
    );
  }
  return [...groups.values()];
}

/** Returns the subject of a sentence: `Partition 3`, `Partitions 0 to 4`, `12 partitions`. */
export function partitionsText(partitions: readonly number[]): string {
  const [first, ...more] = partitions;
  if (first === undefined) return "";
  if (more.length === 0) return `Partition ${first}`;
  return partitions.length <= 4
    ? `Partitions ${partitions.slice(0, -1).join(", ")} and ${partitions.at(-1)}`
    : `${partitions.length} partitions (${first}, ${more[0]}, …)`;
}

const SERVERS: Readonly<Record<string, string>> = {
  nats: "NATS",
  redis: "Redis, which keeps the checkpoints",
  redis_hot: "Redis, which keeps figures for other readers",
  s3: "S3, which keeps the checkpoints",
  kafka: "Kafka, which keeps the checkpoints",
};

type Circuit = NonNullable<Status["circuits"]>[number];

function ofCircuit({ instance, dependency, state, since }: Circuit, nowMs: number): Finding[] {
  if (state === "closed") return [];
  const server = SERVERS[dependency] ?? dependency;
  const duration =
    since === undefined ? "" : ` since ${formatAge(since, nowMs)}`.replace("since now", "since just now");
  const what = `${instance} cannot use ${server}${duration}.`;
  const severity = dependency === "redis_hot" ? "warn" : "bad";
  return [
    {
      key: `circuit:${instance}:${dependency}`,
      severity,
      what,
      advice: "Check that server and the way to it. The service tries again by itself.",
      partitions: [],
    },
  ];
}

function ofFeeder({ name, state, problem, rejected }: FeederStatus): Finding[] {
  const key = `feeder:${name}`;
  const because = problem === undefined ? "" : ` ${problem}`;
  if (state === "failed") {
    const advice = "It does not start again by itself: remove the cause, then restart the instance.";
    return [{ key, severity: "bad", what: `Feeder ${name} has stopped.${because}`, advice, partitions: [] }];
  }
  if (state === "retrying") {
    return [
      {
        key,
        severity: "warn",
        what: `Feeder ${name} retries.${because}`,
        advice: "It goes on by itself when its origin works again.",
        partitions: [],
      },
    ];
  }
  if (rejected === 0) return [];
  const what = `Feeder ${name} has read ${formatCount(rejected)} records with a swap that was refused.`;
  return [
    { key, severity: "note", what, advice: "The dead letters below hold the newest, with the reason.", partitions: [] },
  ];
}

function ofInstance({ instance, version, state }: NonNullable<Status["instances"]>[number]): Finding[] {
  if (state !== "refused") return [];
  const what = `The messages of ${instance} (${version}) cannot be read here.`;
  return [
    {
      key: `instance:${instance}`,
      severity: "bad",
      what,
      advice: "Upgrade the instances to one version, one after the other.",
      partitions: [],
    },
  ];
}

/** Returns one sentence about all. */
export function verdictOf(findings: readonly Finding[]): { readonly tone: "good" | Severity; readonly text: string } {
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const [bad, warn] = [count("bad"), count("warn")];
  const things = (number: number): string => (number === 1 ? "1 problem" : `${number} problems`);
  if (bad > 0) return { tone: "bad", text: `${things(bad)} to act on${warn > 0 ? `, ${warn} to look at` : ""}` };
  if (warn > 0) return { tone: "warn", text: `${things(warn)} to look at` };
  return { tone: "good", text: "All partitions are up to date" };
}
