/**
 * What a BEAM's requests to spawn come to here, beside what OTP itself makes of the same ones: each case is asked of a
 * node of ours and of a BEAM, by the same BEAM, and both must answer the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Atom, actor, atom, type Node, type Pid, type Ref, Tuple, tuple } from '../../src/index.ts';
import { type Beam, describeBeam, otpRelease } from '../support/beam.ts';
import { Lab } from './lab.ts';

const FIXTURE = new URL('./fixtures/beamish_spawning.erl', import.meta.url).pathname;

/** Does what `beamish_spawning:start/1` does on a BEAM. */
const Child = actor('beamish_spawning', (self, to: Pid) => {
  self.onMessage((message) => {
    const [what, whom, said] =
      message instanceof Tuple ? (message.elements as unknown[]) : [message, undefined, undefined];
    if (what instanceof Atom && what.name === 'say') self.send(whom as Pid | Ref, said);
    else if (what instanceof Atom && what.name === 'die') self.exit(whom);
    else self.exit(atom('normal'));
  });
  self.send(to, tuple(atom('here'), self.pid));
  return {};
});

/** Whether the release that asks knows options of monitors: tags and aliases came with 24. */
const hasMonitorOptions = otpRelease() !== 23;

/** A request: of what, with which options; messages at first; what is done then; messages after it. */
type Case = readonly [what: string, options: string, begin: number, act?: string, end?: number];

const DIE = '{die, some_reason}';

const spawned: readonly Case[] = [
  ['child', '[]', 2, DIE, 0],
  ['child', '[link]', 2, DIE, 1],
  ['child', '[monitor]', 2, DIE, 1],
  ['child', '[link, monitor]', 2, DIE, 2],
  ['child', '[monitor, link]', 2, DIE, 2],
  ['child', '[link, link, monitor, monitor]', 2, DIE, 2],
  ['child', '[link, monitor]', 2, '{die, normal}', 2],
  ['child', '[link, monitor]', 2, '{die, kill}', 2],
  ['child', '[{reply, yes}]', 2],
  ['child', '[{reply, no}]', 1],
  ['child', '[{reply, error_only}]', 1],
  ['child', '[{reply, success_only}]', 2],
  ['child', '[{reply, no}, {reply, yes}]', 2],
  ['child', '[link, monitor, {reply, no}]', 1, DIE, 2],
  ['child', '[link, monitor, {reply, error_only}]', 1, DIE, 2],
  ['child', '[link, monitor, {reply, success_only}]', 2, DIE, 2],
  ['child', '[{reply_tag, {my, [tag]}}]', 2],
  ['child', '[{reply_tag, "tag"}, {reply, success_only}, monitor]', 2, DIE, 1],
  ['child', '[{reply_tag, one}, {reply_tag, two}]', 2],
  // What tunes a BEAM's heap and scheduler means nothing here, and must not harm.
  ['child', '[{priority, high}]', 2],
  ['child', '[{priority, max}, {fullsweep_after, 0}]', 2],
  ['child', '[{min_heap_size, 500}, {min_bin_vheap_size, 500}]', 2],
  ['child', '[{max_heap_size, 0}]', 2],
  ['child', '[{max_heap_size, #{size => 100000, kill => true, error_logger => false}}, link]', 2, DIE, 1],
  ['child', '[{message_queue_data, off_heap}]', 2],
  ['child', '[{scheduler, 1}]', 2],
  ['child', '[{message_queue_data, on_heap}, monitor]', 2, DIE, 1],
];

const undefinedOnes: readonly Case[] = ['undefined', 'undefined_function'].flatMap(
  (what): readonly Case[] => [
    [what, '[]', 1],
    [what, '[link]', 2],
    [what, '[monitor]', 2],
    [what, '[link, {reply, no}]', 1],
    [what, '[monitor, {reply, error_only}]', 1],
    [what, '[monitor, {reply, success_only}, {reply_tag, tag}]', 2],
  ],
);

