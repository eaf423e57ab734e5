// Node.js documents these on `Buffer` only through `toString` and `write`; the direct methods skip the encoding
// look-up on a hot path and have been stable since Node.js 4. `@types/node` leaves them out.
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    utf8Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
    utf8Write(text: string, offset?: number, length?: number): number;
  }
}

export {};
