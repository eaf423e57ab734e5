// ECMAScript 2024, in Node.js since 20; the compiler's library is one year older on purpose.
interface String {
  isWellFormed(): boolean;
  toWellFormed(): string;
}
