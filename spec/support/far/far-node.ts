import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NodeOptions } from '../../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('./program.ts', import.meta.url));

/** A node of ours that can be frozen and killed, as no node of the test's own process can. */
export class FarNode {
  readonly name: string;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.ended = new Promise((resolve) => child.once('close', () => resolve()));
  }

  static async start(
    options: Pick<NodeOptions, 'cookie' | 'epmd' | 'netTickTime' | 'hidden'> & { readonly name: string },
  ): Promise<FarNode> {
    const args = ['--import', 'tsx', PROGRAM, JSON.stringify(options)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const far = new FarNode(options.name, child);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000);
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      void far.ended.then(() => reject(new Error(`${options.name} has ended\n${said}`)));
    });
    return far;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
