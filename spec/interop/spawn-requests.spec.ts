/**
 * What a BEAM's requests to spawn come to here, beside what OTP itself makes of the same ones: each case is asked of a
 * node of ours and of a BEAM, by the same BEAM, and both must answer the same.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
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

/** What the asker says to itself about a node, in Erlang; `{Name}` stands for the node. */
type Case = string;

/** spawn_request/5 of something, with options; messages at first; what is done then; messages after it. */
const request = (what: string, options: string, begin: number, act = 'nothing', end = 0): Case =>
  `ask({Name}, {${what}, ${options}}, {${begin}, ${act}, ${end}})`;

const child = (options: string, begin: number, act?: string, end?: number): Case =>
  request('child', options, begin, act, end);

/** The same by one of the functions that wait for the answer. */
const call = (how: string, what: string, options: string, begin: number, act = 'nothing', end = 0): Case =>
  `call({Name}, {${how}, ${what}, ${options}}, {${begin}, ${act}, ${end}})`;

const DIE = '{die, some_reason}';

const spawned: readonly Case[] = [
  child('[]', 2, DIE, 0),
  child('[link]', 2, DIE, 1),
  child('[monitor]', 2, DIE, 1),
  child('[link, monitor]', 2, DIE, 2),
  child('[monitor, link]', 2, DIE, 2),
  child('[link, link, monitor, monitor]', 2, DIE, 2),
  child('[link, monitor]', 2, '{die, normal}', 2),
  child('[link, monitor]', 2, '{die, kill}', 2),
  child('[{reply, yes}]', 2),
  child('[{reply, no}]', 1),
  child('[{reply, error_only}]', 1),
  child('[{reply, success_only}]', 2),
  child('[{reply, no}, {reply, yes}]', 2),
  child('[link, monitor, {reply, no}]', 1, DIE, 2),
  child('[link, monitor, {reply, error_only}]', 1, DIE, 2),
  child('[link, monitor, {reply, success_only}]', 2, DIE, 2),
  child('[{reply_tag, {my, [tag]}}]', 2),
  child('[{reply_tag, "tag"}, {reply, success_only}, monitor]', 2, DIE, 1),
  child('[{reply_tag, one}, {reply_tag, two}]', 2),
  // What tunes a BEAM's heap and scheduler means nothing here, and must not harm.
  child('[{priority, high}]', 2),
  child('[{priority, max}, {fullsweep_after, 0}]', 2),
  child('[{min_heap_size, 500}, {min_bin_vheap_size, 500}]', 2),
  child('[{max_heap_size, 0}]', 2),
  child('[{max_heap_size, #{size => 100000, kill => true, error_logger => false}}, link]', 2, DIE, 1),
  child('[{message_queue_data, off_heap}]', 2),
  child('[{scheduler, 1}]', 2),
  child('[{message_queue_data, on_heap}, monitor]', 2, DIE, 1),
];

const undefinedOnes: readonly Case[] = ['undefined', 'undefined_function'].flatMap(
  (what): readonly Case[] => [
    request(what, '[]', 1),
    request(what, '[link]', 2),
    request(what, '[monitor]', 2),
    request(what, '[link, {reply, no}]', 1),
    request(what, '[monitor, {reply, error_only}]', 1),
    request(what, '[monitor, {reply, success_only}, {reply_tag, tag}]', 2),
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
  child(`[${option}]`, 1),
  child(`[link, ${option}, monitor, {reply_tag, tag}]`, 1),
  child(`[monitor, ${option}, {reply, error_only}]`, 1),
  child(`[monitor, ${option}, {reply, success_only}]`, 0),
  request('undefined', `[monitor, ${option}, {reply, no}]`, 0),
]);

const refusedAtOnce: readonly Case[] = [
  child('[{reply, perhaps}]', 0),
  child('[{reply_tag}]', 0),
  child('nonsense', 0),
  child('[link | monitor]', 0),
  request('{lists, sort, nonsense}', '[]', 0),
  request('{lists, sort, [1 | 2]}', '[]', 0),
  request('{"lists", sort, []}', '[]', 0),
];

