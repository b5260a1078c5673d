/** Every limit of the mapping language, in one place. */

/** Largest mapping in bytes. The YAML parser takes a second for it in the worst case. */
export const MAPPING_BYTES_MAX = 64 * 1024;
/** Uses of anchors (`*name`) in a mapping. */
export const ALIASES_MAX = 100;
/** Values of a mapping that are read. An alias counts with all of its values at each use. */
export const NODES_MAX = 10_000;
/** Depth of expressions or conditions within each other. */
export const DEPTH_MAX = 16;
/** Problems that are listed. */
export const PROBLEMS_MAX = 20;

/** Swaps that one element may make. */
export const SWAPS_PER_ELEMENT_MAX = 64;
/** Events that one record may make. */
export const RECORD_EVENTS_MAX = 10_000;
/** Bytes of all events of one record: each of its elements may copy a long text of it. */
export const RECORD_EVENTS_BYTES_MAX = 8 * 1024 * 1024;

/** Different references of a mapping. */
export const REFERENCES_MAX = 256;
export const REFERENCE_CHARS_MAX = 256;
/** Names and indexes of a path. */
export const PATH_STEPS_MAX = 32;
export const PATH_INDEX_MAX = 999_999;

/** Elements of a list in a mapping: operands, conditions, cases, replacements, literals, columns, null markers. */
export const LIST_MAX = 256;
/** Entries of one `values`. */
export const VALUES_MAX = 4_096;
/** Characters of a constant, or of a text in `values`. A swap uses at most 128 bytes of a text. */
export const CONSTANT_CHARS_MAX = 256;

export const PATTERN_CHARS_MAX = 256;
/** Instructions of a compiled regular expression: the cost of one character of a value in steps. */
export const PATTERN_INSTRUCTIONS_MAX = 512;
/** Steps that the searches in one value may take: one search in the longest text. A step takes 20 ns in the worst case. */
export const REPLACE_STEPS_MAX = 2_100_000;
/** Steps of the engine for all elements of a record: about two seconds. */
export const RECORD_REPLACE_STEPS_MAX = 128_000_000;
/** Bytes of the texts that expressions read for all elements of a record: elements may all read one long text. */
export const RECORD_TEXT_BYTES_MAX = 64 * 1024 * 1024;
/** Longer values are cut before a regular expression sees them, and so are results of `replace` and `concat`. */
export const TEXT_CHARS_MAX = 4_096;

export const TIME_PATTERN_CHARS_MAX = 128;
/** Optional parts of a pattern of times. Each doubles the ways in which a text is tried. */
export const TIME_OPTIONAL_PARTS_MAX = 4;

/** A longer text is no number for arithmetic. */
export const NUMBER_CHARS_MAX = 400;
/** Exponent of ten, in both directions, of a number for arithmetic. */
export const EXPONENT_MAX = 400;
/** Digits before or after the point of any result of arithmetic. */
export const RESULT_DIGITS_MAX = 1_000;
/** Digits of a hexadecimal number: 256 bits. */
export const HEX_DIGITS_MAX = 64;
/** Places by which `scale` moves the point, in both directions: tokens have 0 to 255 decimals. */
export const SCALE_MAX = 255;
/** Places behind the point of a quotient. */
export const QUOTIENT_PLACES = 18;
