import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actor, type Node, type Self } from '../../src/index.ts';
import { type Beam, describeBeam, otpRelease } from '../support/beam.ts';
import { Lab } from './lab.ts';

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return { get: () => n, add: (by: number) => (n += by) };
});

/** What observer_backend:sys_info/0 asks for, of which this is answered in kind; and what scheduler views ask besides. */
const OBSERVED = [
  ...['schedulers_online', 'multi_scheduling', 'schedulers', 'otp_release', 'version', 'system_architecture'],
  ...['kernel_poll', 'smp_support', 'threads', 'thread_pool_size', '{wordsize, internal}'],
  ...['{wordsize, external}', 'alloc_util_allocators', 'process_count', 'atom_limit', 'atom_count'],
  ...['process_limit', 'port_limit', 'port_count', 'ets_limit', 'ets_count', 'dist_buf_busy_limit'],
  ...['dirty_cpu_schedulers', 'dirty_cpu_schedulers_online', 'dirty_io_schedulers', 'scheduler_id'],
  ...['scheduler_bind_type', 'multi_scheduling_blockers', 'normal_multi_scheduling_blockers', 'creation'],
  ...['system_version', 'machine', 'build_type', 'debug_compiled', 'dynamic_trace'],
  ...['dynamic_trace_probes', 'compat_rel', 'heap_type', 'message_queue_data'],
];

/** The documented items of process_info/2, less `backtrace`. */
const PROCESS_ITEMS = [
  ...['binary', 'catchlevel', 'current_function', 'current_location', 'current_stacktrace', 'dictionary'],
  ...['error_handler', 'garbage_collection', 'garbage_collection_info', 'group_leader', 'heap_size'],
  ...['initial_call', 'links', 'last_calls', 'memory', 'message_queue_len', 'messages', 'min_heap_size'],
  ...['min_bin_vheap_size', 'max_heap_size', 'monitored_by', 'monitors', 'message_queue_data', 'priority'],
  ...['reductions', 'registered_name', 'sequential_trace_token', 'stack_size', 'status', 'suspending'],
  ...['total_heap_size', 'trace', 'trap_exit', ...(otpRelease() === 23 ? [] : ['parent'])],
];

/** Of what statistics/1 tells, what is known here; the others are `badarg`. */
const STATISTICS = [
  ...['wall_clock', 'run_queue', 'run_queue_lengths', 'run_queue_lengths_all', 'total_run_queue_lengths'],
  ...['total_run_queue_lengths_all', 'active_tasks', 'active_tasks_all', 'total_active_tasks'],
  ...['total_active_tasks_all', 'scheduler_wall_time', 'scheduler_wall_time_all'],
];

