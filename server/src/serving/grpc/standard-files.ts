/** Descriptors of the standard services of gRPC, and of the details of its errors. Their sources are github.com/grpc/grpc-proto and googleapis. */
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromJson,
  type JsonObject,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
} from "@bufbuild/protobuf/wkt";

type FieldJson = readonly [name: string, number: number, type: string, more?: JsonObject];

/** Returns the JSON of a message. A type that begins with a dot is a message or, after `enum `, an enumeration. */
const message = (name: string, fields: readonly FieldJson[], more: JsonObject = {}): JsonObject => ({
  name,
  field: fields.map(([field, number, type, own]) => {
    const [, isEnum, typeName] = /^(enum )?(\..+)$/.exec(type) ?? [];
    const kind = typeName === undefined ? type : isEnum === undefined ? "TYPE_MESSAGE" : "TYPE_ENUM";
    const jsonName = field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return {
      ...{ name: field, jsonName, number, type: kind, label: "LABEL_OPTIONAL" },
      ...(typeName === undefined ? {} : { typeName }),
      ...own,
    };
  }),
  ...more,
});
const REPEATED: JsonObject = { label: "LABEL_REPEATED" };
const CHOICE: JsonObject = { oneofIndex: 0 };

const file = (json: JsonObject): FileDescriptorProto =>
  fromJson(FileDescriptorProtoSchema, { syntax: "proto3", ...json });

const healthFile = file({
  name: "grpc/health/v1/health.proto",
  package: "grpc.health.v1",
  messageType: [
    message("HealthCheckRequest", [["service", 1, "TYPE_STRING"]]),
    message("HealthCheckResponse", [["status", 1, "enum .grpc.health.v1.HealthCheckResponse.ServingStatus"]], {
      enumType: [
        {
          name: "ServingStatus",
          value: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].map((name, number) => ({ name, number })),
        },
      ],
    }),
  ],
  service: [
    {
      name: "Health",
      method: ["Check", "Watch"].map((name) => ({
        ...{ name, inputType: ".grpc.health.v1.HealthCheckRequest", outputType: ".grpc.health.v1.HealthCheckResponse" },
        ...(name === "Watch" ? { serverStreaming: true } : {}),
      })),
    },
  ],
});

/** Both versions of the reflection are the same but for the name of the package. */
const reflectionFile = (version: "v1" | "v1alpha"): FileDescriptorProto => {
  const name = `grpc.reflection.${version}`;
  const request = `.${name}.ServerReflectionRequest`;
  const response = `.${name}.ServerReflectionResponse`;
  return file({
    name: `grpc/reflection/${version}/reflection.proto`,
    package: name,
    messageType: [
      message(
        "ServerReflectionRequest",
        [
          ["host", 1, "TYPE_STRING"],
          ["file_by_filename", 3, "TYPE_STRING", CHOICE],
          ["file_containing_symbol", 4, "TYPE_STRING", CHOICE],
          ["file_containing_extension", 5, `.${name}.ExtensionRequest`, CHOICE],
          ["all_extension_numbers_of_type", 6, "TYPE_STRING", CHOICE],
          ["list_services", 7, "TYPE_STRING", CHOICE],
        ],
        { oneofDecl: [{ name: "message_request" }] },
      ),
      message("ExtensionRequest", [
        ["containing_type", 1, "TYPE_STRING"],
        ["extension_number", 2, "TYPE_INT32"],
      ]),
      message(
        "ServerReflectionResponse",
        [
          ["valid_host", 1, "TYPE_STRING"],
          ["original_request", 2, request],
          ["file_descriptor_response", 4, `.${name}.FileDescriptorResponse`, CHOICE],
          ["all_extension_numbers_response", 5, `.${name}.ExtensionNumberResponse`, CHOICE],
          ["list_services_response", 6, `.${name}.ListServiceResponse`, CHOICE],
          ["error_response", 7, `.${name}.ErrorResponse`, CHOICE],
        ],
        { oneofDecl: [{ name: "message_response" }] },
      ),
      message("FileDescriptorResponse", [["file_descriptor_proto", 1, "TYPE_BYTES", REPEATED]]),
      message("ExtensionNumberResponse", [
        ["base_type_name", 1, "TYPE_STRING"],
        ["extension_number", 2, "TYPE_INT32", REPEATED],
      ]),
      message("ListServiceResponse", [["service", 1, `.${name}.ServiceResponse`, REPEATED]]),
      message("ServiceResponse", [["name", 1, "TYPE_STRING"]]),
      message("ErrorResponse", [
        ["error_code", 1, "TYPE_INT32"],
        ["error_message", 2, "TYPE_STRING"],
      ]),
    ],
    service: [
      {
        name: "ServerReflection",
        method: [
          {
            ...{ name: "ServerReflectionInfo", inputType: request, outputType: response },
            ...{ clientStreaming: true, serverStreaming: true },
          },
        ],
      },
    ],
  });
};

const DURATION_FILE = "google/protobuf/duration.proto";
const errorsFile = file({
  name: "google/rpc/error_details.proto",
  package: "google.rpc",
  dependency: [DURATION_FILE],
  messageType: [
    message("ErrorInfo", [
      ["reason", 1, "TYPE_STRING"],
      ["domain", 2, "TYPE_STRING"],
    ]),
    message("RetryInfo", [["retry_delay", 1, ".google.protobuf.Duration"]]),
    message("BadRequest", [["field_violations", 1, ".google.rpc.BadRequest.FieldViolation", REPEATED]], {
      nestedType: [
        message("FieldViolation", [
          ["field", 1, "TYPE_STRING"],
          ["description", 2, "TYPE_STRING"],
        ]),
      ],
    }),
  ],
});

/** Files of the services, which reflection lists. */
export const standardFiles: readonly FileDescriptorProto[] = [
  healthFile,
  reflectionFile("v1"),
  reflectionFile("v1alpha"),
];

const registries: readonly FileRegistry[] = [
  ...standardFiles.map((one) => createFileRegistry(one, () => undefined)),
  createFileRegistry(errorsFile, (name) => (name === DURATION_FILE ? file_google_protobuf_duration : undefined)),
];

function found<Desc>(name: string, look: (registry: FileRegistry) => Desc | undefined): Desc {
  for (const registry of registries) {
    const desc = look(registry);
    if (desc !== undefined) return desc;
  }
  throw new Error(`no standard file has ${name}`);
}

/** Returns the descriptor of a service. Throws if there is none. */
export const standardService = (name: string): DescService => found(name, (registry) => registry.getService(name));

/** Returns the descriptor of a message. Throws if there is none. */
export const standardMessage = (name: string): DescMessage => found(name, (registry) => registry.getMessage(name));
