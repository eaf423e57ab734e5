/**
 * Key to value, as long as somebody else holds the value. Dead entries are swept when the table has doubled since
 * the last sweep, so that keeping it clean costs a constant per insertion and no finalizer.
 */
export class WeakTable<K, V extends object> {
  readonly #refs = new Map<K, WeakRef<V>>();
  #sweepAt = 1024;

  get(key: K): V | undefined {
    return this.#refs.get(key)?.deref();
  }

  set(key: K, value: V): void {
    if (this.#refs.size >= this.#sweepAt) this.#sweep();
    this.#refs.set(key, new WeakRef(value));
  }

  get size(): number {
    return this.#refs.size;
  }

  #sweep(): void {
    for (const [key, ref] of this.#refs) if (ref.deref() === undefined) this.#refs.delete(key);
    this.#sweepAt = Math.max(1024, this.#refs.size * 2);
  }
}
