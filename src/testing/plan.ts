import { OptionsError } from '../errors.ts';
import type { LinkSettings } from './links.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Something that goes wrong. */
export type Fault =
  | { readonly fault: 'crash'; readonly node: string; readonly silently: boolean }
  | { readonly fault: 'stop' | 'restart' | 'pause' | 'resume'; readonly node: string }
  /** Every node crashes at once, and starts again under its old name. */
  | { readonly fault: 'restartAll' }
  | {
      readonly fault: 'partition' | 'partitionOneWay' | 'hold';
      readonly from: readonly string[];
      readonly to: readonly string[];
    }
  | { readonly fault: 'heal' }
  | { readonly fault: 'reset' | 'halfOpen'; readonly node: string; readonly other: string }
  | {
      readonly fault: 'link';
      readonly node: string;
      readonly other: string;
      readonly settings: Partial<LinkSettings>;
    }
  | { readonly fault: 'clockSkew'; readonly node: string; readonly offsetMs: number; readonly rate: number };

/** One fault, and how long the world is left alone with it. */
export type FaultStep = Fault & { readonly thenMs: number };

export type FaultKind = Fault['fault'];

/** Faults as plain data, to be played on a cluster, printed, kept and shortened. */
export interface FaultPlan {
  /** Of the simulation: delays, losses, and what the nodes draw. */
  readonly seed: number;
  /** Nodes with the same host part share a machine. */
  readonly nodes: readonly string[];
  /** The weather of all links, also after the faults. */
  readonly link: Partial<LinkSettings>;
  readonly steps: readonly FaultStep[];
}

/** A whole number, or the least and the greatest. */
export type Range = number | readonly [min: number, max: number];

export interface FaultPlanOptions {
  /** How many nodes. @default [2, 5] */
  readonly nodes?: Range;
  /** How many faults. @default [0, 20] */
  readonly steps?: Range;
  /** Which faults. @default all of them */
  readonly faults?: readonly FaultKind[];
  /** Longest rest after a fault, milliseconds. @default 40_000 */
  readonly restMs?: number;
  /** How far clocks may be off, milliseconds. @default 5_000 */
  readonly skewMs?: number;
  /** Whether links lose, double, reorder and garble datagrams from the start. @default true */
  readonly weather?: boolean;
}

/** Every fault there is. */
export const FAULT_KINDS: readonly FaultKind[] = [
  'crash',
  'restart',
  'stop',
  'restartAll',
  'partition',
  'partitionOneWay',
  'hold',
  'heal',
  'pause',
  'resume',
  'reset',
  'halfOpen',
  'link',
  'clockSkew',
];

const KNOWN: readonly (keyof FaultPlanOptions)[] = [
  'nodes',
  'steps',
  'faults',
  'restMs',
  'skewMs',
  'weather',
];
const MAX_NODES = 26;

/** Options with everything decided. @throws OptionsError */
export function checkPlanOptions(options: FaultPlanOptions): Required<FaultPlanOptions> {
  for (const name of Object.keys(options))
    if (!(KNOWN as readonly string[]).includes(name))
      throw new OptionsError(name, `unknown option "${name}" of a fault plan; known are ${KNOWN.join(', ')}`);
  const { nodes = [2, 5], steps = [0, 20], faults = FAULT_KINDS, restMs = 40_000, skewMs = 5_000 } = options;
  checkRange('nodes', nodes, 1, MAX_NODES);
  checkRange('steps', steps, 0, 100_000);
  const unknown = faults.find((fault) => !FAULT_KINDS.includes(fault));
  if (unknown !== undefined || faults.length === 0)
    throw new OptionsError(
      'faults',
      `faults: expected some of ${FAULT_KINDS.join(', ')}, got ${unknown ?? 'none'}`,
    );
  for (const [name, ms] of Object.entries({ restMs, skewMs }))
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY))
      throw new OptionsError(name, `${name}: expected milliseconds from 0, got ${ms}`);
  return { nodes, steps, faults, restMs, skewMs, weather: options.weather ?? true };
}

function checkRange(name: string, range: Range, least: number, most: number): void {
  const [min, max] = typeof range === 'number' ? [range, range] : range;
  if (!(Number.isInteger(min) && Number.isInteger(max) && least <= min && min <= max && max <= most))
    throw new OptionsError(
      name,
      `${name}: expected a whole number from ${least} to ${most}, or [min, max], got ${JSON.stringify(range)}`,
    );
}

/** Draws a plan: the same generator, in the same state, draws the same one. @throws OptionsError */
export function randomPlan(random: SeededRandom, options: FaultPlanOptions = {}): FaultPlan {
  const { nodes, steps, faults, restMs, skewMs, weather } = checkPlanOptions(options);
  const draw = (range: Range): number =>
    typeof range === 'number' ? range : random.between(range[0], range[1]);
  const count = draw(nodes);
  const isApart = random.chance(0.5);
  const names = Array.from({ length: count }, (_, at) => {
    const letter = String.fromCharCode(97 + at);
    return `${letter}@${isApart ? letter : 'one'}.sim`;
  });
  const seed = random.between(1, 999_999);
  const link = weather ? randomWeather(random) : {};
  return {
    seed,
    nodes: names,
    link,
    steps: Array.from({ length: draw(steps) }, () => ({
      ...randomFault(random, faults[random.between(0, faults.length - 1)]!, names, skewMs),
      // Some faults follow hard upon each other, some are left to work.
      thenMs: random.chance(0.3) ? random.between(0, Math.min(50, restMs)) : random.between(0, restMs),
    })),
  };
}

