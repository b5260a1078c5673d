/** The standard services of gRPC by which tools such as grpcurl ask for the descriptors of the others. */
import { type DescService, fromJson, type Message, toBinary, toJson } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { standardService } from "./standard-files.ts";

type Choice = { readonly case: string | undefined; readonly value?: unknown };
type Reply = { readonly [member: string]: unknown };

export class Reflection {
  readonly #services: readonly string[];
  readonly #byName = new Map<string, FileDescriptorProto>();
  readonly #bySymbol = new Map<string, FileDescriptorProto>();

  constructor(files: readonly FileDescriptorProto[]) {
    this.#services = files.flatMap(({ package: name, service }) => service.map((one) => `${name}.${one.name}`));
    for (const file of files) {
      this.#byName.set(file.name, file);
      for (const symbol of symbolsOf(file)) this.#bySymbol.set(symbol, file);
    }
  }

  /** The version that is nearly everywhere, and the one before, which many tools still ask first. */
  register(router: ConnectRouter): void {
    for (const version of ["v1", "v1alpha"]) {
      const service = standardService(`grpc.reflection.${version}.ServerReflection`);
      const methods = {
        serverReflectionInfo: (requests: AsyncIterable<Message>) => this.#answer(service, requests),
      };
      // Types of methods are known for generated code only.
      router.service(service, methods as never);
    }
  }

  async *#answer(service: DescService, requests: AsyncIterable<Message>): AsyncGenerator<Message> {
    const { input, output } = service.methods[0] as DescService["methods"][number];
    for await (const request of requests) {
      const { messageRequest, host } = request as Message & { readonly messageRequest: Choice; readonly host: string };
      const json = { validHost: host, originalRequest: toJson(input, request), ...this.#reply(messageRequest) };
      yield fromJson(output, json as never);
    }
  }

  #reply({ case: kind, value }: Choice): Reply {
    const name = String(value);
    switch (kind) {
      case "listServices":
        return { listServicesResponse: { service: this.#services.map((one) => ({ name: one })) } };
      case "fileByFilename":
        return fileReply(this.#byName.get(name), name);
      case "fileContainingSymbol":
        return fileReply(this.#bySymbol.get(name), name);
      case "allExtensionNumbersOfType":
        return this.#bySymbol.has(name)
          ? { allExtensionNumbersResponse: { baseTypeName: name } }
          : errorReply(Code.NotFound, `there is no type ${name}`);
      case "fileContainingExtension":
        return errorReply(Code.NotFound, "there are no extensions");
      default:
        return errorReply(Code.InvalidArgument, "the request asks for nothing");
    }
  }
}

function fileReply(file: FileDescriptorProto | undefined, name: string): Reply {
  if (file === undefined) return errorReply(Code.NotFound, `there is no ${name}`);
  const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64");
  return { fileDescriptorResponse: { fileDescriptorProto: [bytes] } };
}

const errorReply = (errorCode: Code, errorMessage: string): Reply => ({ errorResponse: { errorCode, errorMessage } });

/** Returns the full names of everything in a file that can be asked for. */
function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  for (const service of file.service) {
    yield `${file.package}.${service.name}`;
    for (const method of service.method) yield `${file.package}.${service.name}.${method.name}`;
  }
  const messages = file.messageType.map((message) => ({ message, scope: file.package }));
  for (let next = messages.pop(); next !== undefined; next = messages.pop()) {
    const name = `${next.scope}.${next.message.name}`;
    yield name;
    for (const field of next.message.field) yield `${name}.${field.name}`;
    for (const one of next.message.enumType) yield `${name}.${one.name}`;
    for (const message of next.message.nestedType) messages.push({ message, scope: name });
  }
}
