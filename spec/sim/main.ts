/** `npm run test:sim -- --seeds N`: the simulations over more seeds than on a usual run; `--seed S`: over one. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    testNamePattern: { type: 'string', short: 't' },
  },
});
for (const [name, text] of Object.entries({ seeds: values.seeds, seed: values.seed }))
  if (text !== undefined && !/^[1-9]\d*$/.test(text)) {
    console.error(`--${name}: expected a whole number above 0, got ${text}`);
    process.exit(1);
  }
const env = {
  ...process.env,
  BEAMISH_SIM_SEEDS: values.seeds,
  ...(values.seed === undefined ? {} : { BEAMISH_SIM_ONE_SEED: values.seed }),
};
const only = values.testNamePattern === undefined ? [] : ['-t', values.testNamePattern];
spawn('npx', ['vitest', 'run', 'spec/sim', ...only], { stdio: 'inherit', env }).on('exit', (code) =>
  process.exit(code ?? 1),
);
