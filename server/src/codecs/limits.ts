/** Every limit of the codecs, in one place. Sizes are bytes unless the name says otherwise. */

/** A larger record is a dead letter and is not read. A broker's default of 1 MiB per message is below this limit. */
export const RECORD_BYTES_MAX = 1024 * 1024;

/** Depth of nested objects and arrays, including the record itself and unknown fields. */
export const DEPTH_MAX = 512;

/** Strings that a swap uses, as UTF-8 with escapes resolved. */
export const STRING_BYTES_MAX = 128;

export const SYMBOL_BYTES_MAX = 64;

/** Length of a decimal that is given as a string. For a JSON number only the value is limited. */
export const DECIMAL_CHARS_MAX = 100;

export const UINT32_MAX = 4_294_967_295;

/** amount_usd in micro-dollars: 9007199254.740991 dollars, the largest integer that a double holds exactly. */
export const USD_MICRO_MAX = Number.MAX_SAFE_INTEGER;

/** Below this a time is most likely in seconds: 1973 in milliseconds, the year 5138 in seconds. */
export const EVENT_TIME_MS_MIN = 100_000_000_000;

/** The last millisecond of the year 9999. */
export const EVENT_TIME_MS_MAX = 253_402_300_799_999;

/** price_usd after rounding lies between 10^-60 and 10^60, both included. */
export const PRICE_EXPONENT_MAX = 60;

export const PRICE_DIGITS = 15;

/** Different texts between two values that the decoder remembers to recognise them by one comparison. */
export const JOINTS_MAX = 256;
