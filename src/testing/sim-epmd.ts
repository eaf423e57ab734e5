import { startEmbeddedEpmd } from '../connection/epmd-server.ts';
import { DEFAULT_LIMITS } from '../env/limits.ts';
import { Telemetry } from '../telemetry/events.ts';
import { Logger } from '../telemetry/logger.ts';
import { EPMD_PORT, type SimNetwork } from './network.ts';
import { type SimEnv, simEnv } from './sim-env.ts';

/** A port mapper that belongs to no node: `epmd -daemon` of a simulated machine. */
export class SimEpmd {
  readonly #env: SimEnv;
  readonly #name: string;

  constructor(network: SimNetwork, host: string) {
    this.#name = `epmd@${host}`;
    this.#env = simEnv(network, this.#name, { isNode: false });
  }

  get isAlive(): boolean {
    return this.#env.isAlive;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { streams, clock, random, host, log } = this.#env;
    await startEmbeddedEpmd({
      streams,
      clock,
      random,
      host,
      telemetry: new Telemetry(this.#name),
      logger: new Logger(log, clock, this.#name),
      addresses: [undefined],
      port: EPMD_PORT,
      maxSockets: DEFAULT_LIMITS.unauthenticatedSockets,
    });
  }

  /** Its machine closes its connections. */
  kill(): void {
    this.#env.kill(false);
  }
}
