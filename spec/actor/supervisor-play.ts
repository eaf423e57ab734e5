import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import { type ChildInfo, supervisor } from '../../src/actor/supervisor.ts';
import { ExitError } from '../../src/errors.ts';
import type { AnyActor } from '../../src/process/protocol.ts';
import { type Atom, atom } from '../../src/term/atom.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { inspectTerm } from '../../src/term/print.ts';
import { Tuple, tuple } from '../../src/term/tuple.ts';
import { settled, World } from '../process/world.ts';
import type { Scenario, ScenarioChild } from './supervisor-scenarios.ts';

/** Puts our supervisor through a scenario, on virtual time; the twin of beamish_supervision.erl. */
export async function play(scenario: Scenario): Promise<string[]> {
  return await new Play(scenario).run();
}

class Play {
  readonly #scenario: Scenario;
  readonly #world = new World();
  readonly #system = this.#world.start('a@one');
  readonly #failing = new Set<string>();
  readonly #events: string[] = [];
  /** The latest process of each id. */
  readonly #latest = new Map<string, Pid>();

  readonly #Worker = actor('worker', (self, kind: ScenarioChild['kind'], id: string) => {
    if (this.#failing.has(id)) {
      this.#events.push(`!${id}`);
      throw new ExitError(atom('failing'), id, `${id} cannot start`);
    }
    this.#events.push(`+${id}`);
    this.#latest.set(id, self.pid);
    self.onStop((reason) => {
      this.#events.push(`-${id} ${inspectTerm(reason)}`);
      return kind === 'stubborn' ? new Promise<void>(() => {}) : undefined;
    });
    return { leave: (reason: unknown) => self.exit(reason) };
  });

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get #simple(): boolean {
    return this.#scenario.strategy === 'simple_one_for_one';
  }

  async run(): Promise<string[]> {
    const { strategy, intensity, children, steps } = this.#scenario;
    const Top = supervisor('top', { strategy, intensity }, () => children.map((one) => this.#spec(one)));
    const top = this.#system.spawn(Top, []);
    let ended: string | undefined;
    void this.#system.ended(top).then((reason) => {
      ended = `ended ${inspectTerm(reason)}`;
    });
    await this.#quiet();
    this.#events.length = 0;
    const lines: string[] = [];
    for (const step of steps) {
      if (ended !== undefined) break;
      const before = new Map(this.#latest);
      const result = await this.#step(top, step.split(' '));
      await this.#quiet();
      const specs = ended === undefined ? await this.#specs(top) : '';
      const events = this.#events.splice(0).map((event) => `${event} `);
      lines.push(`${events.join('')}${result}[${this.#standing(before)}] {${specs}} ${ended ?? 'lives'}`);
    }
    return lines;
  }

  #spec({ id, restart, shutdown, kind }: ScenarioChild) {
    const what = { id, restart, shutdown: shutdown === 'infinity' ? Number.POSITIVE_INFINITY : shutdown };
    if (kind === 'supervisor') {
      const leaf = child(this.#Worker, ['worker', `${id}_leaf`], { id: `${id}_leaf`, shutdown: 1_000 });
      return child(
        supervisor('inner', { intensity: 0 }, () => [leaf]),
        [],
        what,
      );
    }
    const args = (this.#simple ? [kind] : [kind, id]) as [ScenarioChild['kind'], string];
    return child(this.#Worker as AnyActor, args, what);
  }

  async #step(top: Pid, [verb, id = '', reason = '']: string[]): Promise<string> {
    const pid = this.#latest.get(id);
    switch (verb) {
      case 'leave':
        this.#system.castMethod(this.#system.outside, pid!, 'leave', [termOf(reason)]);
        return '';
      case 'kill':
        this.#system.exit(pid!, 'kill');
        return '';
      case 'fail':
        this.#failing.add(id);
        return '';
      case 'mend':
        this.#failing.delete(id);
        return '';
      case 'shutdown':
        this.#system.exit(top, 'shutdown');
        return '';
      case 'start': {
        const spec = this.#spec({ id, restart: 'permanent', shutdown: 1_000, kind: 'worker' });
        return await this.#ask(top, 'startChild', this.#simple ? [id] : spec);
      }
      default:
        return await this.#ask(top, `${verb}Child`, id);
    }
  }

  async #ask(top: Pid, method: string, what: unknown): Promise<string> {
    try {
      await this.#system.callMethod(this.#system.outside, top, method, [what]);
      return 'ok ';
    } catch (error) {
      const { reason } = error as ExitError;
      const word = reason instanceof Tuple ? reason.at(0) : reason;
      return `error ${(word as Atom).name} `;
    }
  }

  #standing(before: ReadonlyMap<string, Pid>): string {
    return [...this.#latest]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, pid]) => {
        if (!this.#system.isAlive(pid)) return `${id} down`;
        return `${id} ${before.get(id) === pid ? 'same' : 'new'}`;
      })
      .join(' ');
  }

  async #specs(top: Pid): Promise<string> {
    const method = 'whichChildren';
    const children = await this.#system.callMethod(this.#system.outside, top, method, []);
    const ids = (children as ChildInfo[]).map((one) => one.id);
    return this.#simple ? String(ids.length) : ids.join(' ');
  }

  /** Long enough for every shutdown time of the scenarios, and far from the end of a period. */
  async #quiet(): Promise<void> {
    await settled();
    await this.#world.clock.advance(40);
    await settled();
  }
}

/** A reason as the scenarios write it. */
function termOf(text: string): unknown {
  const [, tag, number] = /^\{(\w+),(\d+)\}$/.exec(text) ?? [];
  return tag === undefined ? atom(text) : tuple(atom(tag), Number(number));
}
