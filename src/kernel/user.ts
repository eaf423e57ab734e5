/**
 * The process `user`: the group leader of everything that is spawned here without another one, and of what we spawn on
 * other nodes. It answers OTP's I/O protocol and writes to the program's standard output; and it is the one through
 * which processes here write to group leaders elsewhere.
 *
 * Who prints sends `{io_request, From, ReplyAs, Request}` and waits for `{io_reply, ReplyAs, Reply}`, with a monitor on the
 * leader; its reference is the `ReplyAs`. Input is refused politely, with `{error, enotsup}`.
 */
import { actor } from '../actor/actor.ts';
import type { ActorSelf } from '../actor/actor-self.ts';
import type { Host } from '../env/host.ts';
import { ExitError } from '../errors.ts';
import type { Output } from '../process/io.ts';
import { describePid, describeReason, NOPROC } from '../process/reasons.ts';
import { Atom, atom } from '../term/atom.ts';
import { bytes } from '../term/binary.ts';
import { Pid, Ref } from '../term/identifiers.ts';
import { equalTerms } from '../term/order.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { charData, FormatError, ioFormat } from './io-format.ts';

export const IO_REQUEST = atom('io_request');
export const IO_REPLY = atom('io_reply');
const PUT_CHARS = atom('put_chars');
const UNICODE = atom('unicode');
const OK = atom('ok');
const ERROR = atom('error');
const ENOTSUP = tuple(ERROR, atom('enotsup'));
const REQUEST = tuple(ERROR, atom('request'));

/** One text on its way to a leader elsewhere. */
interface Pending {
  readonly leader: Pid;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class UserOutput implements Output {
  readonly #host: Host;
  readonly #pending = new Map<string, Pending>();
  #self: ActorSelf | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  async write(leader: Pid, text: string): Promise<void> {
    const self = this.#self;
    if (leader === self?.pid) {
      this.#host.output(text);
      return;
    }
    if (self === undefined) throw gone(leader, NOPROC);
    const ref = self.monitor(leader);
    await new Promise<void>((resolve, reject) => {
      this.#pending.set(ref.key, { leader, resolve, reject });
      try {
        self.send(leader, tuple(IO_REQUEST, self.pid, ref, tuple(PUT_CHARS, UNICODE, text)));
      } catch (error) {
        // Too long for a frame.
        this.#pending.delete(ref.key);
        self.demonitor(ref);
        reject(error);
      }
    });
  }

