/** Our side of a Phoenix.PubSub, and a BEAM that does to the letter what its adapter does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { joinPubSub } from '../../examples/phoenix/pubsub.ts';
import { atom, atoms, type Node, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const GROUP = "'Elixir.MyApp.PubSub.Adapter'";
const SCOPE = "'Elixir.Phoenix.PubSub'";

describeBeam('a node of ours in a Phoenix.PubSub', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;
  let other: Node;
  let pubsub: ReturnType<typeof joinPubSub>;
  let theirs: ReturnType<typeof joinPubSub>;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node, other] = await Promise.all([
      lab.beam('beam'),
      lab.node('ours', { hidden: false }),
      lab.node('other', { hidden: false }),
    ]);
    pubsub = joinPubSub(node, 'MyApp.PubSub', 2);
    theirs = joinPubSub(other, 'MyApp.PubSub', 2);
    // A member under the group's name that keeps what it is sent.
    await beam.eval(`
      {ok, _} = pg:start(${SCOPE}),
      Loop = fun Loop(Kept) ->
        receive {look, From} -> From ! {kept, lists:reverse(Kept)}, Loop(Kept); M -> Loop([M | Kept]) end
      end,
      Pid = spawn(fun() -> Loop([]) end),
      register(${GROUP}, Pid),
      ok = pg:join(${SCOPE}, ${GROUP}, Pid)
    `);
    await Promise.all([node.connect(beam.name), node.connect(other.name), other.connect(beam.name)]);
  });

  afterAll(() => lab?.close());

  const heard = (on: typeof pubsub, topic: string) =>
    new Promise((resolve) => {
      const stop = on.subscribe(topic, (message) => {
        stop();
        resolve(message);
      });
    });
  const kept = (expected: string) =>
    beam.eval(`${GROUP} ! {look, self()}, receive {kept, List} -> List =:= ${expected} end`);

  it('knows all the others', async () => {
    const all = [beam.name, other.name, node.name].sort();
    await expect.poll(() => pubsub.nodes().sort()).toEqual(all);
    await expect.poll(() => theirs.nodes().sort()).toEqual(all);
  });

  it('is a member of each group of the pool, and joins anew when its process is killed', async () => {
    for (const group of [GROUP, "'Elixir.MyApp.PubSub.Adapter_2'"])
      expect(
        await beam.eval(
          `lists:sort([node(P) || P <- pg:get_members(${SCOPE}, ${group}), node(P) =/= node()])`,
        ),
      ).toBe(`['${other.name}','${node.name}']`);
    node.exit(node.whereis('Elixir.MyApp.PubSub.Adapter')!, 'kill');
    await expect
      .poll(() => beam.eval(`[P || P <- pg:get_members(${SCOPE}, ${GROUP}), node(P) =:= '${node.name}']`))
      .not.toBe('[]');
    await expect.poll(() => theirs.nodes()).toHaveLength(3);
  });

  it('hears what Elixir broadcasts, to all and to it alone', async () => {
    const all = [heard(pubsub, 'room:1'), heard(theirs, 'room:1')];
    await beam.eval(`
      [P ! {forward_to_local, <<"room:1">>, {new, #{id => 1, text => <<"hi">>}}, 'Elixir.Phoenix.PubSub'}
        || P <- pg:get_members(${SCOPE}, ${GROUP}), node(P) =/= node()]
    `);
    const message = tuple(atom('new'), atoms({ id: 1, text: 'hi' }));
    expect(await Promise.all(all)).toEqual([message, message]);

    const alone = heard(pubsub, 'room:2');
    await beam.eval(
      `{${GROUP}, '${node.name}'} ! {forward_to_local, <<"room:2">>, alone, 'Elixir.Phoenix.PubSub'}`,
    );
    expect(await alone).toBe(atom('alone'));
  });

  it("broadcasts to Elixir's subscribers, our own, and those of one node", async () => {
    const both = [heard(pubsub, 'room:3'), heard(theirs, 'room:3')];
    const payload = atoms({
      __struct__: atom('Elixir.Phoenix.Socket.Broadcast'),
      topic: 'room:3',
      event: 'new_msg',
      payload: { body: 'hi' },
    });
    pubsub.broadcast('room:3', payload, 'Phoenix.Channel.Server');
    expect(await Promise.all(both)).toEqual([payload, payload]);
    pubsub.directBroadcast(beam.name, 'room:4', 1);
    const struct = `#{'__struct__' => 'Elixir.Phoenix.Socket.Broadcast', topic => <<"room:3">>,
      event => <<"new_msg">>, payload => #{<<"body">> => <<"hi">>}}`;
    const sent = `[{forward_to_local, <<"room:3">>, ${struct}, 'Elixir.Phoenix.Channel.Server'},
      {forward_to_local, <<"room:4">>, 1, 'Elixir.Phoenix.PubSub'}]`;
    await expect.poll(() => kept(sent)).toBe('true');
  });

  it('ignores what is none of that', async () => {
    const next = heard(pubsub, 'room:5');
    const adapter = node.whereis('Elixir.MyApp.PubSub.Adapter')!;
    other.send(adapter, tuple(atom('forward_to_local'), 'room:5'));
    other.send(adapter, 'text');
    other.send(adapter, tuple(atom('forward_to_local'), 'room:5', 'last', atom('x')));
    expect(await next).toBe('last');
    expect(node.whereis('Elixir.MyApp.PubSub.Adapter')).toBe(adapter);
  });
});
