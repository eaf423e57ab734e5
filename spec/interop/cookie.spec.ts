import { afterAll, beforeAll, expect, it } from 'vitest';
import { HandshakeError, type Node } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab, once } from './lab.ts';

describeBeam('a wrong cookie', () => {
  let lab: Lab;
  let beam: Beam;
  let stranger: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, stranger] = await Promise.all([
      lab.beam('beam'),
      lab.node('stranger', { cookie: 'other_cookie' }),
    ]);
  });

  afterAll(() => lab?.close());

  it('of ours is refused by a BEAM', async () => {
    const error = await stranger.connect(beam.name).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HandshakeError);
    expect(String(error)).not.toContain('other_cookie');
    expect(await stranger.ping(beam.name)).toBe('pang');
    expect(await beam.eval('nodes(connected)')).toBe('[]');
  });

  it('of a BEAM is refused by ours', async () => {
    expect(await beam.eval(`net_adm:ping('${stranger.name}')`)).toBe('pang');
    expect(stranger.nodes('connected')).toEqual([]);
    expect(await beam.eval('nodes(connected)')).toBe('[]');
    expect(JSON.stringify(stranger.inspect())).not.toContain('cookie');
    expect(lab.log.join('\n')).not.toMatch(/lab_cookie|other_cookie/);
  });

  it('for one peer alone may be right: both sides keep cookies per peer', async () => {
    const guest = await lab.node('guest', { cookie: 'other_cookie', cookies: { [beam.name]: lab.cookie } });
    expect(await guest.ping(beam.name)).toBe('pong');
    const down = once(guest, 'nodedown', beam.name);
    guest.disconnect(beam.name);
    await down;
    expect(await beam.eval(`net_adm:ping('${guest.name}')`)).toBe('pong');
  });

  it('leaves both nodes as they were', async () => {
    const friend = await lab.node('friend');
    expect(await friend.ping(beam.name)).toBe('pong');
    const fellow = await lab.node('fellow', { cookie: 'other_cookie' });
    expect(await fellow.ping(stranger.name)).toBe('pong');
  });
});
