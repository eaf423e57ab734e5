import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Node } from '../../src/index.ts';
import { atom, CallTimeoutError, ExitError, type Pid, type Self, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const SUMS = fileURLToPath(new URL('./fixtures/sums.erl', import.meta.url));

/** Twin of fixtures/sums.erl. */
const sums = {
  add: (a: number, b: number) => a + b,
  echo: async (x: unknown) => x,
  toss: (x: unknown) => {
    throw x;
  },
  leave: (reason: unknown) => {
    throw new ExitError(reason, 'here', 'bye');
  },
  crash: () => {
    throw new TypeError('no');
  },
  slow: async (ms: number) => {
    await sleep(ms);
    return atom('slept');
  },
};

describeBeam('remote procedure calls', () => {
  let lab: Lab;
  let node: Node;
  let caller: Beam;
  let twin: Beam;
  /** A call of `own:hold/0` that waits. */
  interface Held {
    readonly pid: Pid;
    readonly release: () => void;
  }
  let tell: (held: Held) => void;
  /** The next such call, as soon as it waits. */
  const held = () =>
    new Promise<Held>((resolve) => {
      tell = resolve;
    });

  beforeAll(async () => {
    lab = await Lab.open();
    node = await lab.node('exporter', {
      exports: {
        sums,
        own: {
          whoami(this: Self) {
            return this.pid;
          },
          hold(this: Self) {
            return new Promise<void>((release) => {
              tell({ pid: this.pid, release });
            });
          },
          unsendable: () => () => 0,
        },
      },
    });
    caller = await lab.beam('caller');
    twin = await lab.beam('twin');
    await twin.load(SUMS);
  });
  afterAll(() => lab.close());

  /** The same expression, `Node` standing for ours and for the BEAM that has the twin. */
  const both = async (expression: string): Promise<[ours: string, theirs: string]> => {
    const at = (name: string) =>
      caller.eval(
        `Node = '${name}', Strip = fun(T) -> case T of
           {error, {exception, R, [{M, F, A, _} | _]}} -> {error, {exception, R, [{M, F, A}]}};
           {badrpc, {'EXIT', {R, [{M, F, A, _} | _]}}} -> {badrpc, {'EXIT', {R, [{M, F, A}]}}};
           _ -> T end end,
         Catch = fun(F) -> try F() catch C:R -> Strip({C, R}) end end,
         ${expression}`,
      );
    const normal = (text: string, name: string) => text.replaceAll(name, 'there@host');
    return [normal(await at(node.name), node.name), normal(await at(twin.name), twin.name)];
  };

  describe('into us', () => {
    it.each([
      ['erpc:call', 'erpc:call(Node, sums, add, [2, 3])'],
      ['erpc:call with a time-out', 'erpc:call(Node, sums, echo, [{a, [1, 2.5], #{b => "c"}}], 20000)'],
      [
        'erpc:call of a function that is slower',
        'Catch(fun() -> erpc:call(Node, sums, slow, [2000], 10) end)',
      ],
      ['erpc:call of what throws', 'Catch(fun() -> erpc:call(Node, sums, toss, [ball]) end)'],
      ['erpc:call of what exits', 'Catch(fun() -> erpc:call(Node, sums, leave, [{bye, 1}]) end)'],
      ['erpc:call of what fails', 'Catch(fun() -> erpc:call(Node, sums, crash, []) end)'],
      ['erpc:call of no function', 'Catch(fun() -> erpc:call(Node, sums, nothing, [1]) end)'],
      ['erpc:call of no module', 'Catch(fun() -> erpc:call(Node, nowhere, nothing, []) end)'],
      ['erpc:cast', 'erpc:cast(Node, sums, add, [2, 3])'],
      ['erpc:send_request', 'erpc:receive_response(erpc:send_request(Node, sums, echo, [self_made]), 20000)'],
      [
        'erpc:multicall',
        '[Strip(R) || R <- erpc:multicall([Node, Node], sums, add, [1, 1]) ++ erpc:multicall([Node], sums, toss, [b]) ++ erpc:multicall([Node], sums, leave, [b]) ++ erpc:multicall([Node], sums, crash, [])]',
      ],
      ['rpc:call', 'rpc:call(Node, sums, add, [2, 3])'],
      ['rpc:call with a time-out', 'rpc:call(Node, sums, slow, [2000], 10)'],
      ['rpc:call of what throws', 'rpc:call(Node, sums, toss, [ball])'],
      ['rpc:call of what exits', 'rpc:call(Node, sums, leave, [{bye, 1}])'],
      ['rpc:call of what fails', 'Strip(rpc:call(Node, sums, crash, []))'],
      ['rpc:call of no function', 'rpc:call(Node, sums, nothing, [1])'],
      ['rpc:cast', 'rpc:cast(Node, sums, add, [1, 1])'],
      ['rpc:multicall', 'rpc:multicall([Node, Node], sums, add, [1, 1])'],
      ['rpc:async_call', 'rpc:yield(rpc:async_call(Node, sums, add, [4, 5]))'],
      ['rpc:block_call', 'rpc:block_call(Node, sums, add, [2, 3])'],
      ['rpc:block_call of what throws', 'rpc:block_call(Node, sums, toss, [ball])'],
      ['rpc:block_call of what exits', 'rpc:block_call(Node, sums, leave, [{bye, 1}])'],
      ['rpc:block_call of what fails', 'Strip(rpc:block_call(Node, sums, crash, []))'],
      ['rpc:block_call of no function', 'rpc:block_call(Node, sums, nothing, [1])'],
      ['rpc:block_call with a time-out', 'rpc:block_call(Node, sums, slow, [300], 10)'],
      ['rpc:sbcast', 'rpc:sbcast([Node], rex, nothing_that_rex_knows)'],
      ['rpc:sbcast to no name', 'rpc:sbcast([Node], nobody_of_that_name, hello)'],
      ['rpc:abcast', 'rpc:abcast([Node], rex, nothing_that_rex_knows)'],
      ['rpc:eval_everywhere', 'rpc:eval_everywhere([Node], sums, add, [1, 1])'],
      ['an old call of rex', 'gen_server:call({rex, Node}, {call, sums, add, [1, 2], group_leader()})'],
      [
        'an old call of rex that fails',
        'Strip(gen_server:call({rex, Node}, {call, sums, crash, [], group_leader()}))',
      ],
      ['an old cast of rex', 'gen_server:cast({rex, Node}, {cast, sums, add, [1, 2], group_leader()})'],
      [
        'the oldest call of rex',
        '{rex, Node} ! {self(), {call, sums, echo, [old], user}}, receive {rex, R} -> R after 20000 -> late end',
      ],
      [
        'the oldest call of rex that fails',
        '{rex, Node} ! {self(), {call, sums, leave, [old], user}}, receive {rex, R} -> R after 20000 -> late end',
      ],
      [
        'a question for features',
        '{rex, Node} ! {self(), features_request}, receive {features_reply, Node, F} -> F after 20000 -> late end',
      ],
    ])('%s comes to what it comes to with OTP', async (_title, expression) => {
      const [ours, theirs] = await both(expression);
      expect(ours).toBe(theirs);
      expect(ours).not.toMatch(/late/);
    });

    it('call exported functions only', async () => {
      const refused = /undef/;
      const here = `'${node.name}'`;
      expect(await caller.eval(`rpc:call(${here}, os, cmd, ["id"])`)).toMatch(refused);
      expect(await caller.eval(`rpc:call(${here}, erlang, processes, [])`)).toMatch(refused);
      expect(await caller.eval(`rpc:call(${here}, sums, constructor, [])`)).toMatch(refused);
      expect(await caller.eval(`rpc:call(${here}, '__proto__', toString, [])`)).toMatch(refused);
      expect(await caller.eval(`rpc:block_call(${here}, os, cmd, ["id"])`)).toMatch(refused);
      const fun = `try erpc:call(${here}, fun() -> ok end) catch C:R -> {C, R} end`;
      expect(await caller.eval(fun)).toMatch(/^\{error,\{exception,undef,\[\{erlang,apply,/);
    });

    it('run each in a process of its own, which can be ended from outside', async () => {
      const here = `'${node.name}'`;
      const holding = held();
      const asked = caller.eval(`rpc:call(${here}, own, hold, [], 20000)`);
      const logged = lab.log.length;
      const { pid, release } = await holding;
      expect(
        await caller.eval(`rpc:call(${here}, own, whoami, []) =:= rpc:call(${here}, own, whoami, [])`),
      ).toBe('false');
      node.exit(pid, 'kill');
      expect(await asked).toBe("{badrpc,{'EXIT',killed}}");
      release();
      expect(lab.log.slice(logged)).toEqual([]);
    });

    it('tell of a result that has no term', async () => {
      const here = `'${node.name}'`;
      expect(await caller.eval(`rpc:call(${here}, own, unsendable, [])`)).toMatch(/encode_error/);
      expect(await caller.eval(`rpc:block_call(${here}, own, unsendable, [])`)).toMatch(/encode_error/);
      expect(await caller.eval(`rpc:block_call(${here}, sums, add, [1, 1])`)).toBe('2');
    });

    it('are answered in the order of block_call, and calls beside it', async () => {
      const here = `'${node.name}'`;
      const holding = held();
      const blocked = caller.eval(`rpc:block_call(${here}, own, hold, [], 20000)`);
      const { release } = await holding;
      // A second one as block_call asks it, and a call beside it by the same process: once that is back, it has come.
      const early = await caller.eval(`
        register(asker, spawn(fun() ->
          Ref = make_ref(),
          {rex, ${here}} ! {'$gen_call', {self(), Ref}, {block_call, sums, add, [1, 1], group_leader()}},
          42 = rpc:call(${here}, sums, add, [20, 22]),
          Early = receive {Ref, Two} -> Two after 0 -> waits end,
          receive {early, From} -> From ! Early end,
          Last = receive {Ref, Sum} -> Sum end,
          receive {last, To} -> To ! Last end end)),
        asker ! {early, self()}, receive Early -> Early end`);
      expect(early).toBe('waits');
      release();
      expect(await blocked).toBe('undefined');
      expect(await caller.eval('asker ! {last, self()}, receive Last -> Last end')).toBe('2');
    });

    it('switch debug lines at run time', async () => {
      const here = `'${node.name}'`;
      expect(await caller.eval(`rpc:call(${here}, beamish, debug, [discovery, true])`)).toBe('ok');
      expect(await caller.eval(`rpc:call(${here}, beamish, debug, [discovery, false])`)).toBe('ok');
      expect(await caller.eval(`rpc:call(${here}, beamish, debug, [nonsense, true])`)).toMatch(
        /^\{error,<<"expected an area \(node, epmd, discovery/,
      );
      expect(await caller.eval(`gen_server:call({beamish, ${here}}, {debug, discovery, true})`)).toBe('ok');
    });
  });

  describe('out of us', () => {
    it('give what the function there returns', async () => {
      expect(await node.rpc(twin.name, 'sums', 'add', [2, 3])).toBe(5);
      expect(await node.rpc(twin.name, 'sums', 'echo', [tuple(atom('a'), [1, 'two'])])).toEqual(
        tuple(atom('a'), [1, 'two']),
      );
      expect(await node.rpc(twin.name, 'erlang', 'node')).toBe(atom(twin.name));
    });

    it('throw what it failed with, as an exit reason of OTP', async () => {
      const reasonOf = (fn: string, ...args: unknown[]) =>
        node.rpc(twin.name, 'sums', fn, args).then(
          (value) => expect.fail(`returned ${String(value)}`),
          (error: ExitError) => {
            expect(error).toBeInstanceOf(ExitError);
            return [String(error.reason), error.message];
          },
        );
      expect(await reasonOf('leave', atom('bye'))).toEqual([
        'bye',
        `sums:leave/1 on ${twin.name} exited with bye`,
      ]);
      expect((await reasonOf('toss', atom('ball')))[0]).toBe('{nocatch,ball}');
      const [reason, message] = await reasonOf('nothing', 1);
      expect(reason).toBe('{undef,[{sums,nothing,[1],[]}]}');
      expect(message).toBe(`there is no function sums:nothing/1 on ${twin.name} that may be called (undef)`);
      // Of what it calls in turn nobody says that we may not call it.
      const nested = node.rpc(twin.name, 'erlang', 'apply', [atom('sums'), atom('nothing'), [1]]);
      await expect(nested).rejects.toThrow(
        `erlang:apply/3 on ${twin.name} failed: {undef, [{sums, nothing, [1], []}`,
      );
      const [crash] = await reasonOf('crash');
      expect(crash).toMatch(/^\{\{js_error,<<"TypeError">>,<<"no">>\},\[\{sums,crash,0,/);
      await expect(node.rpc(twin.name, 'erlang', 'exit', [atom('killed')])).rejects.toThrow('killed');
    });

    it('give up after a time-out or an abort, and leave no monitor behind', async () => {
      const abort = new AbortController();
      const late = node.rpc(twin.name, 'timer', 'sleep', [3_000], { timeout: 20 });
      await expect(late).rejects.toThrow(CallTimeoutError);
      await expect(late).rejects.toThrow(`no answer from timer:sleep/1 on ${twin.name} within 20 ms`);
      const waiting = node.rpc(twin.name, 'timer', 'sleep', [3_000], { signal: abort.signal });
      await node.rpc(twin.name, 'erlang', 'node');
      abort.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      // Those that sleep there have no watcher any more.
      const monitored = `length([P || P <- processes(), {monitored_by, [W | _]} <- [process_info(P, monitored_by)],
        is_pid(W), node(W) =:= '${node.name}'])`;
      // An answer of that node has been sent after all that came there before: that nobody watches, too.
      await node.rpc(twin.name, 'erlang', 'node');
      expect(await twin.eval(monitored)).toBe('0');
    });

    it('are noconnection when the node cannot be reached, or is lost', async () => {
      await expect(node.rpc('nobody@127.0.0.1', 'sums', 'add', [1, 1])).rejects.toMatchObject({
        code: 'ExitError',
        reason: atom('noconnection'),
      });
      const brief = await lab.beam('brief');
      const lost = node.rpc(brief.name, 'timer', 'sleep', [30_000], { timeout: 30_000 });
      await node.rpc(brief.name, 'erlang', 'node');
      const failed = expect(lost).rejects.toMatchObject({ code: 'ExitError', reason: atom('noconnection') });
      await brief.kill();
      await failed;
    });

    it('go to many nodes at a time', async () => {
      const results = await node.multicall([twin.name, 'nobody@127.0.0.1', caller.name], 'erlang', 'node');
      expect(results).toEqual([
        { status: 'fulfilled', value: atom(twin.name) },
        { status: 'rejected', reason: expect.objectContaining({ reason: atom('noconnection') }) },
        { status: 'fulfilled', value: atom(caller.name) },
      ]);
    });
  });
});
