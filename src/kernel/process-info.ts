import { dictionaryOf } from '../actor/sys.ts';
import { BodyBehaviour } from '../process/body.ts';
import { At } from '../process/destination.ts';
import { Cast, PendingCall } from '../process/pending-call.ts';
import type { Process } from '../process/process.ts';
import { GEN_CALL, GEN_CAST } from '../process/requests.ts';
import type { ProcessSystem } from '../process/system.ts';
import { atom } from '../term/atom.ts';
import { atoms } from '../term/atom-map.ts';
import type { Pid } from '../term/identifiers.ts';
import { type Tuple, tuple } from '../term/tuple.ts';

/** What erlang:process_info/1 tells, in OTP's order. */
const COMMON = [
  'registered_name',
  'current_function',
  'initial_call',
  'status',
  'message_queue_len',
  'links',
  'dictionary',
  'trap_exit',
  'error_handler',
  'priority',
  'group_leader',
  'total_heap_size',
  'heap_size',
  'stack_size',
  'reductions',
  'garbage_collection',
  'suspending',
] as const;

/** What only erlang:process_info/2 tells: `parent` since OTP 25, `label` since OTP 27. */
const OTHERS = [
  'binary',
  'catchlevel',
  'current_location',
  'current_stacktrace',
  'garbage_collection_info',
  'label',
  'last_calls',
  'max_heap_size',
  'memory',
  'message_queue_data',
  'messages',
  'min_bin_vheap_size',
  'min_heap_size',
  'monitored_by',
  'monitors',
  'parent',
  'sequential_trace_token',
  'trace',
] as const;

type ProcessFact = (typeof COMMON)[number] | (typeof OTHERS)[number];

/** Whether erlang:process_info/2 knows this item here; any other is `badarg`. */
export function isProcessFact(name: string): name is ProcessFact {
  return (COMMON as readonly string[]).includes(name) || (OTHERS as readonly string[]).includes(name);
}

const STATUS = { starting: 'runnable', waiting: 'waiting', running: 'running', ending: 'exiting' } as const;

/**
 * The facts of a process as Erlang's process_info tells them. An actor looks as a gen_server does: started by proc_lib,
 * with `$initial_call` (`{Actor, init, Arity}`) and `$ancestors` in its dictionary, which is what proc_lib:initial_call/1,
 * c:i/0 and their like read. Sizes and reductions are not counted per process here: they are 0. Nothing traces processes,
 * and no process has a limit of its own for its heap.
 */
export class ProcessFacts {
  readonly #processes: ProcessSystem;

  constructor(processes: ProcessSystem) {
    this.#processes = processes;
  }

  /** Of a process that is not alive: undefined. */
  all(pid: Pid): readonly Tuple[] | undefined {
    const process = this.#processes.lookup(pid);
    return process && COMMON.flatMap((item) => this.#item(process, item) ?? []);
  }

  /**
   * One fact, `{Item, Value}`; a process without a name has `[]` for that item.
   * @returns undefined when the process is not alive
   */
  one(pid: Pid, item: ProcessFact): Tuple | readonly [] | undefined {
    const process = this.#processes.lookup(pid);
    return process && (this.#item(process, item) ?? []);
  }

  /** One entry of the dictionary, as OTP 26 and newer ask: `{{dictionary, Key}, Value}`. */
  entry(pid: Pid, key: unknown): Tuple | undefined {
    const process = this.#processes.lookup(pid);
    if (process === undefined) return undefined;
    const entries = this.#value(process, 'dictionary') as Tuple[];
    const found = entries.find((entry) => entry.elements[0] === key);
    return tuple(tuple(atom('dictionary'), key), found?.elements[1]);
  }

  #item(process: Process, item: ProcessFact): Tuple | undefined {
    const value = this.#value(process, item);
    return value === undefined ? undefined : tuple(atom(item), value);
  }

  /** Undefined for the name of a process that has none. */
  #value(process: Process, item: ProcessFact): unknown {
    const info = this.#processes.info(process.pid)!;
    const { extras } = process;
    const isActor = !(process.behaviour instanceof BodyBehaviour);
    switch (item) {
      case 'registered_name':
        return info.names[0] === undefined ? undefined : atom(info.names[0]);
      case 'current_function':
        return isActor ? mfa('gen_server', 'loop', 7) : mfa('erlang', 'apply', 2);
      case 'initial_call':
        return isActor ? mfa('proc_lib', 'init_p', 5) : mfa('erlang', 'apply', 2);
      case 'status':
        return atom(STATUS[info.status]);
      case 'message_queue_len':
        return info.messageQueueLength;
      case 'messages':
        return this.#messages(process);
      case 'links':
        return info.links;
      case 'monitors':
        return info.monitors.map((watched) =>
          tuple(atom('process'), watched instanceof At ? tuple(watched.name, atom(watched.node)) : watched),
        );
      case 'monitored_by':
        return info.monitoredBy;
      case 'dictionary':
        return isActor ? dictionaryOf(process) : [];
      case 'trap_exit':
        return info.trapExit;
      case 'error_handler':
        return atom('error_handler');
      case 'priority':
        return atom('normal');
      case 'group_leader':
        return this.#processes.groupLeaderOf(process);
      case 'parent':
        return extras?.parent ?? atom('undefined');
      case 'label':
        return info.label;
      case 'current_location':
        return tuple(...(this.#value(process, 'current_function') as Tuple), []);
      case 'current_stacktrace':
        return [this.#value(process, 'current_location')];
      case 'total_heap_size':
      case 'heap_size':
      case 'stack_size':
      case 'min_heap_size':
      case 'min_bin_vheap_size':
      case 'reductions':
      case 'memory':
      case 'catchlevel':
      case 'trace':
        return 0;
      case 'max_heap_size':
        return atoms({ size: 0, kill: false, error_logger: false });
      case 'message_queue_data':
        return atom('on_heap');
      case 'last_calls':
        return false;
      case 'garbage_collection':
      case 'garbage_collection_info':
      case 'suspending':
      case 'binary':
      case 'sequential_trace_token':
        return [];
    }
  }

  /** Calls and casts of this node as the terms that they would be, with no reference to answer to. */
  #messages(process: Process): unknown[] {
    const { mailbox } = process;
    return Array.from({ length: mailbox?.length ?? 0 }, (_, index) => {
      const message = mailbox!.at(index);
      if (message instanceof Cast) return tuple(GEN_CAST, message.toTerm());
      if (!(message instanceof PendingCall)) return message;
      return tuple(GEN_CALL, tuple(message.owner.pid, []), message.toTerm());
    });
  }
}

function mfa(module: string, fn: string, arity: number): Tuple {
  return tuple(atom(module), atom(fn), arity);
}
