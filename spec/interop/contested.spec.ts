/** One name that a thousand want at once, on ten nodes: eight of ours and two BEAMs. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NameTakenError, type Node, type Self } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const OURS = 8;
const EACH = 100;

describeBeam('a name that a thousand want at once', () => {
  let lab: Lab;
  let nodes: Node[];
  let beams: Beam[];

  beforeAll(async () => {
    lab = await Lab.open();
    beams = await Promise.all(['b', 'y'].map((alive) => lab.beam(alive)));
    nodes = await Promise.all(Array.from({ length: OURS }, (_, i) => lab.node(`${'acdefgxz'[i]}`)));
    for (const node of nodes) await node.connect(beams[0]!.name);
    await beams[1]!.eval(`true = net_kernel:connect_node('${nodes[0]!.name}')`);
  });
  afterAll(() => lab.close());

  it('goes to one of them, and each of the others is told who has it', async () => {
    const whole = OURS + beams.length - 1;
    for (const node of nodes)
      await expect.poll(() => node.global.members().length, { timeout: 60_000 }).toBe(whole);
    for (const beam of beams)
      await expect.poll(() => beam.eval('length(nodes())'), { timeout: 60_000 }).toBe(String(whole));
    await Promise.all(beams.map((beam) => beam.eval('global:sync()')));

    const idle = async (self: Self): Promise<void> => {
      for await (const _ of self);
    };
    const theirs = beams.map((beam) =>
      beam.eval(`Self = self(),
        [spawn(fun() -> Self ! {said, global:register_name(<<"wanted">>, self())}, receive stop -> ok end end)
          || _ <- lists:seq(1, ${EACH})],
        length([yes || _ <- lists:seq(1, ${EACH}), receive {said, yes} -> true; {said, no} -> false end])`),
    );
    const ours = nodes.flatMap((node) =>
      Array.from({ length: EACH }, () => node.global.register('wanted', node.spawn(idle))),
    );
    const outcomes = await Promise.allSettled(ours);
    const won = outcomes.filter(({ status }) => status === 'fulfilled').length;
    const wonThere = (await Promise.all(theirs)).map(Number).reduce((sum, one) => sum + one);
    expect(won + wonThere).toBe(1);

    const holder = nodes[0]!.global.whereis('wanted');
    expect(holder).toBeDefined();
    for (const node of nodes) expect(node.global.whereis('wanted')).toBe(holder);
    for (const beam of beams)
      expect(await beam.eval('node(global:whereis_name(<<"wanted">>))')).toBe(`'${holder!.node}'`);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toBeInstanceOf(NameTakenError);
      expect(outcome.reason.message).toContain(`the global name <<"wanted">> is taken by`);
      expect(outcome.reason.message).toContain(holder!.node);
    }
  });
});
