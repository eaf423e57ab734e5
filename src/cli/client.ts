import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Node, type NodeOptions, startNode } from '../index.ts';
import type { Flag, Input } from './command.ts';
import { UsageError } from './usage-error.ts';

/** Flags of every command that talks to a running node. */
export const CLIENT_FLAGS = {
  cookie: {
    type: 'string',
    value: 'C',
    help: 'shared cookie (default: BEAMISH_COOKIE, then ~/.erlang.cookie)',
  },
  'epmd-port': {
    type: 'string',
    value: 'P',
    help: 'port of the port mapper (default: ERL_EPMD_PORT, then 4369)',
  },
  timeout: { type: 'string', value: 'MS', help: 'give up after this many milliseconds (default: 5000)' },
  json: { type: 'boolean', help: 'print JSON, one value' },
} as const satisfies Record<string, Flag>;

export const PORT_RANGE = { min: 1, max: 65_535 } as const;
const TIMEOUT_RANGE = { min: 1, max: 2 ** 31 - 1 } as const;
const DEFAULT_TIMEOUT_MS = 5_000;

/** What a client command works with: a node of its own, connected to `peer`. */
export interface Client {
  readonly node: Node;
  readonly peer: string;
  readonly timeoutMs: number;
}

/**
 * Starts a temporary node, connects it to `peer`, does the work and takes the node down again, whatever happens.
 *
 * The node is hidden, listens nowhere, registers nowhere and has a random name, so that the cluster is as before.
 * Long or short names follow the peer's, since the two kinds do not connect to each other.
 */
export async function withClient<T>(
  input: Input,
  peer: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  checkNodeName(peer);
  const timeoutMs = timeoutOf(input);
  const node = await startNode(clientOptions(input, peer));
  try {
    await within(timeoutMs, `no connection to ${peer}`, node.connect(peer));
    return await work({ node, peer, timeoutMs });
  } finally {
    await node.stop();
  }
}

export function timeoutOf(input: Input): number {
  return input.integer('timeout', TIMEOUT_RANGE) ?? DEFAULT_TIMEOUT_MS;
}

function clientOptions(input: Input, peer: string): NodeOptions {
  const cookie = input.text('cookie');
  const port = input.integer('epmd-port', PORT_RANGE);
  const longNames = /[.:]/.test(peer.slice(peer.indexOf('@')));
  const host = longNames ? '127.0.0.1' : (hostname().split('.')[0] ?? 'localhost');
  return {
    name: `beamish-cli-${randomBytes(4).toString('hex')}@${host}`,
    hidden: true,
    listen: false,
    // A command that is gone in a second must not become the machine's port mapper.
    epmd: { mode: 'external', ...(port === undefined ? {} : { port }) },
    ...(cookie === undefined ? {} : { cookie }),
  };
}

function checkNodeName(name: string): void {
  if (!/^[^@\s]+@[^@\s]+$/.test(name)) {
    throw new UsageError(
      `${JSON.stringify(name)} is no node name; expected name@host, such as shop@127.0.0.1`,
    );
  }
}

/** The promise's outcome, or an error when it takes longer. What it was waiting for is left to end by itself. */
async function within<T>(timeoutMs: number, failure: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${failure} within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
