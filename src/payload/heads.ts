/**
 * First bytes of MessagePack's forms, as its specification names them; those with `FIX_` hold a length or a value in
 * their low bits. Lengths and numbers that follow are big-endian.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export const FIX_MAP = 0x80;
export const FIX_ARRAY = 0x90;
export const FIX_STR = 0xa0;
export const NIL = 0xc0;
export const FALSE = 0xc2;
export const TRUE = 0xc3;
export const BIN_8 = 0xc4;
export const BIN_16 = 0xc5;
export const BIN_32 = 0xc6;
/** length u8, type i8, bytes */
export const EXT_8 = 0xc7;
export const EXT_16 = 0xc8;
export const EXT_32 = 0xc9;
export const FLOAT_32 = 0xca;
export const FLOAT_64 = 0xcb;
export const UINT_8 = 0xcc;
export const UINT_16 = 0xcd;
export const UINT_32 = 0xce;
export const UINT_64 = 0xcf;
export const INT_8 = 0xd0;
export const INT_16 = 0xd1;
export const INT_32 = 0xd2;
export const INT_64 = 0xd3;
/** type i8, then 1, 2, 4, 8 or 16 bytes: five forms, this one to 0xd8 */
export const FIX_EXT_1 = 0xd4;
export const FIX_EXT_16 = 0xd8;
export const STR_8 = 0xd9;
export const STR_16 = 0xda;
export const STR_32 = 0xdb;
export const ARRAY_16 = 0xdc;
export const ARRAY_32 = 0xdd;
export const MAP_16 = 0xde;
export const MAP_32 = 0xdf;
/** From here on: the numbers -32 to -1. */
export const NEGATIVE = 0xe0;

/** First byte of a payload in MessagePack: no tag of the external term format, and never used by MessagePack itself. */
export const MSGPACK_MAGIC = 0xc1;
