/** The rules of signals at their simplest: every signal takes effect at once, and nothing crosses anything. */

export type Reason = 'normal' | 'boom' | 'kill' | 'killed' | 'shutdown' | 'noproc' | 'noconnection';

/** One step of a random program. Numbers are taken modulo what there is; a step of a process that is gone does nothing. */
export type Step =
  | { readonly do: 'spawn'; readonly node: number }
  | { readonly do: 'link' | 'unlink' | 'monitor' | 'send'; readonly who: number; readonly to: number }
  | { readonly do: 'demonitor'; readonly who: number; readonly nth: number }
  | { readonly do: 'trap'; readonly who: number; readonly on: boolean }
  | { readonly do: 'exit'; readonly who: number; readonly reason: Reason }
  | { readonly do: 'signal'; readonly who: number; readonly to: number; readonly reason: Reason }
  | { readonly do: 'disconnect'; readonly node: number; readonly other: number }
  | { readonly do: 'hold' | 'release'; readonly node: number; readonly other: number };

export class ModelProcess {
  readonly id: number;
  readonly node: number;
  ended: Reason | undefined = undefined;
  trap = false;
  readonly links = new Set<ModelProcess>();
  /** By number of the monitor, from 0. */
  readonly monitors = new Map<number, ModelProcess>();
  monitorsMade = 0;
  readonly heard: string[] = [];

  constructor(id: number, node: number) {
    this.id = id;
    this.node = node;
  }
}

export class Model {
  readonly processes: ModelProcess[] = [];

  spawn(node: number): void {
    this.processes.push(new ModelProcess(this.processes.length, node));
  }

  link(who: ModelProcess, to: ModelProcess): void {
    if (who === to) return;
    if (to.ended !== undefined) {
      this.#signal(who, to, 'noproc', 'link');
      return;
    }
    who.links.add(to);
    to.links.add(who);
  }

  unlink(who: ModelProcess, to: ModelProcess): void {
    who.links.delete(to);
    to.links.delete(who);
  }

  monitor(who: ModelProcess, to: ModelProcess): void {
    const nth = who.monitorsMade;
    who.monitorsMade += 1;
    // A process never hears of its own end.
    if (to.ended !== undefined) who.heard.push(`down ${nth} ${to.id} noproc`);
    else who.monitors.set(nth, to);
  }

  demonitor(who: ModelProcess, nth: number): void {
    who.monitors.delete(nth);
  }

  send(who: ModelProcess, to: ModelProcess): void {
    if (to.ended === undefined) to.heard.push(`from ${who.id}`);
  }

  exit(who: ModelProcess, reason: Reason): void {
    if (who.ended !== undefined) return;
    who.ended = reason;
    who.monitors.clear();
    const links = [...who.links];
    who.links.clear();
    for (const other of links) other.links.delete(who);
    for (const other of this.processes) this.#tellDown(other, who, reason);
    for (const other of links) this.#signal(other, who, reason, 'link');
  }

  signal(who: ModelProcess, to: ModelProcess, reason: Reason): void {
    this.#signal(to, who, reason, 'exit2');
  }

  disconnect(node: number, other: number): void {
    const apart = (a: ModelProcess, b: ModelProcess) =>
      (a.node === node && b.node === other) || (a.node === other && b.node === node);
    const broken: [ModelProcess, ModelProcess][] = [];
    for (const process of this.processes) {
      for (const to of process.links) if (apart(process, to)) broken.push([process, to]);
      for (const [nth, to] of process.monitors) {
        if (!apart(process, to)) continue;
        process.monitors.delete(nth);
        process.heard.push(`down ${nth} ${to.id} noconnection`);
      }
    }
    for (const [process, to] of broken) process.links.delete(to);
    for (const [process, to] of broken) this.#signal(process, to, 'noconnection', 'link');
  }

  #tellDown(watcher: ModelProcess, who: ModelProcess, reason: Reason): void {
    for (const [nth, to] of watcher.monitors) {
      if (to !== who) continue;
      watcher.monitors.delete(nth);
      watcher.heard.push(`down ${nth} ${who.id} ${reason}`);
    }
  }

  #signal(to: ModelProcess, from: ModelProcess, reason: Reason, kind: 'link' | 'exit2'): void {
    if (to.ended !== undefined) return;
    if (kind === 'exit2' && reason === 'kill') this.exit(to, 'killed');
    else if (to.trap) to.heard.push(`exit ${from.id} ${reason}`);
    else if (reason !== 'normal' || (kind === 'exit2' && to === from)) this.exit(to, reason);
  }
}
