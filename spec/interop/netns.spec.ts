/** Hosts that are network namespaces on a bridge: what gossip does on networks that come, go, lose and split. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DELAY_MS } from '../support/netns/disturbance.ts';
import { describeNetns, type Host, itOnBadCables, NetLab } from '../support/netns/lab.ts';

const PORT = 45_893;
const TICK = { netTickTime: 1_500 };
const MiB = 1024 * 1024;

describeNetns('hosts on one network', () => {
  let lab: NetLab;
  let lan: string;

  beforeEach(() => {
    lab = new NetLab();
    lan = lab.bridge('lan');
  });

  afterEach(() => lab.close());

  const host = (number: number): Host =>
    lab.host(`h${number}`, { bridge: lan, address: `10.77.0.${number}` });
  const gossip = { port: PORT };

  /** Starts a node on each host at once: `n@address`. */
  const startAll = (hosts: readonly Host[], options: Parameters<Host['start']>[1] = { gossip }) =>
    Promise.all(hosts.map((one) => one.start('n', options)));

  const fullMesh = async (hosts: readonly Host[], since = hosts.map(() => 0)): Promise<void> => {
    await Promise.all(
      hosts.flatMap((one, index) =>
        hosts.filter((other) => other !== one).map((other) => one.nodeUp(`n@${other.address}`, since[index])),
      ),
    );
  };

  it('find each other by multicast, three of them, with libcluster’s defaults but for the port', async () => {
    const hosts = [host(1), host(2), host(3)];
    await startAll(hosts);
    await fullMesh(hosts);
  });

  it('find each other by seals, and reach each other without a port mapper', async () => {
    const hosts = [host(1), host(2)];
    await startAll(hosts, { epmd: { mode: 'off' }, gossip: { ...gossip, seal: 'secretbox', secret: 's' } });
    await fullMesh(hosts);
  });

  it('find each other by broadcast alone', async () => {
    const hosts = [host(1), host(2), host(3)];
    await startAll(hosts, { gossip: { ...gossip, broadcastOnly: true } });
    await fullMesh(hosts);
  });

  it('join when their link comes up after the start, without a restart', async () => {
    const [early, late] = [host(1), host(2)];
    late.linkDown();
    await early.start('n', { gossip });
    await late.start('n', { gossip, listen: { host: '0.0.0.0' } });
    await late.until(
      'a word about the group',
      ({ message }) => message?.includes('cannot join group') === true,
    );
    late.linkUp();
    await fullMesh([early, late]);
  });

  it('join when the interface that multicastIf names comes up after the start', async () => {
    const [early, late] = [host(1), host(2)];
    late.linkDown();
    const options = { gossip: { ...gossip, multicastIf: 'eth0' }, listen: { host: '0.0.0.0' } };
    await Promise.all([early.start('n', options), late.start('n', options)]);
    await late.until('a word', ({ message }) => message?.includes('"eth0" is down') === true);
    late.linkUp();
    await fullMesh([early, late]);
  });

  it('find each other by an IPv6 group, whose members have no address but their own link’s', async () => {
    const hosts = [host(1), host(2)];
    const six = { ...gossip, multicastAddr: 'ff02::4d' };
    await Promise.all([
      hosts[0]!.start('n', { gossip: six }),
      hosts[1]!.start('n', { gossip: { ...six, multicastIf: 'eth0' } }),
    ]);
    await fullMesh(hosts);
  });

  it.each([
    ['', {}],
    [', chosen by multicastIf', { multicastIf: 'eth0' }],
  ])(
    'hear newcomers again after an interface was taken away and came back the same%s',
    async (_how, chosen) => {
      const [left, right] = [host(1), host(2)];
      // A second between heartbeats at most: the silence is noticed after five.
      const options = {
        gossip: { ...gossip, ...chosen, heartbeatPause: 1_000 },
        listen: { host: '0.0.0.0' },
      };
      await left.start('n', options);
      left.tell('debug on');
      await left.until('itself', ({ message }) => message?.includes('heard ourselves') === true);
      left.replaceLink();
      await left.until('a word', ({ message }) => message?.includes('joining again') === true);
      const { 'gossip.heard': before = 0 } = await left.counters();
      await right.start('n', options);
      await fullMesh([left, right]);
      const { 'gossip.heard': after = 0 } = await left.counters();
      expect(after).toBeGreaterThan(before);
    },
  );

  it('lose each other when they are parted and meet again when they are healed', async () => {
    const hosts = [host(1), host(2), host(3)];
    await startAll(hosts, { gossip, ...TICK });
    await fullMesh(hosts);
    const [alone, ...others] = hosts as [Host, Host, Host];
    const marks = hosts.map((one) => one.mark());
    alone.unplug();
    await Promise.all(
      others.flatMap((one, index) => [
        one.nodeDown(`n@${alone.address}`, marks[index + 1]),
        alone.nodeDown(`n@${one.address}`, marks[0]),
      ]),
    );
    // The two that stayed together never lost each other.
    const parted = hosts.map((one) => one.mark());
    alone.plug();
    await Promise.all(
      others.flatMap((one, index) => [
        one.nodeUp(`n@${alone.address}`, parted[index + 1]),
        alone.nodeUp(`n@${one.address}`, parted[0]),
      ]),
    );
    for (const one of others) expect(one.met).toHaveLength(3);
  });

  it('lose the half of a big message that a cut cable left, and nothing else', async () => {
    const [left, right] = [host(1), host(2)];
    const [, there] = await startAll([left, right], { gossip, ...TICK });
    await fullMesh([left, right]);
    const marks = [left.mark(), right.mark()];
    // The reader stops in the middle, so that the rest is still to come when the cable is cut.
    right.tell(`hold ${8 * MiB}`);
    left.tell(`blast ${there} ${64 * MiB}`);
    await right.until('held', ({ event }) => event === 'held');
    left.unplug();
    right.tell('go');
    await Promise.all([left.nodeDown(there!, marks[0]), right.nodeDown(`n@${left.address}`, marks[1])]);
    const parted = [left.mark(), right.mark()];
    left.plug();
    await fullMesh([left, right], parted);
    left.tell(`blast ${there} 7`);
    await right.until('message', ({ event }) => event === 'message');
    expect(right.got).toEqual([7]);
  });

  it('connect anew when one died unheard behind a cut cable and is back before it was missed', async () => {
    const [left, right] = [host(1), host(2)];
    await startAll([left, right], { gossip });
    await fullMesh([left, right]);
    const [mark, ownMark] = [left.mark(), right.mark()];
    right.unplug();
    await right.stop();
    right.plug();
    await right.start('n', { gossip });
    // Its tick time is a minute: only the new life's call tells it.
    await left.nodeDown(`n@${right.address}`, mark);
    await Promise.all([left.nodeUp(`n@${right.address}`, mark), right.nodeUp(`n@${left.address}`, ownMark)]);
  });

  it('with two interfaces, meet those behind the one that multicastIf names', async () => {
    const other = lab.bridge('other');
    const left = lab.host('left', { bridge: lan, address: '10.77.0.1' });
    const right = lab.host('right', { bridge: other, address: '10.78.0.1' });
    const middle = lab.host(
      'middle',
      { bridge: lan, address: '10.77.0.2' },
      { bridge: other, address: '10.78.0.2' },
    );
    await Promise.all([left.start('n', { gossip }), right.start('n', { gossip })]);
    await middle.start('n', { address: '10.78.0.2', gossip: { ...gossip, multicastIf: 'eth1' } });
    await Promise.all([middle.nodeUp('n@10.78.0.1'), right.nodeUp('n@10.78.0.2')]);
    // All that the left one has heard are its own datagrams, and it has heard each of them.
    const { 'gossip.heard': heard = 0, 'gossip.sent': sent } = await left.counters();
    expect(heard).toBe(sent);
    await middle.stop();
    await middle.start('n', { gossip });
    await Promise.all([middle.nodeUp('n@10.77.0.1'), left.nodeUp('n@10.77.0.2')]);
    expect(left.met).toEqual(['n@10.77.0.2']);
  });

  itOnBadCables('find each other although 30% is lost and the rest is 200 ms late', async (by) => {
    const hosts = [host(1), host(2), host(3)];
    await Promise.all(hosts.map((one) => one.disturb(by)));
    await startAll(hosts);
    await fullMesh(hosts);
    // All of it is true: what one asks the other is answered after two delays, and frames of each are lost.
    expect(await hosts[0]!.pingMs(`n@${hosts[1]!.address}`)).toBeGreaterThanOrEqual(2 * DELAY_MS);
    const lost = await Promise.all(hosts.map((one) => one.lost()));
    expect(Math.min(...lost)).toBeGreaterThan(0);
  });
});