const tagged: readonly Case[] = [
  child('[{monitor, []}]', 2, DIE, 1),
  child('[{monitor, [{tag, {my, tag}}]}]', 2, DIE, 1),
  child('[{monitor, [{tag, my}]}, {reply, no}, link]', 1, DIE, 2),
  child('[{monitor, [{alias, explicit_unalias}]}]', 2, 'by_alias_and_die', 2),
  child('[{monitor, [{alias, demonitor}]}]', 2, 'by_alias_and_die', 2),
  child('[{monitor, [{alias, demonitor}]}]', 2, 'demonitor_and_by_alias', 0),
  child('[{monitor, [{alias, explicit_unalias}]}]', 2, 'demonitor_and_by_alias', 1),
  child('[{monitor, [{alias, reply_demonitor}, {tag, t}]}]', 2, 'by_alias_and_die', 1),
  child('[{monitor, [{alias, explicit_unalias}]}, {reply, no}]', 1, 'by_alias', 1),
  request('undefined', '[{monitor, [{tag, t}, {alias, demonitor}]}]', 2),
  child('[{monitor, [{tag, t}]}, {nonsense, 1}]', 1),
  child('[{monitor, [{alias, sometimes}]}]', 1),
  child('[{monitor, [nonsense]}]', 1),
];

/** What the newest release knows besides. */
const newest: readonly Case[] = [
  child('[{link, []}]', 2, DIE, 1),
  child('[{link, [priority]}, {monitor, [priority]}]', 2, DIE, 2),
  child('[{link, [nonsense]}]', 1),
  child('[{async_dist, true}]', 2),
  child('[{async_dist, 1}]', 1),
];

const calls: readonly Case[] = [
  call('spawn', 'child', '[]', 1, DIE, 0),
  call('spawn_link', 'child', '[]', 1, DIE, 1),
  call('spawn_monitor', 'child', '[]', 1, DIE, 1),
  call('spawn_opt', 'child', '[link, monitor]', 1, DIE, 2),
  call('spawn_opt', 'child', '[]', 1, DIE, 0),
  call('spawn_opt', 'child', '[{priority, low}, {min_heap_size, 300}, link]', 1, DIE, 1),
  call('spawn', 'undefined', '[]', 0),
  call('spawn_link', 'undefined', '[]', 1),
  call('spawn_monitor', 'undefined', '[]', 1),
  call('spawn_monitor', 'undefined_function', '[]', 1),
  call('spawn_opt', 'undefined', '[link, monitor]', 2),
  call('spawn_opt', 'child', '[nonsense]', 0),
  call('spawn_opt', 'child', '[{nonsense, 1}]', 0),
  call('spawn_opt', 'child', '[{priority, silly}, link]', 0),
  call('spawn_opt', 'child', '[{reply, no}]', 0),
  call('spawn_link', '{lists, sort, nonsense}', '[]', 0),
  call('spawn', '{beamish_spawning, start, []}', '[]', 0),
];

/** Given up before the answer comes: whether the process ends, too. */
const abandoned: readonly Case[] = [
  'abandon({Name}, [], false)',
  'abandon({Name}, [link], true)',
  'abandon({Name}, [monitor], false)',
  'abandon({Name}, [link, monitor], true)',
  'abandon({Name}, [{reply, no}, link], true)',
  'abandon({Name}, [{reply, error_only}], false)',
];

/** Asked by a process that ends at once. */
const left: readonly Case[] = [
  'leave({Name}, [], false)',
  'leave({Name}, [link], true)',
  'leave({Name}, [monitor], false)',
  'leave({Name}, [link, monitor], true)',
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

  /** OTP's answer is what is expected of ours. */
  it.each([
    ...[spawned, undefinedOnes, refused, refusedAtOnce, calls, abandoned, left].flat(),
    ...(otpRelease() === 29 ? newest : []),
    ...(hasMonitorOptions ? tagged : []),
  ])('%s', async (expression) => {
    const answer = (name: string) =>
      asker.eval(`beamish_spawning:${expression.replace('{Name}', `'${name}'`)}`);
    const otp = await answer(beam.name);
    expect(otp).not.toContain('missing');
    expect(await answer(node.name)).toBe(otp);
  });
});
