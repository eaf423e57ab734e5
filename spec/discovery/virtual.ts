import type { Clock, Env, LogRecord, NetworkInterface, Random, TimerHandle } from '../../src/env/index.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { Logger } from '../../src/telemetry/logger.ts';

/** A clock that moves when it is told to, deadline by deadline; promises settle between two timers. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly order: number; readonly fn: () => void }>();
  /** Timers run so far: a busy loop shows here. */
  fired = 0;

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  get pending(): number {
    return this.#timers.size;
  }

  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fn };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as never);
  }

  setImmediate(fn: () => void): void {
    this.setTimeout(fn, 0);
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      let next: { readonly atMs: number; readonly order: number; readonly fn: () => void } | undefined;
      for (const timer of this.#timers)
        if (
          timer.atMs <= untilMs &&
          (next === undefined ||
            timer.atMs < next.atMs ||
            (timer.atMs === next.atMs && timer.order < next.order))
        )
          next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      this.fired++;
      next.fn();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}

/** Repeatable randomness: a linear congruential generator is random enough for jitter. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return {
    u32,
    bytes: (count) => Uint8Array.from({ length: count }, () => u32() >>> 24),
    between: (min, max) => min + Math.floor((u32() / 2 ** 32) * (max - min + 1)),
  };
}

export const LOOPBACK: NetworkInterface = {
  name: 'lo',
  address: '127.0.0.1',
  family: 'IPv4',
  netmask: '255.0.0.0',
  internal: true,
};

const absent = (what: string) => (): never => {
  throw new Error(`no ${what} in this test`);
};

export interface World {
  readonly clock: VirtualClock;
  readonly lines: LogRecord[];
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/** An env of nothing but time and randomness; parts may be replaced. */
export function world(parts: Partial<Env> = {}, seed = 1): World {
  const clock = new VirtualClock();
  const lines: LogRecord[] = [];
  const env: Env = {
    clock,
    random: seeded(seed),
    streams: { listen: absent('listener'), connect: absent('stream') },
    datagrams: { open: absent('datagram') },
    resolver: { lookup: absent('resolver'), addresses: absent('resolver'), services: absent('resolver') },
    host: {
      hostname: () => 'test',
      variable: () => undefined,
      cookie: absent('cookie'),
      interfaces: () => [LOOPBACK],
      memory: () => ({ residentBytes: 0, heapBytes: 0, heapUsedBytes: 0, externalBytes: 0 }),
      output: () => {},
    },
    log: { write: (record) => lines.push(record) },
    ...parts,
  };
  return {
    clock,
    lines,
    env,
    telemetry: new Telemetry('self@here'),
    logger: new Logger(env.log, env.clock, 'self@here'),
  };
}
