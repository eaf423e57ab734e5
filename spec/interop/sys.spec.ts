/** OTP's module sys, asking an actor of ours and a gen_server on a BEAM: both must answer the same. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { actor, type Node, type Tuple, tuple } from '../../src/index.ts';
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

describeBeam('what sys asks', () => {
  let lab: Lab;
  let asker: Beam;
  let twin: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [asker, twin, node] = await Promise.all([lab.beam('asker'), lab.beam('twin'), lab.node('ours')]);
    node.spawn(Server, [], { name: 'server' });
    await node.connect(asker.name);
  });

  afterAll(() => lab?.close());

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
  ])('%s', async (expression) => {
    const answer = async (name: string): Promise<string> => {
      const said = await asker.eval(
        `S = {server, '${name}'}, try ${expression} catch Class:{Reason, {sys, _, _}} -> {Class, Reason}; Class:Reason -> {Class, Reason} end`,
      );
      return said.replaceAll(name, 'there@host').replaceAll(/<\d+\.\d+\.\d+>/g, '<pid>');
    };
    const otp = await answer(twin.name);
    expect(await answer(node.name)).toBe(otp);
  });
});
