import { describe, expect, it } from 'vitest';
import type { Stream } from '../../src/env/streams.ts';
import { SimNetwork, simEnv } from '../../src/testing/index.ts';
import { Recorded, streamsSuite } from '../support/env/streams-suite.ts';

for (const borrows of [false, true]) {
  streamsSuite(`streams over a simulated network${borrows ? ', whose bytes are borrowed' : ''}`, () => {
    const network = new SimNetwork({ seed: 1, loss: 0.1 });
    const { streams } = simEnv(network, 'only@10.0.0.9');
    return { streams, host: '10.0.0.9', until: (promise) => network.clock.run(promise), borrows };
  });
}

/** A stream between two machines. */
async function pair(options: ConstructorParameters<typeof SimNetwork>[0] = {}) {
  const network = new SimNetwork({ latencyMs: 5, ...options });
  const a = simEnv(network, 'a@one');
  const b = simEnv(network, 'b@two');
  const accepted: Stream[] = [];
  let far!: Recorded;
  const listener = await network.clock.run(
    b.streams.listen({ port: 0 }, (stream) => {
      accepted.push(stream);
      far = new Recorded(stream);
    }),
  );
  const connect = () =>
    a.streams.connect({ host: 'two', port: listener.port, timeoutMs: 5_000 }).then((s) => new Recorded(s));
  const near = await network.clock.run(connect());
  return { network, a, b, near, far, connect, listener };
}

describe('a stream between two simulated machines', () => {
  it('takes the time of its link', async () => {
    const { network, near, far } = await pair();
    expect(network.clock.nowMs()).toBe(10);
    near.stream.write(Buffer.from('hello'));
    await network.clock.advance(4);
    expect(far.received).toHaveLength(0);
    await network.clock.advance(1);
    expect(far.received.toString()).toBe('hello');
  });

  it('keeps its order and loses nothing where datagrams would be lost', async () => {
    const { network, near, far } = await pair({ latencyMs: [0, 500], loss: 0.5 });
    const sent = Array.from({ length: 200 }, (_, number) => `${number},`);
    for (const text of sent) near.stream.write(Buffer.from(text));
    await network.clock.run(far.bytes(sent.join('').length));
    expect(far.received.toString()).toBe(sent.join(''));
  });

  it('keeps back what is sent into a partition, and delivers it when it heals', async () => {
    const { network, near, far } = await pair();
    network.cut('a@one', 'b@two');
    near.stream.write(Buffer.from('held'));
    far.stream.write(Buffer.from('open'));
    await network.clock.advance(60_000);
    expect([far.received.toString(), near.received.toString()]).toEqual(['', 'open']);
    near.stream.write(Buffer.from(' back'));
    network.heal();
    await network.clock.run(far.bytes(9));
    expect(far.received.toString()).toBe('held back');
  });

  it('holds back what was under way when the link was cut', async () => {
    const { network, near, far } = await pair();
    near.stream.write(Buffer.from('under way'));
    await network.clock.advance(2);
    network.cut('a@one', 'b@two');
    await network.clock.advance(1_000);
    expect(far.received).toHaveLength(0);
    network.restore('a@one', 'b@two');
    await network.clock.run(far.bytes(9));
  });

  it('breaks when nothing gets through for a quarter of an hour', async () => {
    const { network, near } = await pair();
    network.cut('a@one', 'b@two');
    near.stream.write(Buffer.from('never'));
    const error = await network.clock.run(near.closed);
    expect(error?.cause).toMatchObject({ code: 'ETIMEDOUT' });
    expect(network.clock.nowMs()).toBeGreaterThan(900_000);
  });

  it('is told at once when the far process dies', async () => {
    const { network, b, near } = await pair();
    b.kill(false);
    const error = await network.clock.run(near.closed);
    expect(error?.cause).toMatchObject({ code: 'ECONNRESET' });
    expect(network.clock.nowMs()).toBe(15);
  });

  it('hears nothing from a machine that lost power, and a reset once it is back', async () => {
    const { network, b, near, far, connect } = await pair();
    b.kill(true);
    near.stream.write(Buffer.from('anybody?'));
    await network.clock.advance(60_000);
    expect([near.closedCount, far.closedCount]).toEqual([0, 0]);
    await expect(network.clock.run(connect())).rejects.toMatchObject({ cause: { code: 'ETIMEDOUT' } });
    simEnv(network, 'b@two');
    near.stream.write(Buffer.from('and now?'));
    const error = await network.clock.run(near.closed);
    expect(error?.cause).toMatchObject({ code: 'ECONNRESET' });
    await expect(network.clock.run(connect())).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  it('cannot be made across a partition; a call that still waits gets through when it heals', async () => {
    const { network, connect } = await pair();
    network.cut('b@two', 'a@one');
    network.cut('a@one', 'b@two');
    await expect(network.clock.run(connect())).rejects.toMatchObject({ cause: { code: 'ETIMEDOUT' } });
    const patient = connect();
    patient.catch(() => {});
    await network.clock.advance(2_000);
    network.heal();
    const startedMs = network.clock.nowMs();
    await network.clock.run(patient);
    expect(network.clock.nowMs() - startedMs).toBeLessThan(3_000);
  });

  it('is not found under a name that no machine has', async () => {
    const { network, a } = await pair();
    const lost = a.streams.connect({ host: 'nowhere', port: 1 });
    await expect(network.clock.run(lost)).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } });
  });

  it('lets a dead process run no more code', async () => {
    const { network, a, near, far } = await pair();
    let ran = 0;
    a.clock.setTimeout(() => ran++, 10);
    a.clock.setImmediate(() => ran++);
    a.kill(true);
    far.stream.write(Buffer.from('too late'));
    expect(near.stream.write(Buffer.from('too late'))).toBe(false);
    await network.clock.advance(100);
    expect(ran).toBe(0);
    expect(near.received).toHaveLength(0);
  });
});
