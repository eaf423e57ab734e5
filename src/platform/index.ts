/**
 * The outside world on Node.js: the one room that names sockets, DNS, timers, the clock and randomness.
 * It decides nothing about Erlang; each file implements one interface of `env/`.
 */
import type { Env } from '../env/index.ts';
import { clock } from './clock.ts';
import { host } from './host.ts';
import { log } from './log.ts';
import { random } from './random.ts';
import { rejections } from './rejections.ts';
import { resolver } from './resolver.ts';
import { streams } from './streams.ts';
import { datagrams } from './udp.ts';

/** The platform as one object. It holds no state: nodes may share it. */
export function platformEnv(): Env {
  return { clock, random, streams, datagrams, resolver, host, log, rejections };
}
