/** The standard service of gRPC for health: whether the service takes calls. `Watch` tells of each change. */
import { fromJson, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { standardMessage, standardService } from "./standard-files.ts";

const response = standardMessage("grpc.health.v1.HealthCheckResponse");

export class HealthService {
  readonly #services: ReadonlySet<string>;
  #isServing = true;
  #watchers = new Set<() => void>();

  /** `services`: full names of the services whose health can be asked. The empty name stands for all. */
  constructor(services: readonly string[]) {
    this.#services = new Set(["", ...services]);
  }

  register(router: ConnectRouter): void {
    const service = standardService("grpc.health.v1.Health");
    const methods = {
      check: (request: Message) => this.#check(nameIn(request)),
      watch: (request: Message, context: HandlerContext) => this.#watch(nameIn(request), context.signal),
    };
    // Types of methods are known for generated code only.
    router.service(service, methods as never);
  }

  /** Reports "not serving" from now on, and ends the calls that watch. */
  stop(): void {
    this.#isServing = false;
    for (const wake of this.#watchers) wake();
  }

  #check(name: string): Message {
    if (!this.#services.has(name)) throw new ConnectError(`there is no service ${name} here`, Code.NotFound);
    return statusOf(this.#isServing ? "SERVING" : "NOT_SERVING");
  }

  async *#watch(name: string, signal: AbortSignal): AsyncGenerator<Message> {
    if (!this.#services.has(name)) yield statusOf("SERVICE_UNKNOWN");
    else if (this.#isServing) yield statusOf("SERVING");
    await this.#change(signal);
    if (signal.aborted) return;
    if (this.#services.has(name)) yield statusOf("NOT_SERVING");
    throw new ConnectError("the service is shutting down", Code.Unavailable);
  }

  async #change(signal: AbortSignal): Promise<void> {
    if (!this.#isServing || signal.aborted) return;
    let wake = (): void => {};
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#watchers.add(wake);
    signal.addEventListener("abort", wake);
    await changed;
    this.#watchers.delete(wake);
  }
}

const nameIn = (request: Message): string => (request as Message & { readonly service: string }).service;
const statusOf = (status: string): Message => fromJson(response, { status });