const refused: readonly Case[] = [
  'nonsense',
  '17',
  '<<"link">>',
  '{nonsense, 1}',
  '{monitor, 1}',
  '{priority, silly}',
  '{priority, 1}',
  '{min_heap_size, -1}',
  '{min_heap_size, many}',
  '{min_bin_vheap_size, -1}',
  '{fullsweep_after, never}',
  '{fullsweep_after, 1 bsl 70}',
  '{message_queue_data, mixed}',
  '{max_heap_size, -1}',
  '{max_heap_size, #{size => x}}',
  '{message_queue_data, nowhere}',
  '{1, 2, 3}',
  '{}',
].flatMap((option): readonly Case[] => [
  ['child', `[${option}]`, 1],
  ['child', `[link, ${option}, monitor, {reply_tag, tag}]`, 1],
  ['child', `[monitor, ${option}, {reply, error_only}]`, 1],
  ['child', `[monitor, ${option}, {reply, success_only}]`, 0],
  ['undefined', `[monitor, ${option}, {reply, no}]`, 0],
]);

const refusedAtOnce: readonly Case[] = [
  ['child', '[{reply, perhaps}]', 0],
  ['child', '[{reply_tag}]', 0],
  ['child', 'nonsense', 0],
  ['child', '[link | monitor]', 0],
  ['{lists, sort, nonsense}', '[]', 0],
  ['{lists, sort, [1 | 2]}', '[]', 0],
  ['{"lists", sort, []}', '[]', 0],
];

const tagged: readonly Case[] = [
  ['child', '[{monitor, []}]', 2, DIE, 1],
  ['child', '[{monitor, [{tag, {my, tag}}]}]', 2, DIE, 1],
  ['child', '[{monitor, [{tag, my}]}, {reply, no}, link]', 1, DIE, 2],
  ['child', '[{monitor, [{alias, explicit_unalias}]}]', 2, 'by_alias_and_die', 2],
  ['child', '[{monitor, [{alias, demonitor}]}]', 2, 'by_alias_and_die', 2],
  ['child', '[{monitor, [{alias, demonitor}]}]', 2, 'demonitor_and_by_alias', 0],
  ['child', '[{monitor, [{alias, explicit_unalias}]}]', 2, 'demonitor_and_by_alias', 1],
  ['child', '[{monitor, [{alias, reply_demonitor}, {tag, t}]}]', 2, 'by_alias_and_die', 1],
  ['child', '[{monitor, [{alias, explicit_unalias}]}, {reply, no}]', 1, 'by_alias', 1],
  ['undefined', '[{monitor, [{tag, t}, {alias, demonitor}]}]', 2],
  ['child', '[{monitor, [{tag, t}]}, {nonsense, 1}]', 1],
  ['child', '[{monitor, [{alias, sometimes}]}]', 1],
  ['child', '[{monitor, [nonsense]}]', 1],
];

/** What the newest release knows besides. */
const newest: readonly Case[] = [
  ['child', '[{link, []}]', 2, DIE, 1],
  ['child', '[{link, [priority]}, {monitor, [priority]}]', 2, DIE, 2],
  ['child', '[{link, [nonsense]}]', 1],
  ['child', '[{async_dist, true}]', 2],
  ['child', '[{async_dist, 1}]', 1],
];

/** By which function, of what, with which options; messages at first; what is done then; messages after it. */
type CallCase = readonly [
  how: string,
  what: string,
  options: string,
  begin: number,
  act?: string,
  end?: number,
];

