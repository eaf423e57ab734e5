import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Node } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab, once } from './lab.ts';

describeBeam('a BEAM node and ours', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
  });

  afterAll(() => lab?.close());

  it('ping each other: ours first', async () => {
    expect(await node.ping(beam.name)).toBe('pong');
    expect(node.nodes('connected')).toEqual([beam.name]);
    expect(await beam.eval('nodes(connected)')).toBe(`['${node.name}']`);
  });

  it('part when either side disconnects, and meet again: the BEAM first', async () => {
    const down = once(node, 'nodedown', beam.name);
    expect(await beam.eval(`erlang:disconnect_node('${node.name}')`)).toBe('true');
    await down;
    expect(node.nodes('connected')).toEqual([]);

    expect(await beam.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
    expect(node.nodes('connected')).toEqual([beam.name]);

    await beam.eval(`
      Test = self(),
      Watch = fun() ->
        ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
        Test ! watching,
        receive {nodedown, Node, _} -> receive {tell, To} -> To ! {down, Node} end end
      end,
      register(watcher, spawn(Watch)),
      receive watching -> ok end
    `);
    expect(node.disconnect(beam.name)).toBe(true);
    expect(await beam.eval('watcher ! {tell, self()}, receive {down, Node} -> Node end')).toBe(
      `'${node.name}'`,
    );
  });

  it('say pang to a name that nobody has', async () => {
    expect(await node.ping('nobody@127.0.0.1')).toBe('pang');
    expect(await beam.eval(`net_adm:ping('nobody@127.0.0.1')`)).toBe('pang');
  });

  it('keep the link alive through many tick times without a message', async () => {
    const quick = await lab.beam('quick', { flags: ['-kernel', 'net_ticktime', '2'] });
    const ours = await lab.node('ticking', { netTickTime: 2_000 });
    let downs = 0;
    ours.on('nodedown', () => {
      downs += 1;
    });
    await ours.connect(quick.name);
    // More than two tick times of either side: each must hear the other's ticks.
    await quick.eval('receive after 5000 -> ok end');
    expect(downs).toBe(0);
    expect(ours.nodes('connected')).toEqual([quick.name]);
  });

  it('give up a frozen BEAM after the tick time', async () => {
    const frozen = await lab.beam('frozen');
    const ours = await lab.node('impatient', { netTickTime: 800 });
    await ours.connect(frozen.name);
    const down = new Promise<string>((resolve) => {
      ours.on('nodedown', (_, reason) => resolve(reason));
    });
    frozen.signal('SIGSTOP');
    expect(await down).toBe('net_tick_timeout');
    frozen.signal('SIGCONT');
  });
});