/** What kind of thing a term is: how a reader takes it apart, whatever it says. */
const KIND = `Kind = fun
  Kind(B) when is_boolean(B) -> boolean;
  Kind(A) when is_atom(A) -> atom;
  Kind(N) when is_integer(N), N >= 0 -> number;
  Kind(P) when is_pid(P) -> pid;
  Kind(B) when is_binary(B) -> binary;
  Kind(M) when is_map(M) -> map;
  Kind({M, F, A}) when is_atom(M), is_atom(F), is_integer(A) -> mfa;
  Kind(T) when is_tuple(T) -> list_to_tuple([Kind(E) || E <- tuple_to_list(T)]);
  Kind([C | _] = S) when is_integer(C), C > 31 -> true = io_lib:printable_list(S), text;
  Kind([_ | _] = L) -> list;
  Kind([]) -> list
end`;

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
    [
      'node(Pid) and node(Ref)',
      '[rpc:call(Node, erlang, node, [X]) || X <- [self(), make_ref(), hd(erlang:ports())]]',
    ],
    ['node(Pid) of its own', 'rpc:call(Node, erlang, node, [rpc:call(Node, erlang, whereis, [rex])])'],
    ['node of a name', 'Catch(node, [Node])'],
    ['node/2', 'Catch(node, [a, b])'],
    ['nodes([])', 'rpc:call(Node, erlang, nodes, [[]])'],
    ['nodes([this, nonsense])', 'Catch(nodes, [[this, nonsense]])'],
    ['nodes([this | hidden])', 'Catch(nodes, [[this | hidden]])'],
    ['nodes(known)', '[lists:member(N, rpc:call(Node, erlang, nodes, [known])) || N <- [node(), Node]]'],
    [
      'whereis of atoms that are words of JavaScript',
      '[rpc:call(Node, erlang, whereis, [A]) || A <- [undefined, nil, null, true]]',
    ],
    ['whereis of a string', 'Catch(whereis, ["rex"])'],
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
    ['memory([])', 'rpc:call(Node, erlang, memory, [[]])'],
    ['memory of the same twice', '[K || {K, _} <- rpc:call(Node, erlang, memory, [[total, total]])]'],
    ['memory of a string', 'Catch(memory, ["total"])'],
    ['statistics(nonsense)', 'Catch(statistics, [nonsense])'],
    ['statistics(1)', 'Catch(statistics, [1])'],
    [
      'the time of statistics(wall_clock)',
      `{A, _} = rpc:call(Node, erlang, statistics, [wall_clock]), timer:sleep(20),
       {B, Since} = rpc:call(Node, erlang, statistics, [wall_clock]), B >= A + 20 andalso Since >= 20 andalso Since =< B`,
    ],
    [
      'the number of statistics(active_tasks)',
      '[lists:sum(rpc:call(Node, erlang, statistics, [K])) >= 1 || K <- [active_tasks, active_tasks_all]]',
    ],
    ['system_info(nonsense)', 'Catch(system_info, [nonsense])'],
    [
      'system_info of a list, a pid, a map',
      '[Catch(system_info, [K]) || K <- [[wordsize], self(), #{}, {}]]',
    ],
    ['system_info({wordsize, sideways})', 'Catch(system_info, [{wordsize, sideways}])'],
    ['system_info({wordsize, internal, twice})', 'Catch(system_info, [{wordsize, internal, twice}])'],
    ['system_info({cpu_topology, nonsense})', 'Catch(system_info, [{cpu_topology, nonsense}])'],
    ['system_info({allocator, nonsense})', 'Catch(system_info, [{allocator, nonsense}])'],
    [
      'system_info of what observer asks, in kind',
      `${KIND}, [{K, Kind(rpc:call(Node, erlang, system_info, [K]))} || K <- [${OBSERVED}]]`,
    ],
    [
      'statistics, in kind',
      `${KIND}, [{K, Kind(rpc:call(Node, erlang, statistics, [K]))} || K <- [${STATISTICS}]]`,
    ],
    [
      'process_info, in kind',
      `${KIND}, P = rpc:call(Node, erlang, whereis, [rex]),
       [Kind(rpc:call(Node, erlang, process_info, [P, K])) || K <- [${PROCESS_ITEMS}]]`,
    ],
    [
      'process_info of all items',
      `P = rpc:call(Node, erlang, whereis, [rex]),
       [K || {K, _} <- rpc:call(Node, erlang, process_info, [P, [${PROCESS_ITEMS}]])]`,
    ],
    ['rpc:pinfo', 'rpc:pinfo(rpc:call(Node, erlang, whereis, [rex]), registered_name)'],
    [
      'process_info of lists that are none',
      `P = rpc:call(Node, erlang, whereis, [rex]),
       [Catch(process_info, [P, I]) || I <- [[], [status | links], [[status]], "status", {status}, [status, nonsense]]]`,
    ],
    [
      'process_info of who is gone',
      `P = spawn(Node, nowhere, nothing, []), R = monitor(process, P), receive {'DOWN', R, _, _, _} -> ok end,
       [Catch(process_info, [P | I]) || I <- [[], [status], [registered_name], [[]], [[status, links]], [nonsense], [[status, nonsense]]]]`,
    ],
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

  it.runIf(otpRelease() !== 23)('nodes/2 tells of each node what it is asked, as OTP does', async () => {
    const both = (options: string, expression = 'L') =>
      Promise.all(
        [node.name, twin.name].map(async (name) =>
          (
            await beam.eval(`Node = '${name}',
              L = fun(What) -> try erpc:call(Node, erlang, nodes, [What, ${options}])
                catch error:{exception, R, [{M, F, As, _} | _]} -> {R, M, F, length(As)} end end, ${expression}`)
          ).replaceAll(name, 'there@host'),
        ),
      );
    const known =
      '[[lists:keyfind(N, 1, L(K)) || N <- [node(), Node]] || K <- [visible, connected, known, [this, hidden]]]';
    for (const options of ['#{}', '#{node_type => true}', '#{node_type => false, connection_id => false}']) {
      const [ours, theirs] = await both(options, known);
      expect(ours).toBe(theirs);
    }
    for (const options of [
      '#{node_type => perhaps}',
      '#{nonsense => true}',
      '#{"node_type" => true}',
      'node_type',
    ]) {
      const [ours, theirs] = await both(options, 'L(this)');
      expect(ours).toBe(theirs);
      expect(ours).toBe('{badarg,erlang,nodes,2}');
    }
    expect(await both('#{connection_id => true}', 'L(this)')).toEqual(
      Array(2).fill("[{'there@host',#{connection_id => undefined}}]"),
    );
    // A connection keeps its number, the next one to the same node has another. Who hides is not missed by the others.
    const brief = await lab.beam('brief', { flags: ['-hidden'] });
    for (const { name } of [node, twin])
      expect(
        await brief.eval(`Number = fun() ->
          L = erpc:call('${name}', erlang, nodes, [connected, #{connection_id => true, node_type => true}]),
          {_, #{connection_id := N, node_type := hidden}} = lists:keyfind(node(), 1, L), true = is_integer(N), N end,
          A = Number(), B = Number(), true = erlang:disconnect_node('${name}'), {A =:= B, A =:= Number()}`),
      ).toBe('{true,false}');
  });

  it('answers what it does not know as OTP does what that does not know', async () => {
    const unknown = [
      'allocated_areas',
      '{allocator_sizes, []}',
      'info',
      'fullsweep_after',
      'nif_version',
      'start_time',
    ];
    expect(
      await ask(`[try erpc:call(Node, erlang, system_info, [K])
        catch error:{exception, R, [{erlang, system_info, _, _} | _]} -> R end || K <- [${unknown}]]`),
    ).toBe(`[${unknown.map(() => 'badarg')}]`);
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
