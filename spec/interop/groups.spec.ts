/** Groups shared with OTP's pg: ours and a BEAM's, both ways. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { atom, charlist, type Node, type Pid, type Self, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab, once } from './lab.ts';

describeBeam('groups of a BEAM node and ours', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours', { hidden: false })]);
    // A process that joins, leaves and ends on demand, and one that waits for a group to have so many members.
    await beam.eval(`
      {ok, _} = pg:start(pg),
      Loop = fun Loop() -> receive {ask, From, Fun} -> From ! {done, Fun()}, Loop(); stop -> ok end end,
      register(member, spawn(Loop)),
      ok = pg:join({room, 1}, whereis(member))
    `);
  });

  afterAll(() => lab?.close());

  const idle = (): Pid => node.spawn(async (self: Self) => void (await self.receive()));

  /** Resolves when a group here has so many members. */
  async function grown(
    group: unknown,
    size: number,
    groups: Pick<Node['groups'], 'members' | 'monitor'> = node.groups,
  ) {
    if (groups.members(group).length === size) return;
    await new Promise<void>((resolve) => {
      const watch = groups.monitor(group, () => {
        if (groups.members(group).length !== size) return;
        watch.stop();
        resolve();
      });
    });
  }

  /** The same on the BEAM: how often each of our pids is in. */
  const seen = (group: string, size: number, scope = 'pg') =>
    beam.eval(`
      Wait = fun Wait() ->
        case pg:get_members(${scope}, ${group}) of
          Members when length(Members) =:= ${size} -> lists:sort([node(P) || P <- Members]);
          _ -> timer:sleep(5), Wait()
        end
      end,
      Wait()
    `);

  it('are one from the first connection on', async () => {
    await node.groups.join(tuple(atom('room'), 2), idle());
    await node.connect(beam.name);
    await grown(tuple(atom('room'), 1), 1);
    expect(node.groups.members(tuple(atom('room'), 1)).map(({ node: name }) => name)).toEqual([beam.name]);
    expect(await seen('{room, 2}', 1)).toBe(`['${node.name}']`);
  });

  it('see joins, repeated joins, leaves and ends: ours on the BEAM', async () => {
    const [one, two] = [idle(), idle()];
    await node.groups.join('text', one);
    await node.groups.join('text', [one, two]);
    expect(await seen('<<"text">>', 3)).toBe(`['${node.name}','${node.name}','${node.name}']`);
    await node.groups.leave('text', one);
    await seen('<<"text">>', 2);
    node.exit(one, 'kill');
    await seen('<<"text">>', 1);
    await node.groups.join(tuple(atom('any'), charlist('term'), { key: [1.5] }), two);
    await seen('{any, "term", #{<<"key">> => [1.5]}}', 1);
    // In both groups at once: one message takes it out of all.
    node.exit(two, 'kill');
    await seen('<<"text">>', 0);
    await seen('{any, "term", #{<<"key">> => [1.5]}}', 0);
    expect(await beam.eval('lists:sort(pg:which_groups())')).toBe('[{room,1},{room,2}]');
  });

  it("see joins, leaves and ends: the BEAM's here", async () => {
    const told: unknown[] = [];
    node.groups.on('join', (group, pids) => told.push(['join', group, pids.length]));
    node.groups.on('leave', (group, pids) => told.push(['leave', group, pids.length]));
    await beam.eval('M = whereis(member), ok = pg:join(g, [M, M]), ok = pg:join(h, M), ok = pg:leave(g, M)');
    await grown(atom('h'), 1);
    await grown(atom('g'), 1);
    expect(told).toEqual([
      ['join', atom('g'), 2],
      ['join', atom('h'), 1],
      ['leave', atom('g'), 1],
    ]);
    await beam.eval('exit(whereis(member), kill)');
    await grown(atom('h'), 0);
    expect(node.groups.which()).toEqual([tuple(atom('room'), 2)]);
  });

  it('find each other again after a scope was killed on either side, and after the link was lost', async () => {
    await node.groups.join('again', idle());
    await seen('<<"again">>', 1);
    node.exit(node.whereis('pg')!, 'kill');
    await seen('<<"again">>', 1);
    await beam.eval(`
      Ref = monitor(process, pg), exit(whereis(pg), kill), receive {'DOWN', Ref, _, _, _} -> ok end,
      {ok, _} = pg:start(pg),
      ok = pg:join(after_kill, spawn(fun() -> receive stop -> ok end end))
    `);
    await grown(atom('after_kill'), 1);
    await seen('<<"again">>', 1);
    const down = once(node, 'nodedown', beam.name);
    await beam.eval(`erlang:disconnect_node('${node.name}')`);
    await down;
    await grown(atom('after_kill'), 0);
    expect(await beam.eval('pg:get_members(<<"again">>)')).toBe('[]');
    await node.connect(beam.name);
    await grown(atom('after_kill'), 1);
    await seen('<<"again">>', 1);
  });

  it('stay apart by scope, whichever side has it first', async () => {
    const chat = node.groups.scope('chat');
    await chat.join('room', idle());
    expect(await beam.eval('undefined = whereis(chat), {ok, _} = pg:start(chat), ok')).toBe('ok');
    await seen('<<"room">>', 1, 'chat');
    expect(await beam.eval('pg:get_members(<<"room">>)')).toBe('[]');
    await beam.eval(
      '{ok, _} = pg:start(theirs), ok = pg:join(theirs, x, spawn(fun() -> receive stop -> ok end end))',
    );
    await grown(atom('x'), 1, node.groups.scope('theirs'));
  });

  it('come as one big sync where there are many', async () => {
    const some = Array.from({ length: 50 }, idle);
    const many = Array.from({ length: 60 }, () => some).flat();
    await node.groups.join('many', many);
    await beam.eval('{ok, _} = pg:start(big)');
    const big = node.groups.scope('big');
    await big.join('many', many);
    await seen('<<"many">>', 3_000);
    await seen('<<"many">>', 3_000, 'big');
    for (const pid of some) node.exit(pid, 'kill');
    await seen('<<"many">>', 0, 'big');
    await seen('<<"many">>', 0);
  });

  it('never sent the BEAM what its scope does not know', async () => {
    // The scopes of OTP end at the first such message; these are the ones that were started.
    expect(
      await beam.eval(`
        Info = fun(N) -> element(2, process_info(whereis(N), message_queue_len)) end,
        [{N, is_pid(whereis(N)), Info(N)} || N <- [pg, chat, theirs, big]]
      `),
    ).toBe('[{pg,true,0},{chat,true,0},{theirs,true,0},{big,true,0}]');
    expect(node.inspect().counters['groups.ignored.malformed']).toBe(undefined);
  });
});
