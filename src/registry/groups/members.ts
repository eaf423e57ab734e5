import type { Pid } from '../../term/identifiers.ts';

/** Up to here a list is shorter, and quicker, than a table. */
const FEW = 16;

/** The members of one group on one node. A process that joined several times is in it as often. */
export class Members {
  /** Processes in the group, counting each as often as it joined. */
  size = 0;
  #few: Pid[] | undefined = [];
  /** Instead of the list, once they are many: how often each is in. */
  #many: Map<Pid, number> | undefined = undefined;

  add(pid: Pid): void {
    this.size += 1;
    if (this.#few !== undefined) {
      if (this.#few.length < FEW) {
        this.#few.push(pid);
        return;
      }
      this.#many = new Map();
      for (const one of this.#few) this.#count(one);
      this.#few = undefined;
    }
    this.#count(pid);
  }

  #count(pid: Pid): void {
    const many = this.#many!;
    many.set(pid, (many.get(pid) ?? 0) + 1);
  }

  /** Takes one membership of a process away; false when it has none. */
  remove(pid: Pid): boolean {
    if (this.#few !== undefined) {
      const index = this.#few.indexOf(pid);
      if (index < 0) return false;
      this.#few.splice(index, 1);
    } else {
      const count = this.#many!.get(pid);
      if (count === undefined) return false;
      if (count === 1) this.#many!.delete(pid);
      else this.#many!.set(pid, count - 1);
    }
    this.size -= 1;
    return true;
  }

  /** Appends them all, each as often as it is in. */
  appendTo(list: Pid[]): void {
    if (this.#few !== undefined) {
      for (const pid of this.#few) list.push(pid);
      return;
    }
    for (const [pid, count] of this.#many!) for (let i = 0; i < count; i += 1) list.push(pid);
  }

  toArray(): Pid[] {
    const list: Pid[] = [];
    this.appendTo(list);
    return list;
  }
}