  readonly actor = actor('user', (self: ActorSelf) => {
    this.#self = self;
    self.signal.addEventListener('abort', () => {
      if (this.#self === self) this.#self = undefined;
      for (const key of [...this.#pending.keys()]) this.#failed(key, NOPROC);
    });
    self.onMessage(isIo, (message) => {
      const [what, first, second, third] = message.elements;
      if (what === IO_REPLY) {
        if (first instanceof Ref) this.#replied(self, first, second);
      } else if (first instanceof Pid) {
        const answer = serve(third, (text) => this.#host.output(text));
        self.send(first, tuple(IO_REPLY, second, answer));
      }
    });
    self.onDown((down) => this.#failed(down.ref.key, down.reason));
    return {};
  });

  #replied(self: ActorSelf, ref: Ref, reply: unknown): void {
    const pending = this.#pending.get(ref.key);
    if (pending === undefined) return;
    this.#pending.delete(ref.key);
    self.demonitor(ref, { flush: true });
    if (reply === OK) pending.resolve();
    else {
      const reason = reply instanceof Tuple && reply.elements[0] === ERROR ? reply.elements[1] : reply;
      const who = describePid(pending.leader);
      pending.reject(
        new ExitError(reason, who, `the group leader ${who} refuses the output: ${describeReason(reason)}`),
      );
    }
  }

  #failed(key: string, reason: unknown): void {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    pending?.reject(gone(pending.leader, reason));
  }
}

function gone(leader: Pid, reason: unknown): ExitError {
  const who = describePid(leader);
  return new ExitError(reason, who, `the group leader ${who} is not there: ${describeReason(reason)}`);
}

/** `{io_request, From, ReplyAs, Request}` or `{io_reply, ReplyAs, Reply}`. */
function isIo(message: unknown): message is Tuple {
  if (!(message instanceof Tuple)) return false;
  const [what] = message.elements;
  return (what === IO_REQUEST && message.length === 4) || (what === IO_REPLY && message.length === 3);
}

/**
 * Carries out one request of the I/O protocol.
 * @returns the reply: `ok`, or `{error, Reason}`
 */
export function serve(request: unknown, write: (text: string) => void): unknown {
  if (request === atom('getopts')) return [tuple(atom('binary'), false), tuple(atom('encoding'), UNICODE)];
  if (!(request instanceof Tuple)) return REQUEST;
  const { elements } = request;
  const [what] = elements;
  switch (what instanceof Atom ? what.name : '') {
    case 'put_chars':
      return putChars(elements.slice(1), write);
    case 'requests':
      if (!Array.isArray(elements[1])) return REQUEST;
      return serveAll(elements[1], write);
    case 'get_line':
    case 'get_chars':
    case 'get_until':
    case 'get_password':
    case 'get_geometry':
      return ENOTSUP;
    case 'setopts':
      return isAsItIs(elements[1]) ? OK : ENOTSUP;
    default:
      return REQUEST;
  }
}

/** Whether options ask for nothing else than what `getopts` tells, as programs do that want to be sure of Unicode. */
function isAsItIs(options: unknown): boolean {
  const known = [
    tuple(atom('encoding'), UNICODE),
    tuple(atom('encoding'), atom('utf8')),
    tuple(atom('binary'), false),
  ];
  return (
    Array.isArray(options) &&
    options.every((option) => option === atom('list') || known.some((one) => equalTerms(one, option)))
  );
}

/** One after the other, until one fails; the last reply is the answer. */
function serveAll(requests: readonly unknown[], write: (text: string) => void): unknown {
  let reply: unknown = OK;
  for (const request of requests) {
    reply = serve(request, write);
    if (reply instanceof Tuple && reply.elements[0] === ERROR) break;
  }
  return reply;
}

/** `[Encoding, Chars]`, `[Encoding, Module, Function, Args]`, and the same of old without an encoding. */
function putChars(parts: readonly unknown[], write: (text: string) => void): unknown {
  const hasEncoding = parts.length === 2 || parts.length === 4;
  const isLatin1 = !hasEncoding || parts[0] === atom('latin1');
  const rest = hasEncoding ? parts.slice(1) : parts;
  const [first, fn, args] = rest;
  try {
    if (rest.length === 1) write(isLatin1 ? latin1(first) : charData(first));
    else if (rest.length === 3) write(applied(first, fn, args));
    else return REQUEST;
    return OK;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return tuple(ERROR, rest.length === 3 ? fn : PUT_CHARS);
  }
}

/** Text that the printing process would have made with one of io_lib's functions. */
function applied(module: unknown, fn: unknown, args: unknown): string {
  const name = module === atom('io_lib') && fn instanceof Atom && Array.isArray(args) ? fn.name : '';
  const [first, second] = args as readonly unknown[];
  if (name === 'format' || name === 'fwrite') return ioFormat(first, second);
  if (name === 'nl') return '\n';
  if (name === 'write') return ioFormat('~w', [first]);
  if (name === 'print') return ioFormat('~p', [first]);
  throw new FormatError(`${inspectTerm(module)}:${inspectTerm(fn)} makes no text here`);
}

/** Each byte is a character; those that were a UTF-8 text in disguise too. */
function latin1(value: unknown): string {
  if (Array.isArray(value)) return value.map(latin1).join('');
  if (typeof value === 'string' || value instanceof Uint8Array)
    return Buffer.from(bytes(value)).toString('latin1');
  return charData([value]);
}
