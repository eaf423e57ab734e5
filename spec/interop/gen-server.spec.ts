import { afterAll, beforeAll, expect, it } from 'vitest';
import { actor, at, atom, CallTimeoutError, ExitError, type Node, Pid, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

interface Server {
  add(by: number): number;
  get(): number;
  echo(term: unknown): unknown;
  who(): Pid;
  later(afterMs: number, term: unknown): unknown;
  crash(): never;
}

const Counter = actor('counter', (self, start: number) => {
  let n = start;
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
    slow: async (afterMs: number) => {
      await self
        .receive((message): message is string => message === 'go', { timeout: afterMs })
        .catch(() => {});
      return 'late';
    },
    crash: () => {
      throw new ExitError(atom('crash'), 'counter', 'asked to');
    },
    odd: () => ({ at: [1, () => n] }),
    oddLater: () => {
      const deferred = self.deferReply<unknown>();
      deferred.reply(Symbol('odd'));
      return deferred;
    },
  };
});

describeBeam('gen_server calls and casts', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
  });

  afterAll(() => lab?.close());

  it('go from ours to a gen_server, connecting on the way', async () => {
    const server = at<Server>(beam.name, 'server');
    expect(await node.call(server, 'add', 2)).toBe(2);
    node.cast(server, 'add', 3);
    expect(await node.call(server, 'get')).toBe(5);
    expect(await node.request(server, tuple(atom('echo'), [1, 2]))).toEqual([1, 2]);
  });

  it('are answered late without holding up others', async () => {
    const server = at<Server>(beam.name, 'server');
    const late = node.call(server, 'later', 300, 'late');
    expect(await node.call(server, 'echo', 'soon')).toBe('soon');
    expect(await late).toBe('late');
  });

  it('run out of time, and a late answer reaches nobody', async () => {
    const server = at<Server>(beam.name, 'server');
    await expect(
      node.request(server, tuple(atom('later'), 200, 'late'), { timeout: 20 }),
    ).rejects.toBeInstanceOf(CallTimeoutError);
    expect(await node.call(server, 'later', 250, 'later still')).toBe('later still');
  });

  it('many at once each get their own answer', async () => {
    const server = at<Server>(beam.name, 'server');
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    expect(await Promise.all(numbers.map((i) => node.call(server, 'echo', i)))).toEqual(numbers);
  });

  it('fail with noproc when nobody has the name', async () => {
    const error = await node.call(at<Server>(beam.name, 'nobody'), 'get').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ExitError);
    expect((error as ExitError).reason).toBe(atom('noproc'));
  });

  it('fail with noconnection when the node is not there', async () => {
    const error = await node.call(at<Server>('nobody@127.0.0.1', 'server'), 'get').catch((e: unknown) => e);
    expect((error as ExitError).reason).toBe(atom('noconnection'));
  });

  it('fail with the exit reason when the server ends meanwhile', async () => {
    const pid = await beam.eval('{ok, P} = gen_server:start(beamish_server, [], []), register(victim, P), P');
    expect(pid).toMatch(/^<0\./);
    const error = await node.call(at<Server>(beam.name, 'victim'), 'crash').catch((e: unknown) => e);
    expect((error as ExitError).reason).toBe(atom('crash'));
  });

  it('go from a BEAM to an actor of ours, by name and by pid', async () => {
    node.spawn(Counter, [40], { name: 'counter' });
    const to = `{counter, '${node.name}'}`;
    expect(await beam.eval(`gen_server:call(${to}, {add, 2})`)).toBe('42');
    expect(await beam.eval(`gen_server:cast(${to}, {add, 8}), gen_server:call(${to}, get)`)).toBe('50');

    const pid = node.whereis('counter');
    if (pid === undefined) throw new Error('counter is not registered');
    node.send(at(beam.name, 'server'), tuple(atom('here'), pid));
    // Answered after the send before it: both went from the same sender.
    await node.call(at<Server>(beam.name, 'server'), 'get');
    expect(await beam.eval(`[{here, P}] = gen_server:call(server, seen), gen_server:call(P, get)`)).toBe(
      '50',
    );
  });

  it('from a BEAM whose answer has no term fail for that caller alone, with the path to what is in the way', async () => {
    const pid = node.spawn(Counter, [6], { name: 'odd' });
    const to = `{odd, '${node.name}'}`;
    for (const [method, why] of [
      ['odd', /a function.*\.at\[1\]/],
      ['oddLater', /symbol/i],
    ] as const) {
      const said = await beam.eval(
        `{'EXIT', {{encode_error, Why}, {gen_server, call, _}}} = (catch gen_server:call(${to}, ${method})), Why`,
      );
      expect(said).toMatch(why);
    }
    expect(await beam.eval(`gen_server:call(${to}, {add, 2})`)).toBe('8');
    expect(node.isAlive(pid)).toBe(true);
    expect(node.inspect().counters['actor.unsendable_answer']).toBe(2);
  });

  it('from a BEAM many at once, each with its own answer', async () => {
    const answers = await beam.eval(`
      Test = self(),
      [spawn(fun() -> Test ! {I, gen_server:call({counter, '${node.name}'}, {add, 0})} end) || I <- lists:seq(1, 200)],
      [{sum, Sum}] = lists:usort([receive {I, A} -> {sum, A} end || I <- lists:seq(1, 200)]), Sum`);
    expect(answers).toBe('50');
  });

  it('by send_request and by multi_call', async () => {
    const to = `{counter, '${node.name}'}`;
    expect(await beam.eval(`gen_server:wait_response(gen_server:send_request(${to}, get), 5000)`)).toBe(
      '{reply,50}',
    );
    expect(await beam.eval(`gen_server:multi_call(['${node.name}'], counter, get, 5000)`)).toBe(
      `{[{'${node.name}',50}],[]}`,
    );
  });

  it('end with undef for the caller alone when the method is unknown', async () => {
    const to = `{counter, '${node.name}'}`;
    const said = await beam.eval(`catch gen_server:call(${to}, {no_such, 1})`);
    expect(said).toMatch(/^\{'EXIT',\{\{undef,/);
    expect(await beam.eval(`gen_server:call(${to}, get)`)).toBe('50');
  });

  it('end with noproc where no actor has the name', async () => {
    const said = await beam.eval(`catch gen_server:call({nobody, '${node.name}'}, get)`);
    expect(said).toMatch(/^\{'EXIT',\{noproc,/);
  });

  it('end with the reason of an actor that crashes meanwhile', async () => {
    node.spawn(Counter, [0], { name: 'victim' });
    const said = await beam.eval(`catch gen_server:call({victim, '${node.name}'}, crash)`);
    expect(said).toMatch(/^\{'EXIT',\{crash,/);
  });

  it('end with noconnection when our node stops meanwhile', async () => {
    const leaving = await lab.node('leaving');
    let asked: () => void = () => {};
    const called = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const Deaf = actor('deaf', (self) => ({
      hang: () => {
        asked();
        return new Promise<never>((_, reject) => {
          self.signal.addEventListener('abort', () => reject(self.signal.reason));
        });
      },
    }));
    leaving.spawn(Deaf, [], { name: 'deaf' });
    const answer = beam.eval(`catch gen_server:call({deaf, '${leaving.name}'}, hang, infinity)`);
    await called;
    await leaving.stop();
    // Which of the two is told first depends on how the node goes: its processes end before its links.
    expect(await answer).toMatch(/^\{'EXIT',\{(?:\{nodedown,|noconnection|shutdown)/);
  });

  it('tell a server who called: a pid of ours that it can send to', async () => {
    const pid = await node.call(at<Server>(beam.name, 'server'), 'who');
    expect(pid).toBeInstanceOf(Pid);
    expect(pid.node).toBe(node.name);
  });
});
