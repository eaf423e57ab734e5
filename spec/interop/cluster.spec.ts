import { afterAll, beforeAll, expect, it } from 'vitest';
import { actor, at, type Node } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab, once } from './lab.ts';

interface Server {
  add(by: number): number;
  get(): number;
}

const Counter = actor('counter', () => {
  let n = 0;
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
  };
});

describeBeam('two BEAM nodes and two of ours', () => {
  let lab: Lab;
  let beams: Beam[];
  let nodes: Node[];

  beforeAll(async () => {
    lab = await Lab.open();
    [beams, nodes] = await Promise.all([
      Promise.all([lab.beam('alpha'), lab.beam('beta')]),
      Promise.all([lab.node('one'), lab.node('two')]),
    ]);
    for (const node of nodes) node.spawn(Counter, [], { name: 'counter' });
  });

  afterAll(() => lab?.close());

  const names = () => [...beams, ...nodes].map((member) => member.name).sort();
  const others = (name: string) => names().filter((other) => other !== name);

  it('form one cluster in which each is connected to each, once', async () => {
    for (const node of nodes) {
      for (const peer of others(node.name)) expect(await node.ping(peer)).toBe('pong');
    }
    expect(await beams[0]?.eval(`net_adm:ping('${beams[1]?.name}')`)).toBe('pong');
    for (const node of nodes) expect(node.nodes('connected').sort()).toEqual(others(node.name));
    for (const beam of beams) {
      const expected = others(beam.name).map((name) => `'${name}'`);
      expect(await beam.eval('lists:sort(nodes(connected))')).toBe(`[${expected.join(',')}]`);
    }
  });

  it('call each other in every direction', async () => {
    for (const node of nodes) {
      for (const beam of beams)
        expect(await node.call(at<Server>(beam.name, 'server'), 'add', 1)).toBeGreaterThan(0);
      for (const peer of nodes) {
        expect(await node.call(at<typeof Counter>(peer.name, 'counter'), 'add', 1)).toBeGreaterThan(0);
      }
    }
    for (const beam of beams) {
      for (const node of nodes) await beam.eval(`gen_server:call({counter, '${node.name}'}, {add, 1})`);
    }
    for (const beam of beams) expect(await beam.eval('gen_server:call(server, get)')).toBe('2');
    for (const node of nodes)
      expect(await node.call(at<typeof Counter>(node.name, 'counter'), 'get')).toBe(4);
  });

  it('all connect at the same moment and still share one link each', async () => {
    for (const node of nodes) {
      for (const peer of node.nodes('connected')) {
        const down = once(node, 'nodedown', peer);
        node.disconnect(peer);
        await down;
      }
    }
    const pings = nodes.flatMap((node) => others(node.name).map((peer) => node.ping(peer)));
    const theirs = beams.map((beam) =>
      beam.eval(
        `[net_adm:ping(N) || N <- [${others(beam.name)
          .map((n) => `'${n}'`)
          .join(',')}]]`,
      ),
    );
    expect(await Promise.all(pings)).toEqual(pings.map(() => 'pong'));
    for (const answer of await Promise.all(theirs)) expect(answer).toBe('[pong,pong,pong]');
    for (const node of nodes) expect(node.nodes('connected').sort()).toEqual(others(node.name));
  });

  it('notice when a BEAM is killed, and take it back when it starts again', async () => {
    const [alpha] = beams;
    if (alpha === undefined) throw new Error('no alpha');
    const downs = nodes.map((node) => once(node, 'nodedown', alpha.name));
    await alpha.kill();
    await Promise.all(downs);
    const again = await lab.beam('alpha');
    beams[0] = again;
    for (const node of nodes) expect(await node.ping(again.name)).toBe('pong');
    expect(await nodes[0]?.call(at<Server>(again.name, 'server'), 'get')).toBe(0);
  });
});
