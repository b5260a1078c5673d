/** Credentials: tickets, and tokens for development. */
import { type Static, Type } from "typebox";
import { optional, timeMs } from "./values.ts";

/** Seconds for which a development token may be valid. */
const DEV_TOKEN_SECONDS_MAX = 30 * 86_400;
const SUBJECT_CHARS_MAX = 256;
const SCOPE_CHARS_MAX = 64;

/** `POST /api/auth/ticket`. */
export const Ticket = Type.Object({
  ticket: Type.String({ description: "Goes into the address of a WebSocket or an event stream as `?ticket=`, once" }),
  expires_at: timeMs("Time at which the ticket ceases to be valid"),
});
export type Ticket = Static<typeof Ticket>;

/** The body of `POST /api/auth/token`. */
export const tokenBody = () =>
  Type.Object(
    {
      sub: Type.String({ minLength: 1, maxLength: SUBJECT_CHARS_MAX, description: "Subject of the token" }),
      scope: optional(
        Type.String({
          pattern: "^(read|ingest|admin)( (read|ingest|admin))*$",
          maxLength: SCOPE_CHARS_MAX,
          description: "`read`, `ingest` and `admin`, with spaces between them, by default `read`",
        }),
      ),
      ttl_sec: optional(
        Type.Integer({
          minimum: 1,
          maximum: DEV_TOKEN_SECONDS_MAX,
          description: "Seconds for which the token is valid, by default an hour",
        }),
      ),
    },
    { additionalProperties: false },
  );
export type TokenBody = Static<ReturnType<typeof tokenBody>>;

/** `POST /api/auth/token`. */
export const MintedToken = Type.Object({
  token: Type.String({ description: "A JSON Web Token" }),
  expires_at: timeMs("Time at which the token expires"),
});
export type MintedToken = Static<typeof MintedToken>;
