// One EPMD keeper as an operating system process of its own, to be killed by a test. Started with the EPMD port, a
// node name and the node's port; tells its role on stdout, one JSON line for each change.

import { subscribe } from 'node:diagnostics_channel';
import { EpmdKeeper } from '../../../src/connection/epmd-keeper.ts';
import { platformEnv } from '../../../src/platform/index.ts';
import { Telemetry } from '../../../src/telemetry/events.ts';
import { Logger } from '../../../src/telemetry/logger.ts';

const [epmdPort, name = '', port] = process.argv.slice(2);
const env = platformEnv();
const keeper = new EpmdKeeper({
  ...env,
  telemetry: new Telemetry(name),
  logger: new Logger(env.log, env.clock, name),
  mode: 'auto',
  port: Number(epmdPort),
  listenHost: '127.0.0.1',
  maxSockets: 128,
});
const tell = (creation: unknown): void => {
  process.stdout.write(`${JSON.stringify({ role: keeper.role, creation })}\n`);
};
subscribe('beamish:epmd.registered', (message) => tell((message as { creation: number }).creation));
process.on('SIGTERM', () => void keeper.stop());
await keeper.start({ name, port: Number(port), hidden: false });
