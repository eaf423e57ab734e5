import type { AnyDestination } from '../../src/process/destination.ts';
import type { Self } from '../../src/process/self.ts';
import { Atom, atom } from '../../src/term/atom.ts';
import { Pid } from '../../src/term/identifiers.ts';
import { inspectTerm } from '../../src/term/print.ts';
import { Tuple, tuple } from '../../src/term/tuple.ts';
import type { Rule } from './rules.ts';

/** Where a rule is played. */
export interface Stage {
  /** Keepers of puppets (puppet.ts, beamish_puppet.erl): `a` and `c` play here, `b` there. */
  readonly here: AnyDestination;
  readonly there: AnyDestination;
  readonly hereNode: string;
  readonly thereNode: string;
  /** Milliseconds in which an outcome has to show. */
  readonly patienceMs: number;
  /** Loses the link between the two nodes; by default the keeper here is told to. */
  readonly disconnect?: () => void;
}

/** Every signal is given this many chances to show where none is expected. */
const QUIET_ROUNDS = 3;
/** The stack in a reason `{What, Stack}`. */
const STACK = /,\[\{.*\]\}$/;
/** For anything that must come; long, since only a failure waits for it. */
const WAIT_MS = 5_000;

/** Plays a rule's steps with three puppets and tells the outcome in the words of the table. Runs in a process of ours. */
export class Director {
  readonly #self: Self;
  readonly #stage: Stage;
  readonly #cast = new Map<string, Pid>();
  readonly #ended = new Map<Pid, unknown>();
  readonly #answers = new Map<number, Tuple>();
  #last = 0;

  constructor(self: Self, stage: Stage) {
    this.#self = self;
    this.#stage = stage;
  }

  /** The outcome; if it is not the one of the rule, what it was when patience ran out. */
  async play(rule: Rule): Promise<string[]> {
    try {
      await this.#begin();
      for (const step of rule.steps) {
        await this.#step(step);
        await this.#mesh();
      }
      const deadlineMs = performance.now() + this.#stage.patienceMs;
      for (let quiet = 0; ; await turn()) {
        await this.#mesh();
        const outcome = await this.#outcome();
        quiet = fits(outcome, rule.outcome) ? quiet + 1 : 0;
        if (quiet >= QUIET_ROUNDS || performance.now() > deadlineMs) return outcome;
      }
    } finally {
      await this.#clear();
    }
  }

