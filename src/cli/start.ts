import { type GossipOptions, gossip, type Node, type NodeOptions, startNode } from '../index.ts';
import { PORT_RANGE } from './client.ts';
import type { Command, Input, Io } from './command.ts';
import { type AnyActor, type LoadedModule, loadModule } from './load.ts';
import { UsageError } from './usage-error.ts';

/** `beamish start`: a node that runs until it is told to stop. */
export const start: Command = {
  name: 'start',
  summary: 'Starts a node and runs it until SIGINT or SIGTERM, then stops it cleanly.',
  synopsis: '',
  minArguments: 0,
  maxArguments: 0,
  flags: {
    name: {
      type: 'string',
      value: 'N',
      help: 'name@host, or name alone (default: a random name at 127.0.0.1)',
    },
    cookie: {
      type: 'string',
      value: 'C',
      help: 'shared cookie (default: BEAMISH_COOKIE, then ~/.erlang.cookie)',
    },
    load: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'module whose default function gets the node, and whose actors others may spawn; repeatable',
    },
    'gossip-port': {
      type: 'string',
      value: 'P',
      help: "UDP port of the gossip (default: libcluster's 45892)",
    },
    secret: { type: 'string', value: 'S', help: 'encrypts the gossip, as libcluster does (default: plain)' },
    'multicast-addr': {
      type: 'string',
      multiple: true,
      value: 'A',
      help: "multicast group; repeatable (default: libcluster's 230.1.1.251 and 233.252.1.32)",
    },
    'multicast-if': { type: 'string', value: 'I', help: 'address of the interface to gossip on' },
    'no-gossip': { type: 'boolean', help: 'neither gossip nor listen for it' },
    hidden: { type: 'boolean', help: 'stay out of nodes() of the other nodes' },
    'epmd-port': {
      type: 'string',
      value: 'P',
      help: 'port of the port mapper (default: ERL_EPMD_PORT, then 4369)',
    },
    json: { type: 'boolean', help: 'print events as JSON lines; the first one is {"event":"up",…}' },
  },
  async run(input, io) {
    const files = input.texts('load');
    const options = nodeOptions(input);
    const modules: LoadedModule[] = [];
    for (const file of files) modules.push(await loadModule(file));
    const actors = distinct(modules.flatMap((module) => module.actors));

    // Listened for before the node is up, so that a signal during the start ends it cleanly too.
    const { stopped, release } = stopRequest(io);
    try {
      const node = await startNode({ ...options, ...(actors.length === 0 ? {} : { actors }) });
      try {
        tellEvents(node, input.on('json'), io);
        for (const module of modules) await module.setup?.(node);
        await stopped;
      } finally {
        await node.stop();
      }
      io.out(
        input.on('json') ? JSON.stringify({ event: 'stopped', name: node.name }) : `${node.name} has stopped`,
      );
    } finally {
      release();
    }
  },
};

function nodeOptions(input: Input): NodeOptions {
  const name = input.text('name');
  const cookie = input.text('cookie');
  const port = input.integer('epmd-port', PORT_RANGE);
  return {
    ...(name === undefined ? {} : { name }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(input.on('hidden') ? { hidden: true } : {}),
    ...(port === undefined ? {} : { epmd: { port } }),
    ...(input.on('no-gossip') ? {} : { discovery: { gossip: gossip(gossipOptions(input)) } }),
  };
}

function gossipOptions(input: Input): GossipOptions {
  const port = input.integer('gossip-port', PORT_RANGE);
  const secret = input.text('secret');
  const multicastAddr = input.texts('multicast-addr');
  const multicastIf = input.text('multicast-if');
  return {
    ...(port === undefined ? {} : { port }),
    ...(secret === undefined ? {} : { secret }),
    ...(multicastAddr.length === 0 ? {} : { multicastAddr }),
    ...(multicastIf === undefined ? {} : { multicastIf }),
  };
}

function distinct(actors: readonly AnyActor[]): readonly AnyActor[] {
  const byName = new Map<string, AnyActor>();
  for (const actor of actors) {
    const known = byName.get(actor.name);
    if (known !== undefined && known !== actor) {
      throw new UsageError(`two different actors named ${JSON.stringify(actor.name)} were loaded`);
    }
    byName.set(actor.name, actor);
  }
  return [...byName.values()];
}

function tellEvents(node: Node, json: boolean, io: Io): void {
  const tell = (event: Record<string, unknown>, line: string): void =>
    io.out(json ? JSON.stringify(event) : line);
  tell(
    { event: 'up', name: node.name, port: node.port },
    node.port === undefined ? `${node.name} is up` : `${node.name} is up on port ${node.port}`,
  );
  node.on('nodeup', (name) => tell({ event: 'nodeup', name }, `nodeup ${name}`));
  node.on('nodedown', (name, reason) =>
    tell({ event: 'nodedown', name, reason: String(reason) }, `nodedown ${name} (${String(reason)})`),
  );
}

function stopRequest(io: Io): { stopped: Promise<void>; release: () => void } {
  let release = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    release = io.onStop(resolve);
  });
  return { stopped, release };
}
