/**
 * From frames to calls of a sink. The room knows the frames that follow the handshake and the control tuples in
 * them; what a link, a monitor or an alias is, it leaves to whoever owns the sink.
 *
 * A frame is a tick (empty) or has one of two forms, which never mix on a link:
 *
 * - pass-through: 112, then 131 and the control tuple, then 131 and the payload if there is one
 * - with a distribution header: 131, 68, the header (`AtomReader`), then control tuple and payload without 131; or a
 *   fragment of one: 131, 69 (the first) or 70, sequence u64, fragment u64, in the first the header, then data
 */
import { DecodeError } from '../errors.ts';
import type { PayloadCodec } from '../payload/payload.ts';
import type { Atom } from '../term/atom.ts';
import type { TermDecoder } from '../term/etf/decode.ts';
import type { Pid } from '../term/identifiers.ts';
import { Tuple } from '../term/tuple.ts';
import { Assembly, type AssemblyLimits, type Whole } from './assembly.ts';
import { AtomReader } from './atom-reader.ts';
import * as op from './operations.ts';
import type { ControlSink } from './sink.ts';

export interface DistDecoderOptions {
  /** Name of the node at the other end: who may link and monitor. */
  readonly peer: string;
  /** Reads terms; used by this decoder alone. */
  readonly terms: TermDecoder;
  /** Reads payloads that start with 0xC1. Without it, such a payload closes the link. */
  readonly packed?: Pick<PayloadCodec, 'read'> | undefined;
  readonly sink: ControlSink;
  /** Frames carry a distribution header: DIST_HDR_ATOM_CACHE or FRAGMENTS is in force. @default false */
  readonly headers?: boolean;
  /** FRAGMENTS is in force, within these bounds. Without it a fragment closes the link. */
  readonly fragments?: AssemblyLimits | undefined;
}

/** First byte of a packed payload: no tag of the external term format. */
const PACKED_MAGIC = 0xc1;
/** COMPRESSED: legal in `binary_to_term`, corrupt in a frame. */
const COMPRESSED = 80;
const NEW_PID_EXT = 88;
const PID_EXT = 103;
/** Second byte of a frame with a header: 68 a whole one, 69 a first fragment, 70 a further one. */
const DIST_HEADER = 68;
const FIRST_FRAGMENT = 69;
const NEXT_FRAGMENT = 70;
/** 131, 69 or 70, sequence u64, fragment u64. */
const FRAGMENT_BYTES = 18;

/** Reads the frames of one link and calls the sink, once per frame, in order. Hot: no object but the message itself. */
export class DistDecoder {
  readonly #peer: string;
  readonly #terms: TermDecoder;
  readonly #packed: Pick<PayloadCodec, 'read'> | undefined;
  /** May change from one frame to the next. */
  sink: ControlSink;
  /** Where the present frame starts: offsets in errors count from there. */
  #start = 0;
  /** The incoming atom cache; undefined where frames are pass-through. */
  readonly #atoms: AtomReader | undefined;
  readonly #assembly: Assembly | undefined;

  constructor(options: DistDecoderOptions) {
    this.#peer = options.peer;
    this.#terms = options.terms;
    this.#packed = options.packed;
    this.sink = options.sink;
    if (options.headers) this.#atoms = new AtomReader();
    if (options.headers && options.fragments !== undefined) this.#assembly = new Assembly(options.fragments);
  }

