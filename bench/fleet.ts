import { fileURLToPath } from 'node:url';
import { type Beam, type Epmd, startBeam, startEpmd } from '../spec/support/beam-node.ts';
import { freeUdpPort } from '../spec/support/ports.ts';
import type { Profile } from './profile.ts';
import { Stranger, type StrangerKind } from './stranger.ts';
import { systemState, withinLimit } from './watchdog.ts';
import { Worker } from './worker.ts';

const COOKIE = 'bench';
/** A process that stands still has no profile to tell. */
const PROFILE_WITHIN_MS = 10_000;
const BENCH_BEAM = fileURLToPath(new URL('./beam/bench_beam.erl', import.meta.url));

/** The operating system processes of a run. Each is started when a row first asks for it and kept until the end. */
export class Fleet {
  readonly #started = new Map<string, Promise<unknown>>();
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #workers: Worker[] = [];
  readonly #beams = new Set<Beam>();
  readonly #strangers: Stranger[] = [];
  readonly #profiled: boolean;
  /** Of processes that ended in the middle of a row. */
  #profiles: Profile[] = [];

  /** @param options - `profiled`: its JavaScript processes run under the engine's profilers */
  constructor(options: { readonly profiled?: boolean } = {}) {
    this.#profiled = options.profiled ?? false;
  }

  /** Forgets what was seen so far. */
  async startProfiles(): Promise<void> {
    this.#profiles = [];
    await Promise.all(this.#living().map((worker) => worker.ask('startProfile')));
  }

  async stopProfiles(): Promise<readonly Profile[]> {
    for (const worker of this.#living()) await this.#keepProfile(worker);
    return this.#profiles;
  }

  #living(): readonly Worker[] {
    return this.#workers.filter((worker) => worker.lives);
  }

  async #keepProfile(worker: Worker): Promise<void> {
    const profile = await worker.ask<Omit<Profile, 'worker'>>('stopProfile');
    this.#profiles.push({ worker: worker.name, ...profile });
  }

  /** BEAM nodes `beam1@127.0.0.1`, `beam2@127.0.0.1` and so on, with their sink and adder. */
  beam(number: number): Promise<Beam> {
    return this.#once(`beam${number}`, async () => {
      const beam = await this.freshBeam(beamName(number));
      await beam.load(BENCH_BEAM);
      await beam.eval('bench_beam:start()');
      return beam;
    });
  }

  /** A BEAM for one measurement, which ends it. */
  async freshBeam(name: string): Promise<Beam> {
    const { port } = await this.#epmd();
    const beam = await startBeam({ name, cookie: COOKIE, epmdPort: port });
    this.#beams.add(beam);
    void beam.ended.then(() => this.#beams.delete(beam));
    return beam;
  }

  /** Beamish nodes `beamish1@127.0.0.1` and `beamish2@127.0.0.1`, likewise. */
  beamish(number: 1 | 2): Promise<Worker> {
    return this.#once(`beamish${number}`, async () => {
      const worker = this.worker('beamish');
      await worker.ask('start', await this.nodeOptions(beamishName(number)));
      return worker;
    });
  }

  /** A Beamish node for one measurement, for rows that wear it out. `start` is yet to be asked. */
  fresh(flags: readonly string[] = []): Worker {
    return this.worker('beamish', flags);
  }

  async nodeOptions(name: string): Promise<Record<string, unknown>> {
    return { name, cookie: COOKIE, epmd: { mode: 'external', port: (await this.#epmd()).port } };
  }

  /** Other actor libraries, in a process of their own. */
  peers(): Promise<Worker> {
    return this.#once('peers', () => Promise.resolve(this.worker('peers')));
  }

  /** Jinterface, or a C node, in a process of its own. */
  stranger(kind: StrangerKind): Promise<Stranger> {
    return this.#once(kind, async () => {
      const stranger = await Stranger.start(kind, COOKIE, (await this.#epmd()).port);
      this.#strangers.push(stranger);
      this.#ends.push(() => stranger.end());
      return stranger;
    });
  }

  /** A UDP port for gossip that nobody else hears. */
  gossipPort(): Promise<number> {
    return this.#once('gossip port', freeUdpPort);
  }

  /** Bare sockets: a client, and the port of the server in the other process. */
  sockets(): Promise<{ readonly client: Worker; readonly port: number }> {
    return this.#once('sockets', async () => {
      const server = this.worker('socket');
      return { client: this.worker('socket'), port: await server.ask<number>('listen') };
    });
  }

  /** One line for each process that lives: what it was asked, and what it does. For a row that stands still. */
  async describe(): Promise<readonly string[]> {
    const workers = await Promise.all(this.#workers.map((worker) => worker.describe()));
    const beams = [...this.#beams].map((beam) => {
      const asked = beam.unanswered.map((text) => text.replace(/\s+/g, ' ').slice(0, 200));
      const what = asked.length > 0 ? `asked: ${asked.join(' and ')}` : 'asked nothing';
      return `${beam.name} (process ${beam.pid}): ${systemState(beam.pid)}; ${what}`;
    });
    return [...workers.flat(), ...beams, ...this.#strangers.map((stranger) => stranger.describe())];
  }

  async end(): Promise<void> {
    await Promise.all([...this.#beams].map((beam) => beam.kill()));
    await Promise.all(this.#ends.reverse().map((end) => end()));
  }

  /** Starts something that is needed once per run. */
  once<T>(key: string, start: () => Promise<T>): Promise<T> {
    return this.#once(key, start);
  }

  #epmd(): Promise<Epmd> {
    return this.#once('epmd', async () => {
      const epmd = await startEpmd();
      this.#ends.push(() => epmd.stop());
      return epmd;
    });
  }

  /** A process that runs `workers/<name>.mjs` until the end of the run. */
  worker(name: string, flags: readonly string[] = []): Worker {
    const worker: Worker = this.#profiled
      ? // What stands still, or has told its profile already, is ended all the same.
        new Worker(name, flags, () =>
          withinLimit(this.#keepProfile(worker), PROFILE_WITHIN_MS, async () => []).catch(() => undefined),
        )
      : new Worker(name, flags);
    if (this.#profiled) void worker.ask('startProfile').catch(() => undefined);
    this.#ends.push(() => worker.end());
    this.#workers.push(worker);
    return worker;
  }

  #once<T>(key: string, start: () => Promise<T>): Promise<T> {
    const known = this.#started.get(key);
    if (known !== undefined) return known as Promise<T>;
    const starting = start();
    this.#started.set(key, starting);
    return starting;
  }
}

export const beamName = (number: number): string => `beam${number}@127.0.0.1`;
export const beamishName = (number: 1 | 2): string => `beamish${number}@127.0.0.1`;
