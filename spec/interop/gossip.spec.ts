import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { gossip, startNode } from '../../src/index.ts';
import { freeGossipPort, seeker } from '../discovery/seeker.ts';
import { type Beam, describeBeam, type Epmd, startBeam, startEpmd } from '../support/beam.ts';

const GOSSIPER = fileURLToPath(new URL('./fixtures/gossiper.erl', import.meta.url));
const COOKIE = 'gossip_cookie';

interface Gossiper {
  readonly port: number;
  readonly group?: string;
  readonly secret?: string;
  readonly habits?: readonly ('speak' | 'connect')[];
}

describeBeam('an Erlang node that gossips like libcluster', () => {
  let epmd: Epmd;
  let beam: Beam;

  beforeAll(async () => {
    epmd = await startEpmd();
    beam = await startBeam({ name: 'beam@127.0.0.1', cookie: COOKIE, epmdPort: epmd.port });
    await beam.load(GOSSIPER);
  });

  afterAll(async () => {
    await beam?.stop();
    await epmd?.stop();
  });

  /** Starts one gossiper in the Erlang node, under this registered name, for the length of the test. */
  async function gossiper(name: string, options: Gossiper): Promise<void> {
    const { port, group = '230.1.1.251', secret, habits = ['speak'] } = options;
    const key = secret === undefined ? 'none' : `<<"${secret}"/utf8>>`;
    const address = `{${group.replaceAll('.', ',')}}`;
    await beam.eval(
      `register(${name}, gossiper:start(${port}, ${address}, {127,0,0,1}, ${key}, [${habits.join(',')}]))`,
    );
    onTestFinished(async () => {
      await beam.eval(`Pid = whereis(${name}), unregister(${name}), exit(Pid, kill)`);
    });
  }

  for (const group of ['230.1.1.251', '233.252.1.32'])
    for (const secret of [undefined, 'sésame'])
      it(`is heard and hears us on ${group}, ${secret === undefined ? 'plain' : 'with a secret'}`, async () => {
        const { port } = await freeGossipPort();
        await gossiper('one', { port, group, ...(secret === undefined ? {} : { secret }) });
        const node = await seeker('node@127.0.0.1', {
          port,
          multicastIf: '127.0.0.1',
          ...(secret === undefined ? {} : { secret }),
        });
        await node.heard('beam@127.0.0.1');
        expect(await beam.eval(`gossiper:wait(whereis(one), 'node@127.0.0.1')`)).toBe('ok');
        expect(node.lines).toEqual([]);
      });

  it('is not heard when it has another secret, nor hears us', async () => {
    const { port } = await freeGossipPort();
    await gossiper('stranger', { port, secret: 'theirs' });
    await gossiper('friend', { port, secret: 'ours', habits: [] });
    const node = await seeker('node@127.0.0.1', { port, multicastIf: '127.0.0.1', secret: 'ours' });
    await beam.eval(`gossiper:wait(whereis(friend), 'node@127.0.0.1')`);
    expect(await beam.eval('gossiper:heard(whereis(stranger))')).not.toContain('node@');
    expect([...node.up]).toEqual([]);
  });

  for (const [alive, title, habits, secret] of [
    ['both', 'speaks and connects, as libcluster does', ['speak', 'connect'], undefined],
    ['secret', 'speaks and connects, with a secret', ['speak', 'connect'], 'sésame'],
    ['caller', 'only speaks: we connect', ['speak'], undefined],
    ['called', 'only hears: it connects', ['connect'], undefined],
  ] as const)
    it(`and a whole Beamish node are one cluster soon, when it ${title}`, async () => {
      const { port } = await freeGossipPort();
      await gossiper('one', { port, habits, ...(secret === undefined ? {} : { secret }) });
      await using node = await startNode({
        name: `${alive}@127.0.0.1`,
        cookie: COOKIE,
        epmd: { mode: 'external', port: epmd.port },
        discovery: gossip({ port, multicastIf: '127.0.0.1', ...(secret === undefined ? {} : { secret }) }),
      });
      await new Promise<void>((resolve) => {
        node.on('nodeup', (name) => {
          if (name === 'beam@127.0.0.1') resolve();
        });
        if (node.nodes('connected').includes('beam@127.0.0.1')) resolve();
      });
      // Of the two ends of a handshake one is up a moment before the other.
      const seen = await beam.eval(`
        net_kernel:monitor_nodes(true, [{node_type, all}]),
        case lists:member('${alive}@127.0.0.1', nodes(connected)) of
          true -> ok;
          false -> receive {nodeup, '${alive}@127.0.0.1', _} -> ok after 10000 -> timeout end
        end`);
      expect(seen).toBe('ok');
    });
});