const calls: readonly CallCase[] = [
  ['spawn', 'child', '[]', 1, DIE, 0],
  ['spawn_link', 'child', '[]', 1, DIE, 1],
  ['spawn_monitor', 'child', '[]', 1, DIE, 1],
  ['spawn_opt', 'child', '[link, monitor]', 1, DIE, 2],
  ['spawn_opt', 'child', '[]', 1, DIE, 0],
  ['spawn_opt', 'child', '[{priority, low}, {min_heap_size, 300}, link]', 1, DIE, 1],
  ['spawn', 'undefined', '[]', 0],
  ['spawn_link', 'undefined', '[]', 1],
  ['spawn_monitor', 'undefined', '[]', 1],
  ['spawn_monitor', 'undefined_function', '[]', 1],
  ['spawn_opt', 'undefined', '[link, monitor]', 2],
  ['spawn_opt', 'child', '[nonsense]', 0],
  ['spawn_opt', 'child', '[{nonsense, 1}]', 0],
  ['spawn_opt', 'child', '[{priority, silly}, link]', 0],
  ['spawn_opt', 'child', '[{reply, no}]', 0],
  ['spawn_link', '{lists, sort, nonsense}', '[]', 0],
  ['spawn', '{beamish_spawning, start, []}', '[]', 0],
];

describeBeam('requests of a BEAM to spawn here', () => {
  let lab: Lab;
  let asker: Beam;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [asker, beam, node] = await Promise.all([
      lab.beam('asker'),
      lab.beam('asked'),
      lab.node('ours', { actors: [Child] }),
    ]);
    await Promise.all([asker, beam].map((each) => each.load(FIXTURE)));
    await node.connect(asker.name);
  });

  afterAll(() => lab?.close());

  /** The answers of both, of which OTP's is what is expected. */
  async function both(call: (name: string) => string): Promise<{ ours: string; otp: string }> {
    const otp = await asker.eval(call(beam.name));
    return { otp, ours: await asker.eval(call(node.name)) };
  }

  const whole = ([what, options, begin, act = 'nothing', end = 0]: Case) =>
    [what, options, begin, act, end] as const;

  async function compareRequest(
    what: string,
    options: string,
    begin: number,
    act: string,
    end: number,
  ): Promise<void> {
    const { ours, otp } = await both(
      (name) => `beamish_spawning:ask('${name}', {${what}, ${options}}, {${begin}, ${act}, ${end}})`,
    );
    expect(otp).not.toContain('missing');
    expect(ours).toBe(otp);
  }

  describe('by spawn_request/5', () => {
    it.each(spawned.map(whole))('of %s with %s', compareRequest);
    it.each(undefinedOnes.map(whole))('of what is not there (%s) with %s', compareRequest);
    it.each(refused.map(whole))('of %s with %s, which is refused', compareRequest);
    it.each(refusedAtOnce.map(whole))('of %s with %s, which is not even sent', compareRequest);
    if (otpRelease() === 29) it.each(newest.map(whole))('of %s with %s', compareRequest);
    if (hasMonitorOptions) it.each(tagged.map(whole))('of %s with %s', compareRequest);
  });

  it.each(calls)('by %s of %s with %s', async (how, what, options, begin, act = 'nothing', end = 0) => {
    const { ours, otp } = await both(
      (name) => `beamish_spawning:call('${name}', {${how}, ${what}, ${options}}, {${begin}, ${act}, ${end}})`,
    );
    expect(otp).not.toContain('missing');
    expect(ours).toBe(otp);
  });

  it.each([
    ['[]', false],
    ['[link]', true],
    ['[monitor]', false],
    ['[link, monitor]', true],
    ['[{reply, no}, link]', true],
    ['[{reply, error_only}]', false],
  ] as const)('that are abandoned, with %s', async (options, ends) => {
    const { ours, otp } = await both((name) => `beamish_spawning:abandon('${name}', ${options}, ${ends})`);
    expect(ours).toBe(otp);
  });

  it.each([
    ['[]', false],
    ['[link]', true],
    ['[monitor]', false],
    ['[link, monitor]', true],
  ] as const)('whose asker ends at once, with %s', async (options, ends) => {
    const { ours, otp } = await both((name) => `beamish_spawning:leave('${name}', ${options}, ${ends})`);
    expect(ours).toBe(otp);
  });
});
