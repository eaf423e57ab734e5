/**
 * The integer of `count` little-endian bytes: a number where that is safe, else a bigint.
 * Hexadecimal is the one conversion to long integers that takes linear time.
 */
export function bigFromBytes(
  buffer: Buffer,
  start: number,
  count: number,
  negative: boolean,
): number | bigint {
  if (count <= 6) {
    let value = 0;
    for (let i = start + count - 1; i >= start; i--) value = value * 256 + buffer[i]!;
    return negative && value !== 0 ? -value : value;
  }
  const magnitude =
    count === 8
      ? buffer.readBigUInt64LE(start)
      : BigInt(
          `0x${Buffer.from(buffer.subarray(start, start + count))
            .reverse()
            .toString('hex')}`,
        );
  const value = negative ? -magnitude : magnitude;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
