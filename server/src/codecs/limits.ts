/** Every limit of the codecs, in one place. Sizes are bytes unless the name says otherwise. */

/** A record above this is a dead letter unread. A broker's default of 1 MiB a message fits below it. */
export const RECORD_BYTES_MAX = 1024 * 1024;

/** Objects and arrays inside each other, the record itself counted; also those of unknown fields. */
export const DEPTH_MAX = 512;

/** Strings that a swap uses, as UTF-8 with escapes resolved. */
export const STRING_BYTES_MAX = 128;

export const SYMBOL_BYTES_MAX = 64;

/** A decimal that is given as a string. A JSON number has limits of value alone. */
export const DECIMAL_CHARS_MAX = 100;

export const UINT32_MAX = 4_294_967_295;

/** amount_usd in micro-dollars, 9007199254.740991 dollars: the integers that a double holds exactly. */
export const USD_MICRO_MAX = Number.MAX_SAFE_INTEGER;

/** Below this a time is most likely in seconds: 1973 in milliseconds, the year 5138 in seconds. */
export const EVENT_TIME_MS_MIN = 100_000_000_000;

/** The last millisecond of the year 9999. */
export const EVENT_TIME_MS_MAX = 253_402_300_799_999;

/** price_usd after rounding lies between 10^-60 and 10^60, both included. */
export const PRICE_EXPONENT_MAX = 60;

export const PRICE_DIGITS = 15;

/** Different texts between two values that the decoder remembers, to recognise them by one comparison. */
export const JOINTS_MAX = 256;
