import type { Expression } from "../language.ts";

/** Returns whether an expression has no modifiers besides these. */
export function isOnly(expression: Expression, allowed: readonly (keyof Expression)[]): boolean {
  const isUsed: Partial<Record<keyof Expression, boolean>> = {
    replace: expression.replace.length > 0,
    isLower: expression.isLower,
    values: expression.values !== undefined,
    otherwise: expression.otherwise !== undefined,
    spelling: expression.spelling !== undefined,
    scale: expression.scale !== undefined,
    isNegated: expression.isNegated,
    isAbsolute: expression.isAbsolute,
    time: expression.time !== undefined,
    default: expression.default !== undefined,
  };
  return Object.entries(isUsed).every(([name, used]) => !used || allowed.includes(name as keyof Expression));
}