  /**
   * Takes one frame without its length: `buffer[start..end)`. Nothing in what the sink gets points into it, unless
   * `isOwn` says that the buffer holds this frame alone; then a binary that makes up most of it stays where it is.
   * @throws DecodeError when it cannot be read (its offset counts from the start of the frame; in a message of
   * several fragments, of their joined data), LimitError when a message in fragments is past a limit: the link is
   * to be closed. The sink was not called then.
   */
  frame(buffer: Buffer, start: number, end: number, isOwn = false): void {
    this.#terms.isOwn = isOwn;
    if (start === end) {
      this.sink.tick();
      return;
    }
    const first = buffer[start]!;
    if (this.#atoms !== undefined) {
      this.#headed(this.#atoms, buffer, start, end);
      return;
    }
    if (first !== op.PASS_THROUGH) {
      if (first === op.VERSION_MAGIC)
        throw new DecodeError('a frame with a distribution header came, which was not agreed on', 0);
      throw new DecodeError(`expected a pass-through frame (112), got ${first}`, 0);
    }
    if (buffer[start + 1] !== op.VERSION_MAGIC || end - start < 2)
      throw new DecodeError('expected the version byte 131', 1);
    const terms = this.#terms;
    this.#start = start;
    terms.begin(buffer, start, end);
    terms.position = start + 2;
    this.#control(terms.readTupleHeader());
  }

  /** Whether a message has begun to come of which more than the last fragment is missing. */
  get isAssembling(): boolean {
    return this.#assembly?.isLong ?? false;
  }

