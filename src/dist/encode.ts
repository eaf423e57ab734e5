import type { ByteWriter } from '../codec/writer.ts';
import { EncodeError } from '../errors.ts';
import type { PayloadCodec } from '../payload/payload.ts';
import { type Atom, atom } from '../term/atom.ts';
import { encodeInto } from '../term/etf/encode.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import type { Tuple } from '../term/tuple.ts';
import * as op from './operations.ts';

/** Which of the optional operations both ends of a link understand; named as the distribution flags. */
export interface LinkFeatures {
  readonly DIST_MONITOR: boolean;
  readonly DIST_MONITOR_NAME: boolean;
  readonly SEND_SENDER: boolean;
  readonly EXIT_PAYLOAD: boolean;
  readonly UNLINK_ID: boolean;
  readonly SPAWN: boolean;
  readonly ALIAS: boolean;
}

export interface DistEncoderOptions {
  readonly features: LinkFeatures;
  /** Longest frame sent, in bytes. */
  readonly frameBytes: number;
}

/** Where SEND and REG_SEND once had the cookie: the empty atom. */
const COOKIE = atom('');

/** 104 (SMALL_TUPLE_EXT) and 97 (SMALL_INTEGER_EXT): how every control tuple starts. */
const SMALL_TUPLE_EXT = 104;
const SMALL_INTEGER_EXT = 97;

/** Bytes from the start of a frame to its second field: length 4, 112, 131, 104, arity, 97, operation. */
const HEAD_BYTES = 10;

/**
 * Writes control messages of one link as whole pass-through frames: u32 length, 112, 131, control tuple, and where
 * there is one 131, payload. The form of each is chosen by the features in force.
 *
 * Each method appends one frame and answers true; false means that the peer has no such operation, and nothing was
 * written. After an `EncodeError` (no term, or a frame past the limit) the writer is where it was.
 */
export class DistEncoder {
  readonly #features: LinkFeatures;
  readonly #frameBytes: number;
  /**
   * Writes messages in place of ETF, its mark 0xC1 included, once the peer has said that it reads that. Exit
   * reasons and control tuples stay ETF.
   */
  packed: Pick<PayloadCodec, 'write'> | undefined = undefined;

  constructor(options: DistEncoderOptions) {
    this.#features = options.features;
    this.#frameBytes = options.frameBytes;
  }

  /** An empty frame: proof of life. */
  tick(w: ByteWriter): void {
    w.u32(0);
  }

  /** {2, '', To}, message */
  send(w: ByteWriter, to: Pid, message: unknown): boolean {
    const start = open(w, 3, op.SEND);
    field(w, start, COOKIE);
    pidField(w, start, to);
    return this.#message(w, start, message);
  }

