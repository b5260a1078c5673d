/** Schemas of single values, which the schemas of bodies and messages use. */
import { type Static, type TSchema, Type } from "typebox";

export const optional = Type.Optional;

export const timeMs = (description: string) =>
  Type.Integer({ minimum: 0, description: `${description}, in ms since 1970` });

export const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });

/** A decimal without exponent and without needless zeros. */
export const decimal = (description?: string) =>
  Type.String({
    pattern: "^-?(0|[1-9][0-9]*)(\\.[0-9]*[1-9])?$",
    ...(description === undefined ? {} : { description }),
  });

export const uint32 = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });

export const tokenId = Type.String({ description: "`<chain_id>:<token>`, canonical" });

/** Whether the history has all swaps of the response. */
export const historyComplete = Type.Boolean({
  description:
    "False when the history does not reach back to the beginning of the response, or has a gap in it: swaps may be missing",
});

export const nextCursor = optional(
  Type.String({ description: "Value of `cursor` for the following items. Absent at the end" }),
);

/** A reference to a schema by its name among the components of the OpenAPI document, with the type of that schema. */
export const refTo = <S extends TSchema>(name: string, _schema: S) =>
  Type.Unsafe<Static<S>>({ $ref: `#/components/schemas/${name}` });

export const stale = optional(
  Type.Literal(true, {
    description:
      "Present while an owner is away: the response is then the last known one, with the as_of of that response",
  }),
);

export const split = optional(
  Type.Literal(true, {
    description: "Present when other partitions also have swaps of the token: every figure then lacks those swaps",
  }),
);

export const Chosen = Type.Object(
  {
    by: Type.Literal("largest"),
    of: Type.Integer({ minimum: 2, description: "Lower bound for the number of tokens with the name" }),
  },
  { description: "Present when the name stands for several tokens: how the token of this response was chosen" },
);
export const chosen = optional(Chosen);

/** The same shape at every depth, for values that a program only reads. */
export type ReadOnly<T> = T extends (infer Item)[]
  ? readonly ReadOnly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
    : T;
