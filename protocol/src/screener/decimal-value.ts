/** Decimals of a query: the texts and numbers that a client may write, in the form in which figures are served. */

const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?$/;
const EXPONENT = /^(-?)([0-9]+)(?:\.([0-9]+))?e([+-][0-9]+)$/;

/** Returns the decimal without exponent and without needless zeros. Undefined if the value is not a decimal. */
export function decimalOf(value: unknown, charsMax: number): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? ofNumber(String(value)) : undefined;
  if (typeof value !== "string" || value.length > charsMax) return undefined;
  const parts = DECIMAL.exec(value);
  return parts === null ? undefined : joined(parts[1] as string, parts[2] as string, parts[3] ?? "");
}

/** The shortest text of a double has an exponent if it is very large or very small. */
function ofNumber(text: string): string | undefined {
  const plain = DECIMAL.exec(text);
  if (plain !== null) return joined(plain[1] as string, plain[2] as string, plain[3] ?? "");
  const parts = EXPONENT.exec(text);
  if (parts === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return joined(sign, "0", "0".repeat(-point) + digits);
  return joined(sign, digits.slice(0, point).padEnd(point, "0"), digits.slice(point));
}

function joined(sign: string, whole: string, fraction: string): string {
  const left = whole.replace(/^0+(?=.)/, "");
  const right = fraction.replace(/0+$/, "");
  const text = right === "" ? left : `${left}.${right}`;
  return text === "0" ? "0" : `${sign}${text}`;
}
