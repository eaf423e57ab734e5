import { afterAll, beforeAll, expect, it } from 'vitest';
import { play } from '../actor/supervisor-play.ts';
import { type Scenario, scenarios } from '../actor/supervisor-scenarios.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

const FIXTURE = new URL('./fixtures/beamish_supervision.erl', import.meta.url).pathname;

/** What OTP's own supervisor does is the expectation; nothing of it is written down here. */
describeBeam('our supervisor does what OTP’s does', () => {
  let lab: Lab;
  let beam: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    beam = await lab.beam('beam', { flags: ['-kernel', 'logger_level', 'none'] });
    await beam.load(FIXTURE);
  });

  afterAll(() => lab?.close());

  it.each(scenarios)('$title', async (scenario: Scenario) => {
    const theirs = await beam.eval(`beamish_supervision:run(${asErlang(scenario)})`);
    expect(await play(scenario)).toEqual(JSON.parse(theirs));
  });
});

function asErlang({ strategy, intensity, children, steps }: Scenario): string {
  const specs = children.map(
    ({ id, restart, shutdown, kind }) => `{${id}, ${restart}, ${shutdown}, ${kind}}`,
  );
  const moves = steps.map((step) => `{${step.split(' ').join(', ')}}`);
  return `${strategy}, ${intensity}, [${specs.join(', ')}], [${moves.join(', ')}]`;
}