function randomWeather(random: SeededRandom): Partial<LinkSettings> {
  const share = (most: number): number => (random.chance(0.5) ? round(random.fraction() * most) : 0);
  return {
    latencyMs: [1, random.between(2, 300)],
    loss: share(0.4),
    duplicate: share(0.2),
    reorder: share(0.2),
    garble: share(0.1),
  };
}

const round = (share: number): number => Math.round(share * 100) / 100;

function randomFault(
  random: SeededRandom,
  fault: FaultKind,
  names: readonly string[],
  skewMs: number,
): Fault {
  const pick = (): string => names[random.between(0, names.length - 1)]!;
  const other = (than: string): string => {
    const rest = names.filter((name) => name !== than);
    return rest[random.between(0, Math.max(rest.length - 1, 0))] ?? than;
  };
  switch (fault) {
    case 'crash':
      return { fault, node: pick(), silently: random.chance(0.6) };
    case 'stop':
    case 'restart':
    case 'pause':
    case 'resume':
      return { fault, node: pick() };
    case 'restartAll':
    case 'heal':
      return { fault };
    case 'partition':
    case 'partitionOneWay':
    case 'hold': {
      const from = names.filter(() => random.chance(0.5));
      if (from.length === 0 || from.length === names.length) from.splice(0, from.length, pick());
      return { fault, from, to: names.filter((name) => !from.includes(name)) };
    }
    case 'reset':
    case 'halfOpen': {
      const node = pick();
      return { fault, node, other: other(node) };
    }
    case 'link': {
      const node = pick();
      const settings = { ...randomWeather(random), bandwidthBytesPerSec: random.between(2_000, 1_000_000) };
      return { fault, node, other: other(node), settings };
    }
    case 'clockSkew':
      return {
        fault,
        node: pick(),
        offsetMs: random.between(-skewMs, skewMs),
        rate: 1 + round((random.fraction() - 0.5) * 0.1),
      };
  }
}

/**
 * Plans that are a little less than this one, the boldest cut first: fewer faults, fewer nodes, better weather, simpler
 * faults, shorter rests. Each is smaller in a way that cannot go on for ever.
 */
export function* shrinkPlan(plan: FaultPlan): Generator<FaultPlan> {
  const { nodes, link, steps } = plan;
  for (let size = steps.length; size >= 1; size = Math.floor(size / 2))
    for (let at = 0; at + size <= steps.length; at += size)
      yield { ...plan, steps: [...steps.slice(0, at), ...steps.slice(at + size)] };
  if (nodes.length > 2) for (const node of [...nodes].reverse()) yield withoutNode(plan, node);
  const settings = Object.entries(link);
  if (settings.length > 1) yield { ...plan, link: {} };
  for (const [name] of settings)
    yield { ...plan, link: Object.fromEntries(settings.filter(([other]) => other !== name)) };
  for (const [at, step] of steps.entries())
    for (const simpler of shrinkStep(step)) yield { ...plan, steps: steps.with(at, simpler) };
}

function withoutNode(plan: FaultPlan, node: string): FaultPlan {
  const steps = plan.steps.flatMap((step): FaultStep[] => {
    if ('node' in step && step.node === node) return [];
    if ('other' in step && step.other === node) return [];
    if (!('from' in step)) return [step];
    const from = step.from.filter((name) => name !== node);
    const to = step.to.filter((name) => name !== node);
    return from.length === 0 || to.length === 0 ? [] : [{ ...step, from, to }];
  });
  return { ...plan, nodes: plan.nodes.filter((name) => name !== node), steps };
}

function* shrinkStep(step: FaultStep): Generator<FaultStep> {
  if (step.thenMs > 0) {
    yield { ...step, thenMs: 0 };
    if (step.thenMs > 1) yield { ...step, thenMs: Math.floor(step.thenMs / 2) };
    const inSeconds = Math.floor(step.thenMs / 1_000) * 1_000;
    if (inSeconds > 0 && inSeconds < step.thenMs) yield { ...step, thenMs: inSeconds };
  }
  if (step.fault === 'restartAll') return;
  if (step.fault === 'crash' && !step.silently) yield { ...step, silently: true };
  if ('from' in step) {
    if (step.from.length > 1) for (const name of step.from) yield { ...step, from: without(step.from, name) };
    if (step.to.length > 1) for (const name of step.to) yield { ...step, to: without(step.to, name) };
  }
  if (step.fault === 'link') {
    const settings = Object.entries(step.settings);
    if (settings.length > 1)
      for (const [name] of settings)
        yield { ...step, settings: Object.fromEntries(settings.filter(([other]) => other !== name)) };
  }
  if (step.fault === 'clockSkew') {
    if (step.offsetMs !== 0) yield { ...step, offsetMs: 0 };
    if (step.rate !== 1) yield { ...step, rate: 1 };
  }
}

const without = (names: readonly string[], name: string): readonly string[] =>
  names.filter((other) => other !== name);
