// Fields of the records of lookup_s16, shared by the device (asc) and the desk (tsc) as those of layout.ts are.

// lookup_s16: a tile is `group` values; docs/FORMAT.md says what is computed.
export const LOOKUP_COUNT = 72;
export const LOOKUP_GROUP = 76;
export const LOOKUP_MULTIPLIER = 80;
export const LOOKUP_SHIFT = 84;
export const LOOKUP_LIMIT = 88;
export const LOOKUP_FRACTION = 92;
export const LOOKUP_ROUNDING = 96;
export const LOOKUP_BELOW = 100;
export const LOOKUP_RESULT_SHIFT = 104;
/** Entries below 0, and bytes of the table (OP_WEIGHTS): int16, of −256 … 257. */
export const LOOKUP_HALF = 256;
export const LOOKUP_TABLE_BYTES = 1028;