  async #begin(): Promise<void> {
    const { here, there } = this.#stage;
    for (const [who, keeper] of [
      ['a', here],
      ['b', there],
      ['c', here],
    ] as const) {
      const n = this.#number();
      this.#self.send(keeper, tuple(atom('start'), this.#self.pid, n));
      await this.#until(() => this.#answers.has(n), 'a puppet to start');
      this.#cast.set(who, this.#answers.get(n)!.at(2) as Pid);
    }
  }

  async #step(step: string): Promise<void> {
    if (step === 'disconnect') {
      const { disconnect, here, thereNode } = this.#stage;
      if (disconnect !== undefined) disconnect();
      else {
        const n = this.#number();
        this.#self.send(here, tuple(atom('disconnect'), this.#self.pid, n, atom(thereNode)));
        await this.#until(() => this.#answers.has(n), step);
      }
      // Nodes there may write to the lost link until the new one, which this makes, is up.
      await this.#probe([this.#cast.get('a')!], [this.#cast.get('b')!]);
      return;
    }
    const [, listener, count] = /^(\w) heard (\d+)$/.exec(step) ?? [];
    if (listener !== undefined) {
      const pid = this.#cast.get(listener)!;
      while ((await this.#heardBy(pid)).length < Number(count)) await turn();
      return;
    }
    const [, who, text] = /^(\w) (.*)$/.exec(step)!;
    const n = this.#number();
    const pid = this.#cast.get(who!)!;
    const ops = text!.split('; ').map((op) => this.#op(op));
    this.#self.send(pid, tuple(atom('order'), this.#self.pid, n, ops));
    await this.#until(() => this.#answers.has(n) || this.#ended.has(pid), step);
  }

  #op(text: string): Tuple {
    const [name, ...words] = text.split(' ');
    return tuple(atom(name!), ...words.map((word) => this.#term(word)));
  }

  #term(word: string): unknown {
    const pid = this.#cast.get(word);
    if (pid !== undefined) return pid;
    const [, name, where] = /^(\w+)@(here|there)$/.exec(word) ?? [];
    if (name !== undefined) {
      return tuple(atom(name), atom(where === 'here' ? this.#stage.hereNode : this.#stage.thereNode));
    }
    const [, tag, number] = /^\{(\w+),(\d+)\}$/.exec(word) ?? [];
    if (tag !== undefined) return tuple(atom(tag), Number(number));
    return /^\d+$/.test(word) ? Number(word) : atom(word);
  }

  /** All that anyone alive has sent to anyone alive has arrived. */
  async #mesh(): Promise<void> {
    const all = [...this.#cast.values()];
    await this.#probe(all, all);
  }

  async #probe(senders: readonly Pid[], receivers: readonly Pid[]): Promise<void> {
    const alive = (pid: Pid) => !this.#ended.has(pid);
    const probes = senders
      .filter(alive)
      .flatMap((from) => receivers.filter(alive).map((to) => ({ from, to, n: this.#number() })));
    for (const { from, to, n } of probes) {
      this.#self.send(from, tuple(atom('probe'), to, this.#self.pid, n));
    }
    for (const { from, to, n } of probes) {
      await this.#until(
        () => this.#answers.has(n) || !alive(from) || !alive(to),
        `a probe from ${this.#say(from)} to ${this.#say(to)}`,
      );
    }
  }

  async #outcome(): Promise<string[]> {
    const lines: string[] = [];
    for (const [who, pid] of this.#cast) {
      const heard = await this.#heardBy(pid);
      if (this.#ended.has(pid))
        lines.push(`${who} ended ${this.#say(this.#ended.get(pid)).replace(STACK, ',Stack}')}`);
      else lines.push(...heard.map((one) => `${who} hears ${this.#sayHeard(one)}`));
    }
    return lines;
  }

  async #heardBy(pid: Pid): Promise<Tuple[]> {
    if (this.#ended.has(pid)) return [];
    const n = this.#number();
    this.#self.send(pid, tuple(atom('tell'), this.#self.pid, n));
    await this.#until(() => this.#answers.has(n) || this.#ended.has(pid), 'what was heard');
    return (this.#answers.get(n)?.at(2) ?? []) as Tuple[];
  }

  #sayHeard(heard: Tuple): string {
    const [what, ...rest] = heard.elements;
    const words = rest.map((part) => this.#say(part));
    return what === atom('message') ? words.join(' ') : [(what as Atom).name, ...words].join(' ');
  }

  #say(term: unknown): string {
    if (term instanceof Pid) {
      for (const [who, pid] of this.#cast) if (pid === term) return who;
      return 'child';
    }
    if (term instanceof Tuple && term.at(1) instanceof Atom) {
      const [name, node] = term as unknown as [Atom, Atom];
      if (node.name === this.#stage.thereNode) return `${name.name}@there`;
      if (node.name === this.#stage.hereNode) return `${name.name}@here`;
    }
    return inspectTerm(term);
  }

  async #clear(): Promise<void> {
    for (const pid of this.#cast.values()) {
      if (!this.#ended.has(pid)) this.#self.exit(pid, 'kill');
    }
    for (const pid of this.#cast.values()) await this.#until(() => this.#ended.has(pid), 'the end of all');
    this.#cast.clear();
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const giveUp = AbortSignal.timeout(WAIT_MS);
    while (!done()) {
      const message = await this.#self.receive<Tuple>({ signal: giveUp }).catch((error: unknown) => {
        throw giveUp.aborted ? new Error(`waited in vain for ${what}`) : error;
      });
      const [tag, first, second] = message.elements;
      if (tag === atom('ended')) this.#ended.set(first as Pid, second);
      else this.#answers.set(first as number, message);
    }
  }

  #number(): number {
    this.#last += 1;
    return this.#last;
  }
}

/** A turn of the event loop, so that signals under way can arrive. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** An outcome in a form that compares: what may come in any order is sorted. */
export function normal(outcome: readonly string[], like: readonly string[]): string[] {
  const lines: string[] = [];
  for (const who of ['a', 'b', 'c']) {
    const mine = outcome
      .filter((line) => line.startsWith(`${who} `))
      .map((line) => line.replace('hears*', 'hears'));
    const stars = like.filter((line) => line.startsWith(`${who} `)).map((line) => line.includes('hears*'));
    for (let from = 0; from < mine.length; ) {
      let end = from + 1;
      if (stars[from]) while (end < mine.length && stars[end]) end += 1;
      lines.push(...mine.slice(from, end).sort());
      from = end;
    }
  }
  return lines;
}

function fits(outcome: readonly string[], expected: readonly string[]): boolean {
  return normal(outcome, expected).join('\n') === normal(expected, expected).join('\n');
}
