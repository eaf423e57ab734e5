import type { Env, LogRecord } from '../../src/env/index.ts';
import { platformEnv } from '../../src/platform/index.ts';

/**
 * An outside world in which nobody loses patience with a peer that says nothing: only what the peer does makes links up.
 * The time-outs of greetings are seconds, of handshakes seven; all others pass as they do.
 */
export function patientEnv(log: (record: LogRecord) => void): Env {
  const env = platformEnv();
  return {
    ...env,
    clock: {
      ...env.clock,
      setTimeout: (fn, ms) => env.clock.setTimeout(fn, ms >= 1_000 && ms < 7_000 ? 600_000 : ms),
    },
    log: { write: log },
  };
}
