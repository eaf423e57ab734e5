import type { Host } from '../env/host.ts';
import type { ProcessSystem } from '../process/system.ts';
import { atom, atomCount } from '../term/atom.ts';
import { charlist } from '../term/list.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { badarg, nameOf } from './erlang-arguments.ts';

export interface SystemView {
  readonly processes: ProcessSystem;
  readonly host: Host;
  /** Bytes that may wait for one node before senders are told to hold back. */
  readonly highWaterBytes: number;
}

const WORD_BYTES = 8;
/** As many as OTP may have at most. */
const PROCESS_LIMIT = 134_217_727;
/** OTP's own defaults. Nothing is bounded by them here; tools divide by them, and ask for a positive number. */
const PORT_LIMIT = 65_536;
const ETS_LIMIT = 65_536;
const ATOM_LIMIT = 1_048_576;

/**
 * What erlang:system_info/1 tells of a node of ours. A key without a counterpart here (allocators, the collector's
 * settings, the emulator's build) is `badarg`, as one that OTP does not know.
 */
export function systemInfo({ processes, host, highWaterBytes }: SystemView, item: unknown): unknown {
  if (item instanceof Tuple) return ofPair(item);
  switch (nameOf(item)) {
    case 'process_count':
      return processes.count;
    case 'process_limit':
      return PROCESS_LIMIT;
    case 'port_count':
    case 'ets_count':
      return 0;
    case 'port_limit':
      return PORT_LIMIT;
    case 'ets_limit':
      return ETS_LIMIT;
    case 'atom_count':
      return atomCount();
    case 'atom_limit':
      return ATOM_LIMIT;
    case 'creation':
      return processes.creation;
    case 'dist_buf_busy_limit':
      return highWaterBytes;
    case 'wordsize':
      return WORD_BYTES;
    // One thread runs all processes.
    case 'schedulers':
    case 'schedulers_online':
    case 'scheduler_id':
      return 1;
    case 'dirty_cpu_schedulers':
    case 'dirty_cpu_schedulers_online':
    case 'dirty_io_schedulers':
    case 'thread_pool_size':
      return 0;
    case 'scheduler_bind_type':
      return atom('unbound');
    case 'scheduler_bindings':
      return tuple(atom('unbound'));
    case 'multi_scheduling':
      return atom('disabled');
    case 'multi_scheduling_blockers':
    case 'normal_multi_scheduling_blockers':
      return [];
    case 'smp_support':
      return false;
    case 'threads':
      return true;
    case 'cpu_topology':
      return undefined;
    case 'logical_processors':
    case 'logical_processors_available':
    case 'logical_processors_online':
      return atom('unknown');
    // The platform waits for its sockets by epoll, kqueue or the like.
    case 'kernel_poll':
      return true;
    // The release whose distribution protocol is spoken here.
    case 'otp_release':
      return charlist('25');
    case 'compat_rel':
      return 25;
    case 'version':
      return charlist('13.0');
    case 'machine':
      return charlist('Beamish');
    case 'system_version':
      return charlist(
        `Beamish on Node.js [speaks the distribution of Erlang/OTP 25] [host:${host.hostname()}]\n`,
      );
    case 'system_architecture':
      return charlist('javascript');
    case 'build_type':
    case 'emu_type':
      return atom('opt');
    case 'debug_compiled':
    case 'dynamic_trace_probes':
      return false;
    case 'dynamic_trace':
      return atom('none');
    case 'heap_type':
      return atom('shared');
    case 'message_queue_data':
      return atom('on_heap');
    // None of OTP's: `{Allocator, Version, Features, Settings}` of one that is not known.
    case 'allocator':
      return tuple(undefined, [], [], []);
    case 'alloc_util_allocators':
      return [];
    default:
      return badarg();
  }
}

/** `{wordsize, internal}`, `{wordsize, external}`, `{cpu_topology, What}`. */
function ofPair({ elements }: Tuple): unknown {
  if (elements.length === 2)
    switch (nameOf(elements[0])) {
      case 'wordsize':
        nameOf(elements[1], ['internal', 'external']);
        return WORD_BYTES;
      case 'cpu_topology':
        nameOf(elements[1], ['defined', 'detected', 'used']);
        return undefined;
    }
  return badarg();
}
