/** Makes the descriptor of the package `swapstats.v1`. Code is not generated: libraries read the descriptor at run time. */
import { create, createFileRegistry, type DescMessage, type DescService } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { messages, methods, PACKAGE, PROTO_FILE, SERVICE } from "./contract.ts";
import { CLEARED, type Field, type Message, removedOf, type Scalar } from "./message.ts";

const TYPES: Readonly<Record<Scalar, Type>> = {
  bool: Type.BOOL,
  bytes: Type.BYTES,
  double: Type.DOUBLE,
  int64: Type.INT64,
  string: Type.STRING,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
};

const fullName = (name: string): string => `.${PACKAGE}.${name}`;

/** Returns the name in the JSON of protobuf: `price_change_pct` is `priceChangePct`. */
const jsonName = (name: string): string =>
  name.replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Returns the name of the message of a map's entries, which the specification prescribes. */
const entryName = (field: Field): string => {
  const name = jsonName(field.name);
  return `${name[0]?.toUpperCase()}${name.slice(1)}Entry`;
};

/** Returns the fields that only patches have. */
function patchFieldsOf(message: Message): readonly Field[] {
  if (!message.isPatched) return [];
  const cleared: Field = {
    ...{ ...CLEARED, type: "uint32", form: "repeated", isRequired: false },
    doc: "In a patch: numbers of the fields that have no value any more",
  };
  const maps = message.fields.filter(({ form }) => form === "map");
  const removed = maps.map((map): Field => {
    const doc = `In a patch: keys that are no longer in ${map.name}`;
    return { ...removedOf(map), type: map.key ?? "string", form: "repeated", isRequired: false, doc };
  });
  return [cleared, ...removed];
}

export const allFieldsOf = (message: Message): readonly Field[] => [...message.fields, ...patchFieldsOf(message)];

function fieldDescriptor(message: Message, field: Field, oneofs: readonly string[]): FieldDescriptorProto {
  const { name, number, type, form, choice } = field;
  const typed =
    form === "map"
      ? { type: Type.MESSAGE, typeName: `${fullName(message.name)}.${entryName(field)}` }
      : typeof type === "string"
        ? { type: TYPES[type] }
        : { type: Type.MESSAGE, typeName: fullName(type.message) };
  const isPresence = form === "optional" && typeof type === "string" && choice === undefined;
  const oneof = choice ?? (isPresence ? `_${name}` : undefined);
  return create(FieldDescriptorProtoSchema, {
    ...{ name, number, jsonName: jsonName(name), ...typed },
    label: form === "repeated" || form === "map" ? Label.REPEATED : Label.OPTIONAL,
    ...(isPresence ? { proto3Optional: true } : {}),
    ...(oneof === undefined ? {} : { oneofIndex: oneofs.indexOf(oneof) }),
  });
}

function entryDescriptor(field: Field): DescriptorProto {
  const { type } = field;
  const value =
    typeof type === "string" ? { type: TYPES[type] } : { type: Type.MESSAGE, typeName: fullName(type.message) };
  return create(DescriptorProtoSchema, {
    name: entryName(field),
    field: [
      { name: "key", number: 1, jsonName: "key", label: Label.OPTIONAL, type: TYPES[field.key ?? "string"] },
      { name: "value", number: 2, jsonName: "value", label: Label.OPTIONAL, ...value },
    ],
    options: { mapEntry: true },
  });
}

function messageDescriptor(message: Message): DescriptorProto {
  const fields = allFieldsOf(message);
  const choices = [...new Set(fields.flatMap(({ choice }) => (choice === undefined ? [] : [choice])))];
  const optionals = fields.filter(
    ({ form, type, choice }) => form === "optional" && typeof type === "string" && choice === undefined,
  );
  // The choices that stand for optional fields come last, as the specification demands.
  const oneofs = [...choices, ...optionals.map(({ name }) => `_${name}`)];
  return create(DescriptorProtoSchema, {
    name: message.name,
    field: fields.map((field) => fieldDescriptor(message, field, oneofs)),
    nestedType: fields.filter(({ form }) => form === "map").map(entryDescriptor),
    oneofDecl: oneofs.map((name) => ({ name })),
  });
}

/** The file `swapstats/v1/stats.proto`. It imports no other. */
export const statsFile: FileDescriptorProto = create(FileDescriptorProtoSchema, {
  name: PROTO_FILE,
  package: PACKAGE,
  syntax: "proto3",
  messageType: messages.map(messageDescriptor),
  service: [
    {
      name: SERVICE,
      method: methods.map(({ name, isClientStream, isServerStream }) => ({
        ...{ name, inputType: fullName(`${name}Request`), outputType: fullName(`${name}Response`) },
        ...(isClientStream === true ? { clientStreaming: true } : {}),
        ...(isServerStream === true ? { serverStreaming: true } : {}),
      })),
    },
  ],
});

const registry = createFileRegistry(statsFile, () => undefined);

/** Returns the descriptor of a message of the package. Throws if there is none. */
export function messageDesc(name: string): DescMessage {
  const found = registry.getMessage(`${PACKAGE}.${name}`);
  if (found === undefined) throw new Error(`${PACKAGE} has no message ${name}`);
  return found;
}

/** The service `swapstats.v1.StatsService`. */
export const statsService: DescService = (() => {
  const found = registry.getService(`${PACKAGE}.${SERVICE}`);
  if (found === undefined) throw new Error(`${PACKAGE} has no service ${SERVICE}`);
  return found;
})();
