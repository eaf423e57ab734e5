import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { freeGossipPort, seeker } from '../discovery/seeker.ts';
import { describeBeam } from '../support/beam.ts';

const SCRIPT = fileURLToPath(new URL('./fixtures/gossiper.escript', import.meta.url));

/** An Erlang program that gossips in libcluster's format; `heard` resolves when it has told of this name. */
async function gossiper(name: string, port: number, group: string, secret?: string) {
  const child = spawn(
    'escript',
    [SCRIPT, name, String(port), group, '127.0.0.1', ...(secret === undefined ? [] : [secret])],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onTestFinished(() => {
    child.stdin.end();
    return ended;
  });
  const said = new Set<string>();
  const waiting: { readonly line: string; readonly resolve: () => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.add(line);
    for (const waiter of waiting) if (waiter.line === line) waiter.resolve();
  });
  const says = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (said.has(line)) resolve();
      else waiting.push({ line, resolve });
      void ended.then(() => reject(new Error(`the gossiper ended before it said "${line}"`)));
    });
  await says('open');
  return { said, heard: (peer: string) => says(`heard ${peer}`) };
}

describeBeam('an Erlang program that gossips like libcluster', () => {
  for (const group of ['230.1.1.251', '233.252.1.32'])
    for (const secret of [undefined, 'sésame'])
      it(`is heard and hears us on ${group}, ${secret === undefined ? 'plain' : 'with a secret'}`, async () => {
        const { port } = await freeGossipPort();
        const beam = await gossiper('beam@127.0.0.1', port, group, secret);
        const node = await seeker('node@127.0.0.1', {
          port,
          multicastIf: '127.0.0.1',
          ...(secret === undefined ? {} : { secret }),
        });
        await Promise.all([node.heard('beam@127.0.0.1'), beam.heard('node@127.0.0.1')]);
        expect(node.lines).toEqual([]);
      });

  it('is not heard when it has another secret, nor hears us', async () => {
    const { port } = await freeGossipPort();
    const options = { port, multicastIf: '127.0.0.1', secret: 'ours' };
    const stranger = await gossiper('stranger@127.0.0.1', port, '230.1.1.251', 'theirs');
    const friend = await gossiper('friend@127.0.0.1', port, '230.1.1.251', 'ours');
    const node = await seeker('node@127.0.0.1', options);
    await Promise.all([node.heard('friend@127.0.0.1'), friend.heard('node@127.0.0.1')]);
    expect([...node.up]).toEqual(['friend@127.0.0.1']);
    expect([...stranger.said]).toEqual(['open']);
  });
});
