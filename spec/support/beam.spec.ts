import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Beam, describeBeam, type Epmd, startBeam, startEpmd } from './beam.ts';

describeBeam('a BEAM node for tests', () => {
  let epmd: Epmd;
  let alpha: Beam;
  let beta: Beam;

  beforeAll(async () => {
    epmd = await startEpmd();
    [alpha, beta] = await Promise.all([
      startBeam({ name: 'alpha@127.0.0.1', cookie: 'lab', epmdPort: epmd.port }),
      startBeam({ name: 'beta@127.0.0.1', cookie: 'lab', epmdPort: epmd.port }),
    ]);
  });

  afterAll(async () => {
    await alpha?.stop();
    await beta?.kill();
    await epmd?.stop();
  });

  it('evaluates expressions, several at a time', async () => {
    const slow = alpha.eval('receive never -> ok after 50 -> {late, "é"} end');
    expect(await alpha.eval('X = 20, X + 1')).toBe('21');
    expect(await slow).toBe('{late,"é"}');
  });

  it('tells why an expression failed', async () => {
    await expect(alpha.eval('1 / zero')).rejects.toThrow(/badarith/);
    await expect(alpha.eval('this is no Erlang')).rejects.toThrow(/badmatch/);
  });

  it('hands out values as external terms', async () => {
    expect([...(await alpha.evalTerm('[]'))]).toEqual([131, 106]);
  });

  it('reaches the other node through their own port mapper', async () => {
    expect(await alpha.eval(`net_adm:ping('${beta.name}')`)).toBe('pong');
  });

  it('fails at once, with the reason, when the name is taken', async () => {
    await expect(startBeam({ name: 'alpha@127.0.0.1', cookie: 'lab', epmdPort: epmd.port })).rejects.toThrow(
      /already|in use|ended before/,
    );
  });
});
