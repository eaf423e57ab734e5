import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actor, type Node, type Self } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return { get: () => n, add: (by: number) => (n += by) };
});

describeBeam('the module erlang, asked from afar', () => {
  let lab: Lab;
  let node: Node;
  let beam: Beam;
  let twin: Beam;
  const here = () => `'${node.name}'`;

  beforeAll(async () => {
    lab = await Lab.open();
    node = await lab.node('asked', { hidden: false, exports: { erlang: true } });
    node.spawn(Counter, [1], { name: 'counter' });
    node.spawn(
      async (self: Self) => {
        self.trapExit = true;
        await self.receive((message) => message === 'never');
      },
      [],
      { name: 'body' },
    );
    beam = await lab.beam('asking');
    twin = await lab.beam('twin');
  });
  afterAll(() => lab?.close());

  const ask = (expression: string) => beam.eval(`Node = ${here()}, ${expression}`);

  it.each([
    ['node()', 'rpc:call(Node, erlang, node, [])'],
    ['nodes(this)', 'rpc:call(Node, erlang, nodes, [this])'],
    ['nodes() of who asks', 'lists:member(node(), rpc:call(Node, erlang, nodes, []))'],
    ['nodes(hidden)', 'rpc:call(Node, erlang, nodes, [hidden])'],
    ['nodes([this, hidden])', 'rpc:call(Node, erlang, nodes, [[this, hidden]])'],
    ['nodes(nonsense)', 'Catch(nodes, [nonsense])'],
    ['whereis of nobody', 'rpc:call(Node, erlang, whereis, [nobody_of_that_name])'],
    ['whereis of rex', 'node(rpc:call(Node, erlang, whereis, [rex]))'],
    ['whereis of a number', 'Catch(whereis, [1])'],
    ['registered()', 'lists:member(net_kernel, rpc:call(Node, erlang, registered, []))'],
    ['the keys of memory()', '[K || {K, N} <- rpc:call(Node, erlang, memory, []), is_integer(N), N >= 0]'],
    [
      'memory() adds up',
      'M = maps:from_list(rpc:call(Node, erlang, memory, [])), maps:get(total, M) =:= maps:get(processes, M) + maps:get(system, M) andalso maps:get(processes_used, M) =< maps:get(processes, M)',
    ],
    ['memory(total)', 'rpc:call(Node, erlang, memory, [total]) > 1000000'],
    ['memory of some', '[K || {K, _} <- rpc:call(Node, erlang, memory, [[total, ets]])]'],
    ['memory(nonsense)', 'Catch(memory, [nonsense])'],
    [
      'is_process_alive(Pid)',
      'rpc:call(Node, erlang, is_process_alive, [rpc:call(Node, erlang, whereis, [rex])])',
    ],
    ['is_process_alive of another node', 'Catch(is_process_alive, [self()])'],
    ['is_process_alive of a name', 'Catch(is_process_alive, [rex])'],
    [
      'is_process_alive of who is gone',
      "P = spawn(Node, nowhere, nothing, []), R = monitor(process, P), receive {'DOWN', R, _, _, _} -> rpc:call(Node, erlang, is_process_alive, [P]) end",
    ],
    ['system_info(nonsense)', 'Catch(system_info, [nonsense])'],
    ['system_info(wordsize)', 'rpc:call(Node, erlang, system_info, [wordsize])'],
    ['system_info({wordsize, external})', 'rpc:call(Node, erlang, system_info, [{wordsize, external}])'],
    ['system_info(process_count)', 'rpc:call(Node, erlang, system_info, [process_count]) > 5'],
    ['system_info(otp_release)', 'list_to_integer(rpc:call(Node, erlang, system_info, [otp_release])) >= 23'],
    ['process_info of no pid', 'Catch(process_info, [nothing])'],
    ['process_info of a pid elsewhere', 'Catch(process_info, [self()])'],
    [
      'process_info of an unknown item',
      'Catch(process_info, [rpc:call(Node, erlang, whereis, [rex]), nonsense])',
    ],
    [
      'process_info of a name',
      'rpc:call(Node, erlang, process_info, [rpc:call(Node, erlang, whereis, [rex]), registered_name])',
    ],
    [
      'process_info of several items',
      '[K || {K, _} <- rpc:call(Node, erlang, process_info, [rpc:call(Node, erlang, whereis, [net_kernel]), [registered_name, trap_exit, status, message_queue_len, monitors]])]',
    ],
    [
      'the items of process_info/1',
      '[K || {K, _} <- rpc:call(Node, erlang, process_info, [rpc:call(Node, erlang, whereis, [net_kernel])])]',
    ],
    [
      'the status of one who waits',
      'rpc:call(Node, erlang, process_info, [rpc:call(Node, erlang, whereis, [net_kernel]), status])',
    ],
    ['an arity that there is none of', 'Catch(whereis, [a, b])'],
    ['a function that is not switched on', 'Catch(no_such_function_of_erlang, [])'],
  ])('%s comes to what it comes to with OTP', async (_title, expression) => {
    const at = async (name: string) => {
      // Where some releases list the arguments, others count them.
      const text = await beam.eval(`Node = '${name}',
        Arity = fun(As) when is_list(As) -> length(As); (N) -> N end,
        Catch = fun(F, A) -> try erpc:call(Node, erlang, F, A)
          catch error:{exception, R, [{M, Fn, As, _} | _]} -> {R, M, Fn, Arity(As)} end end,
        ${expression}`);
      return text
        .replaceAll(name, 'there@host')
        .replaceAll(/<\d+\./g, '<N.')
        .replaceAll(/<N\.\d+\.\d+>/g, '<pid>');
    };
    expect(await at(node.name)).toBe(await at(twin.name));
  });

  it('processes() are all of ours, alive, and of process_info/2', async () => {
    expect(
      await ask(`Ps = rpc:call(Node, erlang, processes, []),
        {length(Ps) > 5, lists:all(fun(P) -> is_pid(P) andalso node(P) =:= Node end, Ps),
         lists:member(rpc:call(Node, erlang, whereis, [counter]), Ps)}`),
    ).toBe('{true,true,true}');
    expect(
      await ask(`P = rpc:call(Node, erlang, whereis, [body]),
        {rpc:call(Node, erlang, process_info, [P, [trap_exit, initial_call, registered_name]]),
         rpc:call(Node, erlang, process_info, [P, dictionary])}`),
    ).toBe('{[{trap_exit,true},{initial_call,{erlang,apply,2}},{registered_name,body}],{dictionary,[]}}');
    // Nobody any more.
    expect(
      await ask(`P = spawn(Node, nowhere, nothing, []), R = monitor(process, P), receive {'DOWN', R, _, _, _} -> ok end,
        {rpc:call(Node, erlang, process_info, [P]), rpc:call(Node, erlang, process_info, [P, status]),
         rpc:call(Node, erlang, process_info, [P, [status, links]])}`),
    ).toBe('{undefined,undefined,undefined}');
  });

  it('process_info gives single entries of the dictionary, as OTP 26 and newer ask', async () => {
    expect(
      await ask(`P = rpc:call(Node, erlang, whereis, [counter]),
        {rpc:call(Node, erlang, process_info, [P, {dictionary, '$initial_call'}]),
         rpc:call(Node, erlang, process_info, [P, [{dictionary, nothing}, trap_exit]])}`),
    ).toBe(
      "{{{dictionary,'$initial_call'},{counter,init,1}},[{{dictionary,nothing},undefined},{trap_exit,false}]}",
    );
  });

  describe('serves the tools of OTP:', () => {
    it('proc_lib knows what an actor is', async () => {
      expect(
        await ask(`P = rpc:call(Node, erlang, whereis, [counter]),
          {proc_lib:initial_call(P), proc_lib:translate_initial_call(P)}`),
      ).toBe("{{counter,init,['Argument__1']},{counter,init,1}}");
      expect(
        await ask(`{dictionary, D} = rpc:call(Node, erlang, process_info,
          [rpc:call(Node, erlang, whereis, [rex]), dictionary]), proplists:get_value('$ancestors', D)`),
      ).toBe('[beamish_sup]');
    });

    it('c:ni/0 and c:nregs/0 list ours with the others', async () => {
      expect(await ask('lists:member(Node, nodes())')).toBe('true');
      // A screen high enough that nothing is paged.
      const seen = await ask(`
        Screen = fun Loop(Lines) -> receive
          {io_request, From, As, {get_geometry, rows}} -> From ! {io_reply, As, 100000}, Loop(Lines);
          {io_request, From, As, {put_chars, unicode, M, F, A}} -> From ! {io_reply, As, ok}, Loop([apply(M, F, A) | Lines]);
          {io_request, From, As, _} -> From ! {io_reply, As, {error, enotsup}}, Loop(Lines);
          {seen, Pid} -> Pid ! {seen, lists:flatten(lists:reverse(Lines))}
        end end,
        Leader = spawn(fun() -> Screen([]) end),
        group_leader(Leader, self()),
        ok = c:ni(), ok = c:nregs(),
        Leader ! {seen, self()}, receive {seen, Text} -> Text end`);
      expect(seen).toContain(`** Registered procs on node ${here()} **`);
      expect(seen).toMatch(/counter +<\d+\.\d+\.\d+> +counter:init\/1/);
      expect(seen).toMatch(/<\d+\.\d+\.\d+> +counter:init\/1 +0 +0 +0\\ncounter +gen_server:loop\/7/);
    });

    it('sys and gen_server look into an actor, and stop it', async () => {
      node.spawn(Counter, [7], { name: 'brief' });
      expect(await ask('element(1, sys:get_status({brief, Node}))')).toBe('status');
      expect(await ask('{sys:suspend({brief, Node}), sys:resume({brief, Node})}')).toBe('{ok,ok}');
      expect(await ask('proc_lib:stop({brief, Node}, shutdown, 20000)')).toBe('ok');
      expect(await ask('rpc:call(Node, erlang, whereis, [brief])')).toBe('undefined');
      node.spawn(Counter, [7], { name: 'brief' });
      expect(await ask('gen_server:stop({brief, Node})')).toBe('ok');
    });
  });
});