  #headed(atoms: AtomReader, buffer: Buffer, start: number, end: number): void {
    const kind = end - start < 2 ? 0 : buffer[start + 1]!;
    if (buffer[start] !== op.VERSION_MAGIC || kind !== DIST_HEADER) {
      this.#fragment(atoms, buffer, start, end);
      return;
    }
    const position = atoms.read(buffer, start + 2, end, start);
    this.#message(atoms.refs, buffer, start, position, end);
  }

  /** Control tuple and payload behind a header. */
  #message(refs: readonly Atom[], buffer: Buffer, start: number, position: number, end: number): void {
    const terms = this.#terms;
    this.#start = start;
    terms.begin(buffer, start, end);
    terms.atomRefs = refs;
    terms.position = position;
    this.#control(terms.readTupleHeader());
  }

  #fragment(atoms: AtomReader, buffer: Buffer, start: number, end: number): void {
    if (buffer[start] !== op.VERSION_MAGIC)
      throw new DecodeError(`expected a frame with a distribution header (131), got ${buffer[start]}`, 0);
    const kind = end - start < 2 ? undefined : buffer[start + 1];
    if (kind !== FIRST_FRAGMENT && kind !== NEXT_FRAGMENT)
      throw new DecodeError(
        `expected a distribution header (68, 69 or 70), got ${kind ?? 'no more bytes'}`,
        1,
      );
    const assembly = this.#assembly;
    if (assembly === undefined) throw new DecodeError('a fragment came, which was not agreed on', 1);
    if (end - start < FRAGMENT_BYTES) throw new DecodeError('a fragment is cut off', end - start);
    const sequence = buffer.readBigUInt64BE(start + 2);
    const fragment = buffer.readBigUInt64BE(start + 10);
    if (fragment === 0n) throw new DecodeError('a fragment has the number 0', 10);
    let position = start + FRAGMENT_BYTES;
    if (kind === NEXT_FRAGMENT) {
      this.#whole(assembly.next(sequence, fragment, buffer.subarray(position, end)));
      return;
    }
    position = atoms.read(buffer, position, end, start);
    if (fragment === 1n) this.#message(atoms.refs, buffer, start, position, end);
    else assembly.first(sequence, fragment, buffer.subarray(position, end), [...atoms.refs]);
  }

  #whole(whole: Whole | undefined): void {
    if (whole === undefined) return;
    this.#terms.isOwn = true;
    this.#message(whole.refs, whole.data, 0, 0, whole.data.length);
  }

  /**
   * A frame of `length` bytes is coming of which only `buffer[start..end)` is here. If it is a fragment its data goes
   * straight to its message: these bytes are taken, and the others belong where the answer says; then `placed` is to
   * be called. Otherwise `frame` gets it once it is whole.
   * @throws LimitError when a message is past a limit
   */
  room(buffer: Buffer, start: number, end: number, length: number): Buffer | undefined {
    if (this.#assembly === undefined || end - start < FRAGMENT_BYTES) return undefined;
    const kind = buffer[start + 1]!;
    if (buffer[start] !== op.VERSION_MAGIC || (kind !== NEXT_FRAGMENT && kind !== FIRST_FRAGMENT))
      return undefined;
    const sequence = buffer.readBigUInt64BE(start + 2);
    const fragment = buffer.readBigUInt64BE(start + 10);
    let position = start + FRAGMENT_BYTES;
    if (kind === NEXT_FRAGMENT) {
      const here = buffer.subarray(position, end);
      return this.#assembly.room(sequence, fragment, here, length - FRAGMENT_BYTES);
    }
    if (fragment < 2n) return undefined;
    const atoms = this.#atoms!;
    try {
      position = atoms.read(buffer, position, end, start);
    } catch (error) {
      // Perhaps only cut off: it is read again, to the same effect, with the whole frame.
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
    const here = buffer.subarray(position, end);
    const dataBytes = length - (position - start);
    return this.#assembly.firstRoom(sequence, fragment, here, dataBytes, [...atoms.refs]);
  }

  /** The fragment that `room` was asked about has come. Throws as `frame` does. */
  placed(): void {
    this.#whole(this.#assembly?.placed());
  }

  /** Lets go of the frame, or message, that was read last: an idle link is not to keep it. */
  release(): void {
    this.#terms.release();
  }

  /** The control tuple, from its operation on. Operations that carry most of the traffic come first. */
  #control(arity: number): void {
    const terms = this.#terms;
    const operation = arity === 0 ? 0 : terms.readInteger();
    switch (operation) {
      case op.SEND_SENDER: {
        this.#arity(arity, 3, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        this.sink.send(from, to, this.#payload());
        return;
      }
      case op.SEND: {
        this.#arity(arity, 3, operation);
        terms.readAtom();
        const to = terms.readPid();
        this.sink.send(undefined, to, this.#payload());
        return;
      }
      case op.REG_SEND: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        terms.readAtom();
        const toName = terms.readAtom();
        this.sink.regSend(from, toName, this.#payload());
        return;
      }
      case op.ALIAS_SEND: {
        this.#arity(arity, 3, operation);
        const from = terms.readPid();
        const alias = terms.readRef();
        this.sink.aliasSend(from, alias, this.#payload());
        return;
      }
      case op.MONITOR_P: {
        this.#arity(arity, 4, operation);
        const from = this.#peerPid();
        const target = this.#pidOrAtom();
        this.sink.monitor(from, target, terms.readRef());
        return;
      }
      case op.DEMONITOR_P: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        const target = this.#pidOrAtom();
        this.sink.demonitor(from, target, terms.readRef());
        return;
      }
      case op.PAYLOAD_MONITOR_P_EXIT: {
        this.#arity(arity, 4, operation);
        const from = this.#pidOrAtom();
        const to = terms.readPid();
        const ref = terms.readRef();
        this.sink.monitorExit(from, to, ref, this.#payload());
        return;
      }
      default:
        this.#signal(operation, arity);
    }
  }

  /** Links, exits, spawning: operations that come once in the life of a process. */
  #signal(operation: number, arity: number): void {
    const terms = this.#terms;
    const { sink } = this;
    switch (operation) {
      case op.LINK: {
        this.#arity(arity, 3, operation);
        const from = this.#peerPid();
        sink.link(from, terms.readPid());
        return;
      }
      case op.UNLINK: {
        this.#arity(arity, 3, operation);
        const from = terms.readPid();
        sink.unlink(from, terms.readPid());
        return;
      }
      case op.UNLINK_ID:
      case op.UNLINK_ID_ACK: {
        this.#arity(arity, 4, operation);
        const id = this.#unlinkId();
        const from = terms.readPid();
        const to = terms.readPid();
        if (operation === op.UNLINK_ID) sink.unlinkId(id, from, to);
        else sink.unlinkIdAck(id, from, to);
        return;
      }
      case op.PAYLOAD_EXIT:
      case op.PAYLOAD_EXIT2: {
        this.#arity(arity, 3, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        const reason = this.#payload();
        if (operation === op.PAYLOAD_EXIT) sink.exit(from, to, reason);
        else sink.exit2(from, to, reason);
        return;
      }
      case op.EXIT:
      case op.EXIT2: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        const reason = terms.readTerm();
        if (operation === op.EXIT) sink.exit(from, to, reason);
        else sink.exit2(from, to, reason);
        return;
      }
      case op.MONITOR_P_EXIT: {
        this.#arity(arity, 5, operation);
        const from = this.#pidOrAtom();
        const to = terms.readPid();
        const ref = terms.readRef();
        sink.monitorExit(from, to, ref, terms.readTerm());
        return;
      }
      case op.GROUP_LEADER: {
        this.#arity(arity, 3, operation);
        const from = terms.readPid();
        sink.groupLeader(from, terms.readPid());
        return;
      }
      case op.SPAWN_REQUEST:
        this.#arity(arity, 6, operation);
        this.#spawnRequest(false);
        return;
      case op.SPAWN_REPLY:
        this.#arity(arity, 5, operation);
        this.#spawnReply(false);
        return;
      case op.ALTACT_SIG_SEND:
        this.#altact(arity);
        return;
      default:
        this.#traced(operation, arity);
    }
  }

  /** The _TT forms: as their namesakes, with a trace token that is read and dropped. */
  #traced(operation: number, arity: number): void {
    const terms = this.#terms;
    const { sink } = this;
    switch (operation) {
      case op.SEND_TT: {
        this.#arity(arity, 4, operation);
        terms.readAtom();
        const to = terms.readPid();
        terms.readTerm();
        sink.send(undefined, to, this.#payload());
        return;
      }
      case op.SEND_SENDER_TT: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        terms.readTerm();
        sink.send(from, to, this.#payload());
        return;
      }
      case op.REG_SEND_TT: {
        this.#arity(arity, 5, operation);
        const from = terms.readPid();
        terms.readAtom();
        const toName = terms.readAtom();
        terms.readTerm();
        sink.regSend(from, toName, this.#payload());
        return;
      }
      case op.ALIAS_SEND_TT: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        const alias = terms.readRef();
        terms.readTerm();
        sink.aliasSend(from, alias, this.#payload());
        return;
      }
      case op.EXIT_TT:
      case op.EXIT2_TT: {
        this.#arity(arity, 5, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        terms.readTerm();
        const reason = terms.readTerm();
        if (operation === op.EXIT_TT) sink.exit(from, to, reason);
        else sink.exit2(from, to, reason);
        return;
      }
      case op.PAYLOAD_EXIT_TT:
      case op.PAYLOAD_EXIT2_TT: {
        this.#arity(arity, 4, operation);
        const from = terms.readPid();
        const to = terms.readPid();
        terms.readTerm();
        const reason = this.#payload();
        if (operation === op.PAYLOAD_EXIT_TT) sink.exit(from, to, reason);
        else sink.exit2(from, to, reason);
        return;
      }
      case op.SPAWN_REQUEST_TT:
        this.#arity(arity, 7, operation);
        this.#spawnRequest(true);
        return;
      case op.SPAWN_REPLY_TT:
        this.#arity(arity, 6, operation);
        this.#spawnReply(true);
        return;
      default:
        if (arity === 0) this.#fail('the control tuple is empty');
        sink.unknown(operation);
    }
  }

  #spawnRequest(traced: boolean): void {
    const terms = this.#terms;
    const request = terms.readRef();
    const from = terms.readPid();
    const groupLeader = terms.readPid();
    const mfa = terms.readTerm();
    if (!(mfa instanceof Tuple) || mfa.length !== 3)
      this.#fail('expected {Module, Function, Arity} in SPAWN_REQUEST');
    const options = terms.readTerm();
    if (traced) terms.readTerm();
    this.sink.spawnRequest(request, from, groupLeader, mfa, options, this.#payload());
  }

  #spawnReply(traced: boolean): void {
    const terms = this.#terms;
    const request = terms.readRef();
    const to = terms.readPid();
    const flags = terms.readInteger();
    const result = this.#pidOrAtom();
    if (traced) terms.readTerm();
    this.sink.spawnReply(request, to, flags, result);
  }

  /**
   * {37, Flags, From, To} or, with a token, {37, Flags, From, To, Token}: what OTP 28 and newer send in place of
   * ALIAS_SEND, and for signals with priority, whose priority is not kept here.
   */
  #altact(arity: number): void {
    const terms = this.#terms;
    if (arity < 4) this.#fail(`expected 4 or 5 elements in control operation 37, got ${arity}`);
    const flags = terms.readInteger();
    this.#arity(arity, (flags & op.ALTACT_TOKEN) === 0 ? 4 : 5, op.ALTACT_SIG_SEND);
    const from = terms.readPid();
    const alias = (flags & op.ALTACT_ALIAS) === 0 ? undefined : terms.readRef();
    const named = alias === undefined && (flags & op.ALTACT_NAME) !== 0;
    const name = named ? terms.readAtom() : undefined;
    const pid = alias === undefined && name === undefined ? terms.readPid() : undefined;
    if ((flags & op.ALTACT_TOKEN) !== 0) terms.readTerm();
    const payload = this.#payload();
    if ((flags & op.ALTACT_EXIT) !== 0) {
      // An exit through an alias or a name has no call in the sink; no release sends one without ALTACT_SIG.
      if (pid === undefined) this.sink.unknown(op.ALTACT_SIG_SEND);
      else this.sink.exit2(from, pid, payload);
    } else if (alias !== undefined) this.sink.aliasSend(from, alias, payload);
    else if (name !== undefined) this.sink.regSend(from, name, payload);
    else if (pid !== undefined) this.sink.send(from, pid, payload);
  }

  /**
   * The term behind the control tuple, with 131 before it in a pass-through frame only. Bytes behind that are
   * ignored, as OTP ignores them.
   */
  #payload(): unknown {
    const terms = this.#terms;
    const { buffer, position, end } = terms;
    if (position >= end) this.#fail('the payload is missing');
    const first = buffer[position];
    if (first === PACKED_MAGIC && this.#packed !== undefined)
      return this.#packed.read(buffer, position, end, this.#start);
    if (this.#atoms !== undefined) return terms.readTerm();
    if (first !== op.VERSION_MAGIC) this.#fail(`expected the version byte 131 of a payload, got ${first}`);
    if (buffer[position + 1] === COMPRESSED && position + 1 < end)
      this.#fail('a compressed payload came, which no frame may hold');
    terms.position = position + 1;
    return terms.readTerm();
  }

  #pidOrAtom(): Pid | Atom {
    const tag = this.#terms.peekTag();
    return tag === NEW_PID_EXT || tag === PID_EXT ? this.#terms.readPid() : this.#terms.readAtom();
  }

  /** A process of the peer: no third node may link or monitor through this one. */
  #peerPid(): Pid {
    const pid = this.#terms.readPid();
    if (pid.node !== this.#peer)
      this.#fail(`the peer ${this.#peer} speaks for a process of ${JSON.stringify(pid.node)}`);
    return pid;
  }

  #unlinkId(): bigint {
    const id = this.#terms.readBigInteger();
    if (id < 1n || id > 0xffff_ffff_ffff_ffffn) this.#fail('expected an unlink id of 1..2^64-1');
    return id;
  }

  #arity(arity: number, expected: number, operation: number): void {
    if (arity !== expected)
      this.#fail(`expected ${expected} elements in control operation ${operation}, got ${arity}`);
  }

  #fail(message: string): never {
    const { position } = this.#terms;
    throw new DecodeError(message, position - this.#start);
  }
}
