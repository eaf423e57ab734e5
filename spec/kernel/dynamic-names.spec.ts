import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, atom, type Node, startNode } from '../../src/index.ts';
import { collector, Nodes, once } from '../support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** A node that asks `giver` for its name. */
async function nameless(giver: Node, options: object = {}): Promise<Node> {
  const { name: _, ...rest } = nodes.options();
  const node = await startNode({ ...rest, namedBy: giver.name, ...options });
  nodes.atEnd(() => node.stop());
  return node;
}

describe('a node that asks another for its name', () => {
  it('has one when it is started, and both can call each other', async () => {
    const giver = await nodes.start();
    const node = await nameless(giver);
    expect(node.name).toMatch(/^[0-9A-Z]{5,13}@127\.0\.0\.1$/);
    expect(node.creation).toBeGreaterThanOrEqual(4);
    expect(node.port).toBeUndefined();
    expect(giver.nodes('hidden')).toEqual([node.name]);
    expect(giver.inspect().connections).toMatchObject([{ name: node.name, creation: node.creation }]);
    const [here, there] = [collector(node, 'sink'), collector(giver, 'sink')];
    expect(here.pid).toMatchObject({ node: node.name, creation: node.creation });
    node.send(at(giver.name, 'sink'), here.pid);
    expect(await there.take(1)).toEqual([here.pid]);
    giver.send(here.pid, 'to the pid');
    giver.send(at(node.name, 'sink'), 'to the name');
    expect(await here.take(2)).toEqual(['to the pid', 'to the name']);
    expect([await node.ping(giver.name), await giver.ping(node.name)]).toEqual(['pong', 'pong']);
    expect(node.inspect().name).toBe(node.name);
  });

  it('may say its host, and connects to others under the name it has', async () => {
    const [giver, other] = await nodes.pair();
    const node = await nameless(giver, { name: 'undefined@10.1.2.3' });
    expect(node.name).toMatch(/@10\.1\.2\.3$/);
    expect(await node.ping(other.name)).toBe('pong');
    expect(other.nodes('connected')).toEqual([node.name]);
  });

  it('shares its name with nobody', async () => {
    const giver = await nodes.start();
    const all = await Promise.all([1, 2, 3, 4, 5].map(() => nameless(giver)));
    expect(new Set(all.map(({ name }) => name)).size).toBe(5);
    expect(giver.nodes('connected').sort()).toEqual(all.map(({ name }) => name).sort());
  });

  it('loses all its links with the one to the giver, and connects no more', async () => {
    const [giver, other] = await nodes.pair();
    const node = await nameless(giver);
    await node.connect(other.name);
    const down = once(node, 'nodedown', other.name);
    giver.disconnect(node.name);
    expect(await down).toBe('name_lost');
    await expect(node.connect(giver.name)).rejects.toThrow(/has lost its name with the connection to/);
    await expect(node.call(at(other.name, 'sink'), 'get')).rejects.toMatchObject({
      reason: atom('noconnection'),
    });
    expect(node.nodes('connected')).toEqual([]);
  });

  it('does not start when it gets none: not allowed, no such node, another cookie', async () => {
    const giver = await nodes.start({ allow: ['10.9.9.9'] });
    await expect(nameless(giver)).rejects.toMatchObject({
      code: 'HandshakeError',
      message: expect.stringContaining('not_allowed'),
    });
    expect(await nameless(giver, { name: 'undefined@10.9.9.9' })).toBeDefined();
    const open = await nodes.start({ name: nodes.name('b') });
    await expect(nameless(open, { cookie: 'another' })).rejects.toThrow(/cookies may differ/);
    await expect(nameless(open, { namedBy: nodes.name('nobody') })).rejects.toThrow(/no node named/);
    expect(open.nodes('connected')).toEqual([]);
  });
});
