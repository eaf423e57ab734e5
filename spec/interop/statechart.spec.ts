import { afterAll, beforeAll, expect, it } from 'vitest';
import { assign, sendTo, setup } from 'xstate';
import { actorRef, at, atom, ExitError, type Node, type Pid, statechart } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const Light = statechart(
  'light',
  setup({
    types: {} as {
      context: { n: number };
      events:
        | { type: 'tick'; by: number }
        | { type: 'start' }
        | { type: 'break' }
        | { type: 'finish' }
        | { type: 'spoil' }
        | { type: 'report'; to: Pid };
    },
  }).createMachine({
    context: { n: 0 },
    initial: 'off',
    on: {
      tick: { actions: assign({ n: ({ context, event }) => context.n + event.by }) },
      break: {
        actions: () => {
          throw new RangeError('bulb burst');
        },
      },
      spoil: { actions: assign({ n: () => Number.NaN }) },
      report: {
        actions: sendTo(
          ({ event }) => actorRef(event.to),
          ({ context }) => ({ type: 'report', n: context.n }),
        ),
      },
      finish: '.end',
    },
    states: { off: { on: { start: 'on' } }, on: {}, end: { type: 'final' } },
  }),
);

describeBeam('a statechart', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours', { actors: [Light] })]);
  });

  afterAll(() => lab?.close());

  /** A light of our node under that name, and what Erlang calls it. */
  function light(name: string): string {
    node.spawn(Light, [], { name });
    return `{${name}, '${node.name}'}`;
  }

  it('takes atoms, tuples with maps, and maps from a BEAM as its events', async () => {
    const to = light('events');
    const said = await beam.eval(`
      ${to} ! {tick, #{by => 2}}, ${to} ! {tick, #{<<"by">> => 3}},
      ${to} ! #{type => tick, by => 4}, ${to} ! #{<<"type">> => <<"tick">>, <<"by">> => 5},
      ${to} ! start, gen_server:call(${to}, snapshot)`);
    expect(said).toBe(
      '#{<<"context">> => #{<<"n">> => 14},<<"status">> => <<"active">>,<<"tags">> => [],<<"value">> => <<"on">>}',
    );
  });

  it('takes events as calls and casts from a BEAM', async () => {
    const to = light('calls');
    expect(
      await beam.eval(`
        undefined = gen_server:call(${to}, {send, {tick, #{by => 1}}}),
        ok = gen_server:cast(${to}, {send, start}),
        maps:get(<<"value">>, gen_server:call(${to}, snapshot))`),
    ).toBe('<<"on">>');
  });

  it('is not stopped by forged events, and refuses nonsense to the caller alone', async () => {
    const to = light('forged');
    const said = await beam.eval(`
      ${to} ! 'xstate.stop', ${to} ! {'xstate.stop', #{}}, ${to} ! {tick, 1}, ${to} ! [],
      {'EXIT', {{badarg, 5}, _}} = (catch gen_server:call(${to}, {send, 5})),
      {'EXIT', {{undef, nope}, _}} = (catch gen_server:call(${to}, nope)),
      maps:get(<<"status">>, gen_server:call(${to}, snapshot))`);
    expect(said).toBe('<<"active">>');
  });

  it('sends to a BEAM process with sendTo', async () => {
    const to = light('reports');
    const said = await beam.eval(`
      ${to} ! {tick, #{by => 7}}, ${to} ! {report, #{to => self()}},
      receive #{<<"type">> := <<"report">>} = M -> M end`);
    expect(said).toBe('#{<<"n">> => 7,<<"type">> => <<"report">>}');
  });

  it('brings a monitor on a BEAM down with its error, or normal when it is done', async () => {
    const burst = light('bursts');
    const reason = await beam.eval(`
      R = monitor(process, ${burst}), ${burst} ! break, receive {'DOWN', R, _, _, {What, _}} -> What end`);
    expect(reason).toBe('{js_error,<<"RangeError">>,<<"bulb burst">>}');
    const done = light('ends');
    expect(
      await beam.eval(
        `R = monitor(process, ${done}), ${done} ! finish, receive {'DOWN', R, _, _, Why} -> Why end`,
      ),
    ).toBe('normal');
  });

  it('refuses a snapshot that has no term to its caller alone', async () => {
    const to = light('spoiled');
    const said = await beam.eval(`
      ${to} ! spoil,
      {'EXIT', {{encode_error, Why}, _}} = (catch gen_server:call(${to}, snapshot)),
      {Why, gen_server:call(${to}, {send, {tick, #{by => 0}}})}`);
    expect(said).toMatch(/context\.n.*undefined\}$/);
  });

  it('is watched from a BEAM, and forgets the watcher when that ends', async () => {
    const to = light('watched');
    const said = await beam.eval(`
      Test = self(),
      {Watcher, Ref} = spawn_monitor(fun() ->
        {S, #{<<"value">> := V0}} = gen_server:call(${to}, {watch, self()}),
        gen_server:cast(S, {next, self()}),
        S ! start,
        receive {snapshot, S, #{<<"value">> := V1}} -> Test ! {saw, V0, V1} end
      end),
      receive {saw, V0, V1} -> ok end,
      receive {'DOWN', Ref, process, Watcher, normal} -> {V0, V1} end`);
    expect(said).toBe('{<<"off">>,<<"on">>}');
    const again = await beam.eval(`${to} ! {tick, #{by => 1}}, gen_server:call(${to}, snapshot), ok`);
    expect(again).toBe('ok');
  });

  it('is started by a BEAM with spawn/4', async () => {
    const said = await beam.eval(`
      P = spawn('${node.name}', light, start, []),
      P ! {tick, #{by => 6}},
      #{<<"context">> := #{<<"n">> := N}} = gen_server:call(P, snapshot), N`);
    expect(said).toBe('6');
  });

  it('is watched from another node of ours by name, across a real link, until that is lost', async () => {
    const far = await lab.node('far');
    light('lamp');
    const to = at<typeof Light>(node.name, 'lamp');
    const snapshots = far.watch(to);
    expect((await snapshots.next()).value).toMatchObject({ value: 'off', context: { n: 0 } });
    const next = snapshots.next();
    far.send(to, { type: 'tick', by: 3 });
    expect((await next).value).toMatchObject({ context: { n: 3 } });
    const lost = snapshots.next().catch((error: unknown) => error);
    far.disconnect(node.name);
    const error = await lost;
    expect(error).toBeInstanceOf(ExitError);
    expect((error as ExitError).reason).toBe(atom('noconnection'));
  });

  it('only can be watched: a gen_server of a BEAM fails the watching', async () => {
    await beam.eval('{ok, P} = gen_server:start(beamish_server, [], []), register(no_chart, P)');
    const error = await node
      .watch(at(beam.name, 'no_chart'))
      .next()
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
  });
});
