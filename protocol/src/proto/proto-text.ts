/** Prints the package `swapstats.v1` as the text of a `.proto` file. */
import { messages, methods, PACKAGE, SERVICE } from "./contract.ts";
import { allFieldsOf } from "./descriptor.ts";
import type { Field, Message } from "./message.ts";

const HEAD = `// The contract of the service in protobuf. It is made from protocol/src/ by \`npm run docs\`.
//
// Times are milliseconds since 1970. Decimals are strings without exponent and without needless zeros.
syntax = "proto3";

package ${PACKAGE};
`;

/** Returns the text of the file. */
export function protoText(): string {
  return `${HEAD}\n${serviceText()}\n${messages.map(messageText).join("\n")}`;
}

function serviceText(): string {
  const stream = (isStream: true | undefined): string => (isStream === true ? "stream " : "");
  const lines = methods.map(
    ({ name, doc, isClientStream, isServerStream }) =>
      `${commentText(doc, "  ")}  rpc ${name}(${stream(isClientStream)}${name}Request) returns (${stream(isServerStream)}${name}Response);\n`,
  );
  return `service ${SERVICE} {\n${lines.join("")}}\n`;
}

function messageText(message: Message): string {
  const byChoice = new Map<string, Field[]>();
  const lines: string[] = [];
  for (const field of allFieldsOf(message)) {
    const { choice } = field;
    if (choice === undefined) lines.push(fieldText(field, "  "));
    else byChoice.set(choice, [...(byChoice.get(choice) ?? []), field]);
  }
  for (const [choice, fields] of byChoice) {
    lines.push(`  oneof ${choice} {\n${fields.map((field) => fieldText(field, "    ")).join("")}  }\n`);
  }
  return `${commentText(message.doc, "")}message ${message.name} {\n${lines.join("")}}\n`;
}

function fieldText({ name, number, type, form, key, choice, doc }: Field, indent: string): string {
  const typeName = typeof type === "string" ? type : type.message;
  const isPresence = form === "optional" && typeof type === "string" && choice === undefined;
  const declared =
    form === "map"
      ? `map<${key}, ${typeName}>`
      : `${form === "repeated" ? "repeated " : isPresence ? "optional " : ""}${typeName}`;
  return `${commentText(doc, indent)}${indent}${declared} ${name} = ${number};\n`;
}

const commentText = (doc: string, indent: string): string => (doc === "" ? "" : `${indent}// ${doc}\n`);
