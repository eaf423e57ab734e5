/** OTP's module sys, asking an actor of ours and a gen_server on a BEAM: both must answer the same. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { actor, type Node, type Tuple, tuple } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

/** As `beamish_server`, as far as it is asked here. */
const Server = actor('beamish_server', (self) => {
  let sum = 0;
  self.onGetState(() => tuple(sum, []));
  self.onReplaceState((state) => {
    sum = (state as Tuple).at(0) as number;
  });
  return { get: () => sum, add: (by: number) => (sum += by) };
});

/** As a `beamish_server` that traps exits, seen by sys. */
const Trapper = actor('trapper', (self) => {
  self.trapExit = true;
  self.onGetState(() => tuple(0, []));
  return {};
});

/** Logged events less what differs each time: the tags of callers, and who they are. */
const events = (list: string): string =>
  `[case E of
      {in, {'$gen_call', {From, _}, Q}} -> {in, call, From =:= self(), Q};
      {out, A, {To, _}, State} -> {out, A, To =:= self(), State};
      _ -> E
    end || E <- ${list}]`;

describeBeam('what sys asks', () => {
  let lab: Lab;
  let asker: Beam;
  let twin: Beam;
  let node: Node;
  /** What our processes print. */
  let print: (text: string) => void = () => {};

  beforeAll(async () => {
    lab = await Lab.open();
    const env = platformEnv();
    [asker, twin, node] = await Promise.all([
      lab.beam('asker'),
      lab.beam('twin'),
      lab.node('ours', {
        actors: [Trapper],
        env: { ...env, log: { write: () => {} }, host: { ...env.host, output: (text) => print(text) } },
      }),
    ]);
    node.spawn(Server, [], { name: 'server' });
    await node.connect(asker.name);
  });

  afterAll(() => lab?.close());

  /** The same of both. */
  async function compare(expression: string): Promise<void> {
    const answer = async (name: string): Promise<string> => {
      const said = await asker.eval(
        `S = {server, '${name}'}, try ${expression} catch Class:{Reason, {sys, _, _}} -> {Class, Reason}; Class:Reason -> {Class, Reason} end`,
      );
      return said.replaceAll(name, 'there@host').replaceAll(/<\d+\.\d+\.\d+>/g, '<pid>');
    };
    const otp = await answer(twin.name);
    expect(await answer(node.name)).toBe(otp);
  }

  it('sys:trace(S, true) prints what a gen_server prints', async () => {
    const act = (name: string) =>
      asker.eval(`S = {server, '${name}'}, ok = sys:trace(S, true), {status, _, _, [_, _, _, [{trace, true}], _]} = sys:get_status(S),
        gen_server:call(S, {add, 1}), gen_server:cast(S, {add, 2}), 3 = gen_server:call(S, get), gen_server:call(S, {add, -3}), ok = sys:trace(S, false), gen_server:call(S, get)`);
    const last = 'new state {0,[]}\n';
    let ours = '';
    const printed = new Promise<void>((resolve) => {
      print = (text) => {
        ours += text;
        if (ours.includes(last)) resolve();
      };
    });
    await Promise.all([act(node.name), act(twin.name)]);
    await Promise.all([printed, twin.printed(last)]);
    const plain = (text: string) => text.replaceAll(/(#Pid)?<[^>]*>/g, '<pid>');
    const theirs = plain(twin.output);
    expect(theirs.slice(theirs.indexOf('*DBG*'))).toBe(plain(ours));
    expect(ours.split('\n')).toHaveLength(9);
  });

  it.each([
    [
      'log keeps events, as many as it was told at first',
      `begin ok = sys:log(S, true), 0 = gen_server:call(S, {add, -gen_server:call(S, get)}), gen_server:cast(S, {add, 7}), N = gen_server:call(S, get),
      {ok, Es} = sys:log(S, get), ok = sys:log(S, {true, 2}), {ok, Last} = sys:log(S, get), ok = sys:log(S, false), {N, ${events('Es')}, ${events('Last')}, sys:log(S, get)} end`,
    ],
    [
      'log keeps the last of them',
      `begin ok = sys:log(S, {true, 3}), [gen_server:call(S, {add, I}) || I <- lists:seq(1, 4)], {ok, Es} = sys:log(S, get), ok = sys:no_debug(S), {${events('Es')}, sys:log(S, get)} end`,
    ],
    [
      'get_status tells the log',
      `begin ok = sys:log(S, true), 1 = gen_server:call(S, {add, 1 - gen_server:call(S, get)}), {status, _, _, [_, _, _, _, Misc]} = sys:get_status(S), ok = sys:log(S, false),
      [Es] = [L || {data, D} <- Misc, {"Logged events", L} <- D], ${events('Es')} end`,
    ],
    [
      'statistics count',
      `begin ok = sys:statistics(S, true), [gen_server:call(S, get) || _ <- lists:seq(1, 5)], gen_server:cast(S, {add, 1}), gen_server:call(S, get), {ok, L} = sys:statistics(S, get), ok = sys:statistics(S, false),
      {start_time, {{Y, _, _}, {_, _, _}} = From} = hd(L), {current_time, To} = lists:nth(2, L), {Y > 2000, To >= From, [K || {K, _} <- L], lists:nthtail(3, L), sys:statistics(S, get)} end`,
    ],
    // It runs where it came from, which may be later: what it sends tells. That nothing more comes is looked at for a
    // moment, which is never too short for what is right.
    [
      'install has a fun see them until it is done',
      `begin P = self(), F = fun(N, {in, _}, Name) -> P ! {saw, N, Name}, case N of 2 -> done; _ -> N + 1 end; (N, _, _) -> N end,
      ok = sys:install(S, {F, 0}), [gen_server:call(S, get) || _ <- lists:seq(1, 4)], Saw = fun(T) -> receive {saw, N, Name} -> {N, Name} after T -> none end end, [Saw(20000), Saw(20000), Saw(20000), Saw(50)] end`,
    ],
    [
      'install has a fun see them until it is removed',
      `begin P = self(), F = fun(N, {in, _}, _) -> P ! {saw, N}, throw(N + 1); (X, _, _) -> X end, Saw = fun(T) -> receive {saw, N} -> N after T -> none end end,
      ok = sys:install(S, {id, F, 0}), ok = sys:install(S, {id, F, 10}), [gen_server:call(S, get) || _ <- [1, 2]], A = [Saw(20000), Saw(20000)],
      ok = sys:remove(S, other), gen_server:call(S, get), B = Saw(20000), ok = sys:remove(S, id), gen_server:call(S, get), {A, B, Saw(50)} end`,
    ],
    [
      'install has a fun see them until it fails',
      `begin P = self(), F = fun(N, _, _) -> P ! {saw, N}, case N of 1 -> error(enough); _ -> N + 1 end end, Saw = fun(T) -> receive {saw, N} -> N after T -> none end end,
      ok = sys:install(S, {F, 0}), [gen_server:call(S, get) || _ <- [1, 2]], A = [Saw(20000), Saw(20000), Saw(50)], {A, gen_server:call(S, get)} end`,
    ],
  ])('what watches: %s', (_, expression) => compare(expression));

  // The nodes are connected before: what looks up addresses meanwhile may be started by the same supervisor of the kernel's.
  // That the state is told after an exit of another says that the process is alive, and holds that one back.
  it('a suspended child of a BEAM’s supervisor ends when it is told to', () =>
    compare(`begin
      {_, Node} = S, pong = net_adm:ping(Node),
      Run = fun() -> process_flag(trap_exit, true), gen_server:enter_loop(beamish_server, [], {0, []}) end,
      Start = fun() when Node =:= '${twin.name}' -> {ok, spawn_link(Node, proc_lib, init_p, [self(), [], Run])};
        () -> {ok, spawn_link(Node, trapper, start_link, [])} end,
      Spec = #{id => trapper, start => {erlang, apply, [Start, []]}, restart => temporary, shutdown => 20000},
      {ok, P} = supervisor:start_child(kernel_safe_sup, Spec),
      R = monitor(process, P), ok = sys:suspend(P), exit(P, stranger), State = sys:get_state(P),
      ok = supervisor:terminate_child(kernel_safe_sup, trapper),
      receive {'DOWN', R, _, _, Why} -> {State, Why} end
    end`));

  it.each([
    'sys:get_state(S)',
    'sys:replace_state(S, fun({N, L}) -> {N + 40, L} end)',
    'gen_server:call(S, {add, 2})',
    'sys:replace_state(S, fun(_) -> error({no, way}) end)',
    'sys:replace_state(S, fun(_) -> throw(ball) end)',
    'sys:replace_state(S, fun(_) -> exit(stage_left) end)',
    'sys:replace_state(S, fun() -> wrong_arity end)',
    '{sys:suspend(S), sys:suspend(S), sys:get_state(S), element(1, element(2, catch gen_server:call(S, get, 100))), sys:resume(S), sys:resume(S)}',
    'gen_server:call(S, get)',
    'begin sys:suspend(S), P = self(), spawn(fun() -> P ! gen_server:call(S, {add, 1}) end), N = sys:get_state(S), sys:resume(S), receive A -> {N, A} end end',
    "{status, P, {module, M}, [D, R, P, L, X]} = sys:get_status(S), {M, proplists:get_value('$initial_call', D), R, L, X}",
    'begin sys:suspend(S), {status, _, _, [_, R | _]} = sys:get_status(S), sys:resume(S), R end',
    '[sys:log(S, How) || How <- [get, print, true, {true, 7}, false]]',
    '[sys:log(S, How) || How <- [5, nonsense, {true, 0}, {false, 1}, <<"true">>]]',
    '[sys:trace(S, How) || How <- [false, nonsense, 1]]',
    '[sys:statistics(S, How) || How <- [get, true, false, nonsense]]',
    '[sys:log_to_file(S, How) || How <- [false, "/nowhere/at/all"]]',
    '[sys:install(S, {fun(A, _, _) -> A end, state}), sys:remove(S, fun(A, _, _) -> A end), sys:no_debug(S)]',
    'sys:change_code(S, beamish_server, undefined, extra)',
    'sys:get_state({nobody, element(2, S)})',
    '[begin T = make_ref(), S ! {system, {self(), T}, What}, receive {T, Said} -> Said after 20000 -> late end end || What <- [nonsense, {nonsense}, {debug, nonsense}, {debug, {trace}}, {debug, 1}, {debug, {nonsense, 1}}, {debug, {install, 1}}]]',
    // The last: nobody answers behind it.
    "begin R = monitor(process, S), ok = sys:terminate(S, {shutdown, done}), receive {'DOWN', R, _, _, Why} -> Why end end",
  ])('%s', compare);
});