  /** {22, From, To}, message. SEND where the peer does not know it. */
  sendSender(w: ByteWriter, from: Pid, to: Pid, message: unknown): boolean {
    if (!this.#features.SEND_SENDER) return this.send(w, to, message);
    const start = open(w, 3, op.SEND_SENDER);
    pidField(w, start, from);
    pidField(w, start, to);
    return this.#message(w, start, message);
  }

  /** {6, From, '', Name}, message */
  regSend(w: ByteWriter, from: Pid, toName: Atom, message: unknown): boolean {
    const start = open(w, 4, op.REG_SEND);
    pidField(w, start, from);
    field(w, start, COOKIE);
    field(w, start, toName);
    return this.#message(w, start, message);
  }

  /** {33, From, Alias}, message */
  aliasSend(w: ByteWriter, from: Pid, alias: Ref, message: unknown): boolean {
    if (!this.#features.ALIAS) return false;
    const start = open(w, 3, op.ALIAS_SEND);
    pidField(w, start, from);
    field(w, start, alias);
    return this.#message(w, start, message);
  }

  /** {1, From, To} */
  link(w: ByteWriter, from: Pid, to: Pid): boolean {
    return this.#pair(w, op.LINK, from, to);
  }

  /** {35, Id, From, To}; {4, From, To} where the peer does not know it. `id` is 1..2^64-1. */
  unlinkId(w: ByteWriter, id: bigint, from: Pid, to: Pid): boolean {
    if (!this.#features.UNLINK_ID) return this.#pair(w, op.UNLINK, from, to);
    return this.#unlink(w, op.UNLINK_ID, id, from, to);
  }

  /** {36, Id, From, To}; the old UNLINK is never acknowledged. */
  unlinkIdAck(w: ByteWriter, id: bigint, from: Pid, to: Pid): boolean {
    if (!this.#features.UNLINK_ID) return false;
    return this.#unlink(w, op.UNLINK_ID_ACK, id, from, to);
  }

  /** {24, From, To}, reason; else {3, From, To, Reason} */
  exit(w: ByteWriter, from: Pid, to: Pid, reason: unknown): boolean {
    return this.#exit(w, op.PAYLOAD_EXIT, op.EXIT, from, to, reason);
  }

  /** {26, From, To}, reason; else {8, From, To, Reason} */
  exit2(w: ByteWriter, from: Pid, to: Pid, reason: unknown): boolean {
    return this.#exit(w, op.PAYLOAD_EXIT2, op.EXIT2, from, to, reason);
  }

  /** {19, From, PidOrName, Ref} */
  monitor(w: ByteWriter, from: Pid, target: Pid | Atom, ref: Ref): boolean {
    return this.#monitor(w, op.MONITOR_P, from, target, ref);
  }

  /** {20, From, PidOrName, Ref} */
  demonitor(w: ByteWriter, from: Pid, target: Pid | Atom, ref: Ref): boolean {
    return this.#monitor(w, op.DEMONITOR_P, from, target, ref);
  }

  /** {28, PidOrName, To, Ref}, reason; else {21, PidOrName, To, Ref, Reason} */
  monitorExit(w: ByteWriter, from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): boolean {
    if (!this.#monitors(from)) return false;
    const apart = this.#features.EXIT_PAYLOAD;
    const start = apart ? open(w, 4, op.PAYLOAD_MONITOR_P_EXIT) : open(w, 5, op.MONITOR_P_EXIT);
    field(w, start, from);
    pidField(w, start, to);
    field(w, start, ref);
    if (apart) return this.#payload(w, start, reason);
    field(w, start, reason);
    return this.#close(w, start);
  }

  /** {7, From, To} */
  groupLeader(w: ByteWriter, from: Pid, to: Pid): boolean {
    return this.#pair(w, op.GROUP_LEADER, from, to);
  }

  /** {29, ReqId, From, GroupLeader, {Module, Function, Arity}, Options}, argument list */
  spawnRequest(
    w: ByteWriter,
    request: Ref,
    from: Pid,
    groupLeader: Pid,
    mfa: Tuple,
    options: readonly unknown[],
    args: unknown,
  ): boolean {
    if (!this.#features.SPAWN) return false;
    const start = open(w, 6, op.SPAWN_REQUEST);
    field(w, start, request);
    pidField(w, start, from);
    pidField(w, start, groupLeader);
    field(w, start, mfa);
    field(w, start, options);
    return this.#payload(w, start, args);
  }

  /** {31, ReqId, To, Flags, PidOrError} */
  spawnReply(w: ByteWriter, request: Ref, to: Pid, flags: number, result: Pid | Atom): boolean {
    if (!this.#features.SPAWN) return false;
    const start = open(w, 5, op.SPAWN_REPLY);
    field(w, start, request);
    pidField(w, start, to);
    field(w, start, flags);
    field(w, start, result);
    return this.#close(w, start);
  }

  #pair(w: ByteWriter, operation: number, from: Pid, to: Pid): boolean {
    const start = open(w, 3, operation);
    pidField(w, start, from);
    pidField(w, start, to);
    return this.#close(w, start);
  }

  #unlink(w: ByteWriter, operation: number, id: bigint, from: Pid, to: Pid): boolean {
    const start = open(w, 4, operation);
    field(w, start, id);
    pidField(w, start, from);
    pidField(w, start, to);
    return this.#close(w, start);
  }

  #exit(
    w: ByteWriter,
    payloadOperation: number,
    operation: number,
    from: Pid,
    to: Pid,
    reason: unknown,
  ): boolean {
    const apart = this.#features.EXIT_PAYLOAD;
    const start = apart ? open(w, 3, payloadOperation) : open(w, 4, operation);
    pidField(w, start, from);
    pidField(w, start, to);
    if (apart) return this.#payload(w, start, reason);
    field(w, start, reason);
    return this.#close(w, start);
  }

  #monitor(w: ByteWriter, operation: number, from: Pid, target: Pid | Atom, ref: Ref): boolean {
    if (!this.#monitors(target)) return false;
    const start = open(w, 4, operation);
    pidField(w, start, from);
    field(w, start, target);
    field(w, start, ref);
    return this.#close(w, start);
  }

  #monitors(target: Pid | Atom): boolean {
    return target instanceof Pid ? this.#features.DIST_MONITOR : this.#features.DIST_MONITOR_NAME;
  }

  #message(w: ByteWriter, start: number, message: unknown): boolean {
    if (this.packed === undefined) return this.#payload(w, start, message);
    try {
      this.packed.write(w, message);
    } catch (error) {
      w.position = start;
      throw error;
    }
    return this.#close(w, start);
  }

  #payload(w: ByteWriter, start: number, term: unknown): boolean {
    w.u8(op.VERSION_MAGIC);
    field(w, start, term);
    return this.#close(w, start);
  }

  /** Fills in the length. */
  #close(w: ByteWriter, start: number): boolean {
    const bytes = w.position - start - 4;
    if (bytes > this.#frameBytes) {
      w.position = start;
      throw new EncodeError(
        `the message takes ${bytes} bytes, a frame at most ${this.#frameBytes} (limits.frameBytes)`,
      );
    }
    w.setU32(start, bytes);
    return true;
  }
}

/** Starts a frame: room for the length, then the control tuple up to its operation. Answers where the frame starts. */
function open(w: ByteWriter, arity: number, operation: number): number {
  w.reserve(HEAD_BYTES);
  const start = w.position;
  const { buffer } = w;
  buffer[start + 4] = op.PASS_THROUGH;
  buffer[start + 5] = op.VERSION_MAGIC;
  buffer[start + 6] = SMALL_TUPLE_EXT;
  buffer[start + 7] = arity;
  buffer[start + 8] = SMALL_INTEGER_EXT;
  buffer[start + 9] = operation;
  w.position = start + HEAD_BYTES;
  return start;
}

/** A pid; once encoded its bytes are copied. */
function pidField(w: ByteWriter, start: number, pid: Pid): void {
  const { wire } = pid;
  if (wire === undefined) field(w, start, pid);
  else w.bytes(wire);
}

/** One term. If it cannot be encoded the whole frame is taken back. */
function field(w: ByteWriter, start: number, term: unknown): void {
  try {
    encodeInto(w, term);
  } catch (error) {
    w.position = start;
    throw error;
  }
}
