import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ip } from './ip.ts';

const RELAY_SOURCE = fileURLToPath(new URL('./relay.c', import.meta.url));
const LOSS_PERCENT = 30;
/** Each way, so that whatever is asked is answered after twice as long. */
export const DELAY_MS = 200;

/**
 * How packets are lost and delayed here: by the kernel (`netem`); where it lacks that, by a relay of our own on the cable.
 * Either way all frames that a host sends, multicast and answers alike, and none that it hears.
 */
export type Disturbance = 'netem' | 'relay';

const netem = (namespace: string, device: string): string[] => [
  ...['-n', namespace, 'qdisc', 'add', 'dev', device, 'root'],
  ...['netem', 'loss', `${LOSS_PERCENT}%`, 'delay', `${DELAY_MS}ms`],
];

/** What this machine can do to packets, the best first; why it cannot do either, else. */
export function disturbance(probe: string): Disturbance | { readonly refused: string } {
  const problems: string[] = [];
  try {
    ip('netns', 'add', probe);
    execFileSync('tc', netem(probe, 'lo'), { stdio: 'pipe' });
    return 'netem';
  } catch (error) {
    problems.push(`no netem: ${textOf(error)}`);
  } finally {
    try {
      ip('netns', 'del', probe);
    } catch {
      // It was never made.
    }
  }
  try {
    execFileSync('gcc', ['--version'], { stdio: 'pipe' });
    return 'relay';
  } catch (error) {
    problems.push(`no compiler for a relay: ${textOf(error)}`);
  }
  return { refused: problems.join('; ') };
}

/** The bad cable of one host. */
export interface BadCable {
  /** Frames of the host that were lost so far. */
  lost(): Promise<number>;
  close(): void;
}

/** Disturbs what a device in a namespace sends. */
export function netemOn(namespace: string, device: string): BadCable {
  execFileSync('tc', netem(namespace, device), { stdio: 'pipe' });
  return {
    async lost() {
      const shown = execFileSync('tc', ['-n', namespace, '-s', '-j', 'qdisc', 'show', 'dev', device], {
        encoding: 'utf8',
      });
      return (JSON.parse(shown) as { drops?: number }[]).reduce((sum, { drops = 0 }) => sum + drops, 0);
    },
    // It goes with the namespace.
    close() {},
  };
}

/**
 * Disturbs what comes out of the interface `near`, on its way to `far`; both are in one namespace.
 *
 * @param seed - which frames are lost
 */
export async function relayBetween(
  namespace: string,
  near: string,
  far: string,
  seed: number,
): Promise<BadCable> {
  const work = mkdtempSync(join(tmpdir(), 'beamish-relay-'));
  const program = join(work, 'relay');
  execFileSync('gcc', ['-O1', '-o', program, RELAY_SOURCE], { stdio: 'pipe' });
  const order = [seed, LOSS_PERCENT, DELAY_MS].map(String);
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, program, ...order, near, far], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value } = await lines.next();
    if (value === undefined) throw new Error(`the relay between ${near} and ${far} has ended`);
    return value as string;
  };
  if ((await next()) !== 'ready') throw new Error('the relay did not say that it is ready');
  rmSync(work, { recursive: true });
  return {
    async lost() {
      child.stdin!.write('\n');
      return Number((await next()).split(' ')[0]);
    },
    close: () => child.stdin!.end(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}
