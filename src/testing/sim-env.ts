import type { Env } from '../env/index.ts';
import type { Resolver } from '../env/resolver.ts';
import { hostOf } from '../handshake/name.ts';
import type { SimNetwork } from './network.ts';
import { type ClockSkew, SimProcess } from './process.ts';
import type { SeededRandom } from './seeded-random.ts';
import { simDatagrams } from './sim-datagrams.ts';
import { SimLog } from './sim-log.ts';
import { simRejections } from './sim-rejections.ts';
import { simStreams } from './sim-streams.ts';

const MIB = 1024 * 1024;

/** The outside world of one simulated process. */
export interface SimEnv extends Env {
  readonly random: SeededRandom;
  readonly log: SimLog;
  /** Whether the process still runs. */
  readonly isAlive: boolean;
  /**
   * Ends the process in the middle of whatever it does.
   * @param silently - true: as when the power fails, nobody is told. False: its machine closes what it left open.
   */
  kill(silently: boolean): void;
  /** Freezes it, as SIGSTOP does: none of its code runs until `resume`, its sockets stay open. */
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  /** Sets its clock wrong. */
  skew(skew: ClockSkew): void;
}

export interface SimEnvOptions {
  /** Environment variables of the process. @default none */
  readonly variables?: Readonly<Record<string, string>>;
  /** What the account's cookie file holds. @default "simulation" */
  readonly cookie?: string;
  /** False for a process that is no node and only serves its machine. @default true */
  readonly isNode?: boolean;
  /** Messages between processes of the node are encoded and decoded. @default false */
  readonly encodesLocal?: boolean;
}

/**
 * A new process on a simulated network, for a node of this name. Its machine is the host part of the name: nodes
 * with the same host part share one machine, its ports and its port mapper.
 */
export function simEnv(network: SimNetwork, nodeName: string, options: SimEnvOptions = {}): SimEnv {
  const machine = network.machine(hostOf(nodeName));
  const life = machine.processes.filter(({ name }) => name === nodeName).length + 1;
  const { variables = {}, cookie = 'simulation', isNode = true, encodesLocal = false } = options;
  const owner = new SimProcess(nodeName, machine, network.clock, network.entered, { isNode });
  return {
    clock: owner.clock,
    // Each life of a node draws numbers of its own, whatever the others draw.
    random: network.random.fork(`process ${nodeName} ${life}`),
    streams: simStreams(network, owner),
    datagrams: simDatagrams(network, owner),
    resolver: simResolver(network, owner),
    host: {
      hostname: () => machine.name.split('.')[0]!,
      variable: (name) => variables[name],
      cookie: () => cookie,
      interfaces: () => machine.interfaces(),
      // The simulation shares one heap: the same numbers at every run, for every process.
      memory: () => ({
        residentBytes: 64 * MIB,
        heapBytes: 32 * MIB,
        heapUsedBytes: 16 * MIB,
        externalBytes: 8 * MIB,
      }),
      output: (text) => {
        if (owner.isAlive) network.timeline.record(nodeName, 'output', text);
      },
    },
    log: new SimLog(owner, network.timeline),
    encodesLocal,
    rejections: simRejections(owner, network.clock),
    get isAlive() {
      return owner.isAlive;
    },
    get isPaused() {
      return owner.isPaused;
    },
    kill: (silently) => owner.kill(silently),
    pause: () => owner.pause(),
    resume: () => owner.resume(),
    skew: (skew) => owner.skew(skew),
  };
}

function simResolver(network: SimNetwork, owner: SimProcess): Resolver {
  /** Answers come a turn later, as from a real resolver. */
  const answer = <T>(look: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      owner.clock.setImmediate(() => {
        try {
          resolve(look());
        } catch (error) {
          reject(error);
        }
      });
    });
  return {
    lookup: (host) => answer(() => network.addressesOf(host, owner.machine)),
    addresses: (name) => answer(() => network.addressesOf(name, owner.machine)),
    services: (name) => answer(() => network.servicesOf(name, owner.machine)),
  };
}
