import { At } from '../../src/process/destination.ts';
import type { Self } from '../../src/process/self.ts';
import { Down, Exit } from '../../src/process/system-messages.ts';
import type { Atom } from '../../src/term/atom.ts';
import { atom } from '../../src/term/atom.ts';
import { Pid, type Ref } from '../../src/term/identifiers.ts';
import { Tuple, tuple } from '../../src/term/tuple.ts';

/**
 * A process that does what it is told and keeps what else it hears; beamish_puppet.erl is its twin. Orders are terms:
 *
 *   {order, From, N, [Op]}      does all of them, then {done, N} to From
 *   {probe, To, From, N}        {echo, From, N} to To, who answers {echoed, N} to From: all sent before has arrived
 *   {tell, From, N}             {heard, N, [Heard]} to From
 */
export async function puppet(self: Self): Promise<void> {
  const heard: unknown[] = [];
  const refs: Ref[] = [];
  for await (const message of self) {
    const [what, ...rest] = message instanceof Tuple ? message.elements : [];
    if (what === atom('order')) {
      const [from, n, ops] = rest as [Pid, number, Tuple[]];
      for (const op of ops) {
        if (op.at(0) === atom('return')) return;
        await perform(self, refs, op);
      }
      self.send(from, tuple(atom('done'), n));
    } else if (what === atom('probe')) {
      const [to, from, n] = rest as [Pid, Pid, number];
      self.send(to, tuple(atom('echo'), from, n));
    } else if (what === atom('echo')) {
      const [from, n] = rest as [Pid, number];
      self.send(from, tuple(atom('echoed'), n));
    } else if (what === atom('tell')) {
      const [from, n] = rest as [Pid, number];
      self.send(from, tuple(atom('heard'), n, heard));
    } else heard.push(told(message, refs));
  }
}

async function perform(self: Self, refs: Ref[], op: Tuple): Promise<void> {
  const [name, first, second] = op.elements as [Atom, unknown, unknown];
  switch (name.name) {
    case 'link':
      return self.link(first as Pid);
    case 'unlink':
      return self.unlink(first as Pid);
    case 'monitor':
      refs.push(self.monitor(destination(first)));
      return;
    case 'demonitor':
      self.demonitor(refs[(first as number) - 1]!);
      return;
    case 'flush':
      self.demonitor(refs[(first as number) - 1]!, { flush: true });
      return;
    case 'trap':
      self.trapExit = true;
      return;
    case 'untrap':
      self.trapExit = false;
      return;
    case 'exit':
      return self.exit(first);
    case 'signal':
      return self.exit(first as Pid, second);
    case 'send':
      self.send(destination(first), second);
      return;
    case 'register':
      return self.register((first as Atom).name);
    case 'unregister':
      self.unregister((first as Atom).name);
      return;
    case 'spawn_link':
      self.spawn((child: Self) => child.exit(first), [], { link: true });
      return;
    case 'spawn_monitor':
      refs.push(await childWatched(self, first));
      return;
    case 'await':
      return await waiting(self, first as number);
    default:
      throw new Error(`no such operation: ${name.name}`);
  }
}

/** `spawn` with `monitor` does not hand out the reference: it is taken from the message, and the message put back. */
async function childWatched(self: Self, reason: unknown): Promise<Ref> {
  self.spawn((child: Self) => child.exit(reason), [], { monitor: true });
  const down = await self.receive((m): m is Down => m instanceof Down);
  self.send(self.pid, down);
  return down.ref;
}

/** Resolves when that many messages wait, and leaves them there. */
async function waiting(self: Self, count: number): Promise<void> {
  const enough = new AbortController();
  const seen = new Set<unknown>();
  const look = (message: unknown): boolean => {
    seen.add(message);
    if (seen.size >= count) enough.abort();
    return false;
  };
  await self.receive(look, { signal: enough.signal }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error;
  });
}

function destination(term: unknown): Pid | At {
  if (term instanceof Pid) return term;
  const [name, node] = term as Tuple;
  return new At((node as Atom).name, name as Atom);
}

function told(message: unknown, refs: readonly Ref[]): Tuple {
  if (message instanceof Exit) return tuple(atom('exit'), message.pid, message.reason);
  if (!(message instanceof Down)) return tuple(atom('message'), message);
  const n = refs.findIndex((ref) => ref.key === message.ref.key) + 1;
  const who = message.pid instanceof Pid ? message.pid : tuple(message.pid.name, atom(message.pid.node));
  return tuple(atom('down'), n, who, message.reason);
}

/**
 * Starts puppets and tells how they end, on its own node, so that nothing in between can colour it:
 *
 *   {start, From, N}            {started, N, Pid} to From; later {ended, Pid, Reason}
 *   {disconnect, From, N, Node} {disconnected, N} to From
 */
export function keeper(disconnect: (node: string) => void) {
  return async (self: Self): Promise<void> => {
    const audience = new Map<Pid, Pid>();
    for await (const message of self) {
      if (message instanceof Down) {
        const from = audience.get(message.pid as Pid);
        if (from !== undefined) self.send(from, tuple(atom('ended'), message.pid, message.reason));
        continue;
      }
      const [what, first, n, node] = (message as Tuple).elements;
      if (what === atom('start')) {
        const pid = self.spawn(puppet, [], { monitor: true });
        audience.set(pid, first as Pid);
        self.send(first as Pid, tuple(atom('started'), n, pid));
      } else {
        disconnect((node as Atom).name);
        self.send(first as Pid, tuple(atom('disconnected'), n));
      }
    }
  };
}
