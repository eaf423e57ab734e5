import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConvergenceError, converged, mermaid, SimCluster } from '../../src/testing/index.ts';

const NAMES = ['a@a.sim', 'b@b.sim', 'c@c.sim'] as const;
const [A, B, C] = NAMES;

async function three(seed = 1) {
  const cluster = new SimCluster({ seed });
  await Promise.all(NAMES.map((name) => cluster.start(name)));
  await cluster.until(converged, { withinMs: 10_000 });
  return cluster;
}

describe('a ConvergenceError', () => {
  it('says which pair, why, who is connected to whom, the last moments of each node, and how to see it again', async () => {
    await using cluster = await three(42);
    cluster.partition([C], [A, B]);
    await cluster.advance(90_000);
    const failure = (await cluster
      .until(() => converged(cluster) === true && cluster.node(C).nodes('connected').length === 2, {
        withinMs: 1_000,
      })
      .catch((error: unknown) => error)) as ConvergenceError;
    expect(failure).toBeInstanceOf(ConvergenceError);
    expect(failure.message).toContain('(seed 42)');
    expect(failure.message).toContain('a a@a.sim  .  +  x');
    expect(failure.message).toContain('c c@c.sim  x  x  .');
    for (const name of ['network', ...NAMES])
      expect(failure.message).toContain(`the last moments of ${name}`);
    expect(failure.replay).toMatch(/^BEAMISH_SIM_SEED=42 .*spec\/testing\/seeing\.spec\.ts$/);
    expect(failure.message).toContain(failure.replay);
  });

  it('tells what a node logged of the one that it cannot connect to', async () => {
    await using cluster = new SimCluster({ seed: 3 });
    await cluster.start(A);
    await cluster.start(B, { cookie: 'another' });
    await expect(cluster.until(converged, { withinMs: 20_000 })).rejects.toThrow(
      /is not connected to .* logged of it last at .*cookies differ.*replay:/s,
    );
  });

  it('tells who never dialled whom again after the heal', async () => {
    await using cluster = await three();
    cluster.partition([C], [A, B]);
    await cluster.advance(100_000);
    // Deaf and dumb from now on, and it has given up: nobody will try again for a while.
    for (const name of [A, B]) {
      cluster.link(name, C, { loss: 1 });
      cluster.link(C, name, { loss: 1 });
    }
    await cluster.advance(100_000);
    cluster.heal();
    const failure = (await cluster
      .until(converged, { withinMs: 1_000 })
      .catch((error: unknown) => error)) as ConvergenceError;
    expect(failure.reason).toBe(`${A} is not connected to ${C}`);
    const lines = failure.message.split('\n').slice(1, 5);
    expect(lines[0]).toMatch(
      /^ {2}a@a\.sim never dialled c@c\.sim again after the heal at 200\.\d+ s \(last at [\d.]+ s: .*\); it heard a datagram of c@c\.sim last at [\d.]+ s$/,
    );
    expect(lines[1]).toMatch(/^ {2}c@c\.sim never dialled a@a\.sim (again )?after the heal/);
    expect(lines[2]).toMatch(/^ {2}a@a\.sim lost it last at [\d.]+ s: c@c\.sim: net_tick_timeout$/);
  });

  it('takes the line that replays it from whoever made the cluster', async () => {
    await using cluster = new SimCluster({ seed: 9, replay: 'npm run test:sim -- --seed 9' });
    const never = () => false;
    await expect(cluster.until(never, { withinMs: 1 })).rejects.toThrow(
      'replay: npm run test:sim -- --seed 9',
    );
  });
});

describe('BEAMISH_SIM_SEED', () => {
  afterEach(() => {
    delete process.env.BEAMISH_SIM_SEED;
  });

  it('gives every cluster its seed', () => {
    process.env.BEAMISH_SIM_SEED = '1234';
    expect(new SimCluster({ seed: 1 }).seed).toBe(1234);
    process.env.BEAMISH_SIM_SEED = 'x';
    expect(() => new SimCluster()).toThrow('BEAMISH_SIM_SEED: expected a whole number');
  });
});

describe('a report', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'beamish-report-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is a page with every node in a column', async () => {
    await using cluster = await three();
    cluster.partition([C], [A, B]);
    await cluster.advance(90_000);
    cluster.report(join(folder, 'story.html'));
    const page = readFileSync(join(folder, 'story.html'), 'utf8');
    expect(page).toContain('<!doctype html>');
    expect(page).toContain(
      '<div class="line head"><span class="at">s</span><span>network</span><span>a@a.sim</span><span>b@b.sim</span><span>c@c.sim</span></div>',
    );
    expect(page).toContain('<b>partition</b> c@c.sim | a@a.sim, b@b.sim');
    expect(page).toContain('<b>nodedown</b> c@c.sim: net_tick_timeout');
    expect(page).toContain('a a@a.sim  .  +  x');
    expect(page).not.toContain('undefined');
  });

  it('is a Mermaid sequence diagram, by the name of the file', async () => {
    await using cluster = await three();
    cluster.crash(B, { silently: false });
    await cluster.advance(100);
    cluster.report(join(folder, 'story.mmd'));
    const diagram = readFileSync(join(folder, 'story.mmd'), 'utf8');
    expect(diagram).toBe(`${mermaid(cluster)}\n`);
    const lines = diagram.trimEnd().split('\n');
    expect(lines[0]).toBe('sequenceDiagram');
    expect(lines[1]).toBe('  participant n0 as a@a.sim');
    expect(diagram).toMatch(/n1--xn0: [\d.]+ s nodedown b@b\.sim: /);
    // Every line is a form that Mermaid knows, with a text that holds none of its signs.
    for (const line of lines.slice(1))
      expect(line).toMatch(
        /^ {2}(participant n\d as [^;#]+|Note over n\d(,n\d)?: [^;#<>{}]+|n\d(->>|--x)n\d: [^;#<>{}]+)$/,
      );
    cluster.report(join(folder, 'story.md'));
    expect(readFileSync(join(folder, 'story.md'), 'utf8')).toMatch(/^```mermaid\nsequenceDiagram\n/);
  });
});
