// A copy of protocol/src/json.ts, made by `npm run docs`.
/** Values of JSON. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };
