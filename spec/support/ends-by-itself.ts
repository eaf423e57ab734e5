/** A program that starts nodes, uses them, stops them, and has nothing else to wait for. */
import { startNode } from '../../src/index.ts';

const epmd = { port: Number(process.argv[2]) };
const options = { cookie: 'c', epmd };
const failures: string[] = [];
const failed = (error: Error) => failures.push(error.name);

const a = await startNode({ ...options, name: 'a@127.0.0.1' });
const b = await startNode({ ...options, name: 'b@127.0.0.1' });
await startNode({ ...options, name: 'a@127.0.0.1' }).catch(failed);
await startNode({ ...options, name: 'c@127.0.0.1', listen: { port: a.port ?? 0 } }).catch(failed);
const pong = await a.ping(b.name);
b.spawn(async (self) => {
  self.sendAfter(60_000, 'late');
  await self.receive();
});
void a.call(b.whereis('beamish')!, 'nodes').catch(() => {});
void b.connect('nobody@127.0.0.1').catch(() => {});
await Promise.all([b.stop(), a.stop()]);
// The log goes to standard error; this line is all that is said here.
process.stdout.write(JSON.stringify({ pong, failures }));
