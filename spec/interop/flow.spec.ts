import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, atom, type Node, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { inProcess, Lab, once } from './lab.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Memory outside of the engine's heap, where messages wait. */
const bufferBytes = (): number => process.memoryUsage().arrayBuffers;

describeBeam('a peer that stops reading', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
    // Counts what comes in order, and answers {Pid, how_many} with the count.
    await node.connect(beam.name);
  });

  afterAll(() => lab?.close());

  it.each([
    ['whole frames', 10 * KIB],
    ['fragments', 600 * KIB],
  ])(
    'costs a sender that minds `send` a bounded queue and no time, and loses nothing: %s',
    async (_, bytes) => {
      const data = new Uint8Array(bytes).fill(255);
      // Counts what comes in order, and answers {Pid, how_many} with the count.
      await beam.eval(`catch unregister(count),
      Count = fun F(N) -> receive {From, how_many} -> From ! N, F(N); {N, _} -> F(N + 1) end end,
      register(count, spawn(fun() -> Count(0) end))`);
      beam.signal('SIGSTOP');
      let sent = 0;
      let mostBytes = 0;
      const counted = inProcess(node, async (self) => {
        // The systems' buffers take some; then nothing more, for as long as the peer stands.
        const full = new AbortController();
        for (;;) {
          if (self.send(at(beam.name, 'count'), tuple(sent++, data))) continue;
          mostBytes = Math.max(mostBytes, node.inspect().connections[0]!.unsentBytes);
          // No guess: what a stopped peer's system takes it takes at once, and a second too short only sends less.
          const timer = setTimeout(() => full.abort(), 1_000);
          try {
            await self.drained(beam.name, { signal: full.signal });
          } catch {
            break;
          } finally {
            clearTimeout(timer);
          }
        }
        // A second of standing still takes next to no processor time.
        // The length of the measurement.
        const before = performance.eventLoopUtilization();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const { utilization } = performance.eventLoopUtilization(before);
        beam.signal('SIGCONT');
        await self.drained(beam.name);
        for (;;) {
          self.send(at(beam.name, 'count'), tuple(self.pid, atom('how_many')));
          if ((await self.receive<number>({ timeout: 20_000 })) === sent) return utilization;
        }
      });
      const utilization = await counted;
      expect(sent).toBeGreaterThan(3);
      expect(mostBytes).toBeGreaterThan(MIB);
      expect(mostBytes).toBeLessThan(2 * MIB + bytes);
      expect(utilization).toBeLessThan(0.8);
      expect(node.nodes('connected')).toContain(beam.name);
    },
    60_000,
  );

  it('costs a sender that does not mind the link, and not the heap', async () => {
    const limitBytes = 8 * MIB;
    const hasty = await lab.node('hasty', { limits: { unsentBytes: limitBytes } });
    await hasty.connect(beam.name);
    const before = bufferBytes();
    const down = once(hasty, 'nodedown', beam.name);
    let isUp = true;
    void down.then(() => {
      isUp = false;
    });
    let mostBytes = 0;
    beam.signal('SIGSTOP');
    try {
      // Two senders, so that fragments of the one do not hide behind those of the other.
      const data = new Uint8Array(300 * KIB).fill(255);
      for (let i = 0; isUp && i < 2_000; i++) {
        hasty.send(at(beam.name, 'count'), data);
        hasty.send(at(beam.name, 'count'), 'small');
        if (i % 8 === 7) await turn();
        mostBytes = Math.max(mostBytes, bufferBytes() - before);
      }
      await down;
    } finally {
      beam.signal('SIGCONT');
    }
    expect(hasty.inspect().counters['connection.closed.unsent']).toBe(1);
    expect(mostBytes).toBeLessThan(6 * limitBytes);
    expect(await hasty.ping(beam.name)).toBe('pong');
  }, 60_000);
});
