import type { ByteWriter } from '../codec/writer.ts';
import { EncodeError } from '../errors.ts';
import type { PayloadCodec } from '../payload/payload.ts';
import { type Atom, atom } from '../term/atom.ts';
import { encodeInto, writePid } from '../term/etf/encode.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import type { Tuple } from '../term/tuple.ts';
import type { AtomWriter } from './atom-writer.ts';
import {
  type BulkQueue,
  FRAGMENT_DATA_BYTES,
  FRAGMENT_HEAD_BYTES,
  fragmentHead,
  OWN_FRAGMENT_DATA_BYTES,
} from './bulk.ts';
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
  /** Longest frame and longest message sent, in bytes. */
  readonly frameBytes: number;
  /** Frames carry a distribution header: DIST_HDR_ATOM_CACHE or FRAGMENTS is in force. @default false */
  readonly headers?: boolean;
  /** DIST_HDR_ATOM_CACHE is in force. Without it headers are empty, as a real node's are. */
  readonly atoms?: AtomWriter | undefined;
  /** FRAGMENTS is in force: where big messages wait. Without it they go as one frame. */
  readonly bulk?: BulkQueue | undefined;
}

/** Where SEND and REG_SEND once had the cookie: the empty atom. */
const COOKIE = atom('');

/** 104 (SMALL_TUPLE_EXT) and 97 (SMALL_INTEGER_EXT): how every control tuple starts. */
const SMALL_TUPLE_EXT = 104;
const SMALL_INTEGER_EXT = 97;

/** Bytes before the control tuple: 112, 131 in a pass-through frame; 131, 68, 0 where the header is empty. */
const PASS_THROUGH_BYTES = 2;
const EMPTY_HEADER_BYTES = 3;
/** 131, 68: what stands before N, flags and references. */
const HEADER_START_BYTES = 2;
const DIST_HEADER = 68;

/**
 * What data that still goes as one frame may have above a fragment's: a payload of 64 KiB has its control tuple. A real
 * node cuts everything above 65,536 bytes; a second fragment of some bytes would only cost.
 */
const WHOLE_ABOVE_BYTES = 1024;

/**
 * Writes control messages of one link as frames: u32 length, then 112, 131, control tuple, and where there is one
 * 131, payload; or, with headers, 131, 68, header, control tuple, payload. The form of each operation is chosen by
 * the features in force.
 *
 * A header stands before the terms that decide its length, so room is left for the one that the same operation had
 * last time; where that proves wrong the frame is moved. Big messages leave their first fragment here, which
 * carries the header, and the others in the bulk queue, where whatever the sender says next follows them.
 *
 * Each method appends one frame and answers true; false means that the peer has no such operation, and nothing was
 * written. After an `EncodeError` (no term, or a frame past the limit) the writer is where it was.
 */
export class DistEncoder {
  readonly #features: LinkFeatures;
  readonly #frameBytes: number;
  /**
   * Writes messages, exit reasons and arguments in place of ETF, its mark 0xC1 included, once the peer has said that
   * it reads that. Control tuples stay ETF.
   */
  packed: Pick<PayloadCodec, 'write'> | undefined = undefined;
  readonly #headers: boolean;
  readonly #atoms: AtomWriter | undefined;
  readonly #bulk: BulkQueue | undefined;
  /** Bytes before the control tuple, by operation: those of the last frame of this kind. */
  readonly #gaps = new Uint16Array(256);

  // The frame that is being written:
  /** Whose frame it is; undefined for one that has no place in a sender's order. */
  #from: Pid | Atom | undefined;
  #operation = 0;
  /** Bytes left for what stands before the control tuple. */
  #gap = PASS_THROUGH_BYTES;
  /** Where atoms go: the cache, or undefined where they stand in the terms. */
  #indexes: AtomWriter | undefined;
  /** It must wait behind a bigger message of its sender. */
  #held = false;

  constructor(options: DistEncoderOptions) {
    this.#features = options.features;
    this.#frameBytes = options.frameBytes;
    this.#headers = options.headers ?? false;
    this.#atoms = options.headers ? options.atoms : undefined;
    this.#bulk = options.headers ? options.bulk : undefined;
    this.#gaps.fill(EMPTY_HEADER_BYTES);
  }

  /** An empty frame: proof of life. */
  tick(w: ByteWriter): void {
    w.u32(0);
  }

  /** {2, '', To}, message */
  send(w: ByteWriter, to: Pid, message: unknown): boolean {
    // The sender is not known here: the order of all that goes to one process is kept instead.
    return this.#send(w, to, to, message);
  }

  #send(w: ByteWriter, from: Pid, to: Pid, message: unknown): boolean {
    const start = this.#open(w, 3, op.SEND, from);
    this.#field(w, start, COOKIE);
    this.#pid(w, to);
    return this.#payload(w, start, message);
  }

  /** {22, From, To}, message. SEND where the peer does not know it. */
  sendSender(w: ByteWriter, from: Pid, to: Pid, message: unknown): boolean {
    if (!this.#features.SEND_SENDER) return this.#send(w, from, to, message);
    const start = this.#open(w, 3, op.SEND_SENDER, from);
    this.#pid(w, from);
    this.#pid(w, to);
    return this.#payload(w, start, message);
  }

  /** {6, From, '', Name}, message */
  regSend(w: ByteWriter, from: Pid, toName: Atom, message: unknown): boolean {
    const start = this.#open(w, 4, op.REG_SEND, from);
    this.#pid(w, from);
    this.#field(w, start, COOKIE);
    this.#field(w, start, toName);
    return this.#payload(w, start, message);
  }

  /** {33, From, Alias}, message */
  aliasSend(w: ByteWriter, from: Pid, alias: Ref, message: unknown): boolean {
    if (!this.#features.ALIAS) return false;
    const start = this.#open(w, 3, op.ALIAS_SEND, from);
    this.#pid(w, from);
    this.#field(w, start, alias);
    return this.#payload(w, start, message);
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
    const start = apart
      ? this.#open(w, 4, op.PAYLOAD_MONITOR_P_EXIT, from)
      : this.#open(w, 5, op.MONITOR_P_EXIT, from);
    this.#field(w, start, from);
    this.#pid(w, to);
    this.#field(w, start, ref);
    if (apart) return this.#payload(w, start, reason);
    this.#field(w, start, reason);
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
    const start = this.#open(w, 6, op.SPAWN_REQUEST, from);
    this.#field(w, start, request);
    this.#pid(w, from);
    this.#pid(w, groupLeader);
    this.#field(w, start, mfa);
    this.#field(w, start, options);
    return this.#payload(w, start, args);
  }

  /** {31, ReqId, To, Flags, PidOrError} */
  spawnReply(w: ByteWriter, request: Ref, to: Pid, flags: number, result: Pid | Atom): boolean {
    if (!this.#features.SPAWN) return false;
    const start = this.#open(w, 5, op.SPAWN_REPLY, undefined);
    this.#field(w, start, request);
    this.#pid(w, to);
    this.#field(w, start, flags);
    this.#field(w, start, result);
    return this.#close(w, start);
  }

  #pair(w: ByteWriter, operation: number, from: Pid, to: Pid): boolean {
    const start = this.#open(w, 3, operation, from);
    this.#pid(w, from);
    this.#pid(w, to);
    return this.#close(w, start);
  }

  #unlink(w: ByteWriter, operation: number, id: bigint, from: Pid, to: Pid): boolean {
    const start = this.#open(w, 4, operation, from);
    this.#field(w, start, id);
    this.#pid(w, from);
    this.#pid(w, to);
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
    const start = apart ? this.#open(w, 3, payloadOperation, from) : this.#open(w, 4, operation, from);
    this.#pid(w, from);
    this.#pid(w, to);
    if (apart) return this.#payload(w, start, reason);
    this.#field(w, start, reason);
    return this.#close(w, start);
  }

  #monitor(w: ByteWriter, operation: number, from: Pid, target: Pid | Atom, ref: Ref): boolean {
    if (!this.#monitors(target)) return false;
    const start = this.#open(w, 4, operation, from);
    this.#pid(w, from);
    this.#field(w, start, target);
    this.#field(w, start, ref);
    return this.#close(w, start);
  }

  #monitors(target: Pid | Atom): boolean {
    return target instanceof Pid ? this.#features.DIST_MONITOR : this.#features.DIST_MONITOR_NAME;
  }

  #payload(w: ByteWriter, start: number, term: unknown): boolean {
    if (this.packed === undefined) {
      if (!this.#headers) w.u8(op.VERSION_MAGIC);
      const payloadAt = w.position;
      this.#field(w, start, term);
      return this.#close(w, start, payloadAt);
    }
    const payloadAt = w.position;
    try {
      this.packed.write(w, term);
    } catch (error) {
      this.#undo(w, start);
      throw error;
    }
    return this.#close(w, start, payloadAt);
  }

  /** Starts a frame: room for what comes before it, and the control tuple up to its operation. */
  #open(w: ByteWriter, arity: number, operation: number, from: Pid | Atom | undefined): number {
    const start = w.position;
    if (this.#headers) this.#begin(operation, from);
    const at = start + 4 + this.#gap;
    if (at + 4 > w.buffer.length) w.reserve(at + 4 - start);
    const { buffer } = w;
    buffer[at] = SMALL_TUPLE_EXT;
    buffer[at + 1] = arity;
    buffer[at + 2] = SMALL_INTEGER_EXT;
    buffer[at + 3] = operation;
    w.position = at + 4;
    return start;
  }

  #begin(operation: number, from: Pid | Atom | undefined): void {
    const bulk = this.#bulk;
    this.#from = from;
    this.#operation = operation;
    this.#held = bulk !== undefined && !bulk.isEmpty && from !== undefined && bulk.holds(from);
    if (this.#atoms === undefined || this.#held) {
      this.#indexes = undefined;
      this.#gap = EMPTY_HEADER_BYTES;
      return;
    }
    this.#indexes = this.#atoms;
    this.#atoms.begin();
    this.#gap = this.#gaps[operation]!;
  }

  /** Writes what comes before the control tuple, and the length. */
  #close(w: ByteWriter, start: number, payloadAt = -1): boolean {
    if (this.#headers) return this.#closeHeaded(w, start, payloadAt);
    this.#check(w, start, w.position - start - 4);
    w.buffer[start + 4] = op.PASS_THROUGH;
    w.buffer[start + 5] = op.VERSION_MAGIC;
    w.setU32(start, w.position - start - 4);
    return true;
  }

  #closeHeaded(w: ByteWriter, start: number, payloadAt: number): boolean {
    const bodyAt = start + 4 + this.#gap;
    const bytes = w.position - bodyAt;
    const isOurs = this.packed !== undefined;
    if (bytes > (isOurs ? OWN_FRAGMENT_DATA_BYTES : FRAGMENT_DATA_BYTES) + WHOLE_ABOVE_BYTES) {
      // The control tuple must be in the first fragment; and a registered name has no lane of its own.
      const controlBytes = payloadAt - bodyAt;
      const fits = payloadAt >= 0 && controlBytes <= FRAGMENT_DATA_BYTES;
      if (fits && this.#bulk !== undefined && this.#from instanceof Pid) {
        // Of ours the first has no more: it is copied once more, to where other frames are.
        const firstBytes = isOurs ? controlBytes : FRAGMENT_DATA_BYTES;
        return this.#closeBig(this.#bulk, this.#from, w, start, bodyAt, firstBytes);
      }
    }
    const indexes = this.#indexes;
    const gap = indexes === undefined ? EMPTY_HEADER_BYTES : HEADER_START_BYTES + indexes.headerBytes;
    this.#check(w, start, gap + bytes);
    if (gap !== this.#gap) {
      if (gap > this.#gap) w.reserve(gap - this.#gap);
      w.buffer.copyWithin(start + 4 + gap, bodyAt, bodyAt + bytes);
      w.position = start + 4 + gap + bytes;
    }
    const { buffer } = w;
    buffer[start + 4] = op.VERSION_MAGIC;
    buffer[start + 5] = DIST_HEADER;
    if (indexes === undefined) buffer[start + 6] = 0;
    else {
      indexes.write(buffer, start + 6);
      this.#gaps[this.#operation] = HEADER_START_BYTES + indexes.knownBytes;
    }
    w.setU32(start, gap + bytes);
    if (this.#held) {
      this.#bulk!.frame(this.#from!, Buffer.from(buffer.subarray(start, w.position)));
      w.position = start;
    } else if (bytes > FRAGMENT_DATA_BYTES + WHOLE_ABOVE_BYTES && this.#bulk !== undefined)
      this.#bulk.longBytes += w.position - start;
    return true;
  }

  /** A message for fragments. The first leaves now, since frames after it may rely on its header. */
  #closeBig(
    bulk: BulkQueue,
    from: Pid,
    w: ByteWriter,
    start: number,
    bodyAt: number,
    firstBytes: number,
  ): boolean {
    this.#check(w, start, w.position - bodyAt);
    const data = w.cut(bodyAt);
    w.position = start;
    if (this.#held) {
      // At least two: in one alone, head and all, it could be longer than a frame may be.
      bulk.message(from, data, 0, this.#fragmentBytes(data.length, 2));
      return true;
    }
    const restBytes = data.length - firstBytes;
    const fragmentBytes = this.#fragmentBytes(restBytes, 1);
    const indexes = this.#indexes;
    const header = FRAGMENT_HEAD_BYTES + (indexes === undefined ? 1 : indexes.headerBytes);
    w.reserve(4 + header + firstBytes);
    w.setU32(start, header + firstBytes);
    const fragments = 1 + Math.ceil(restBytes / fragmentBytes);
    fragmentHead(w.buffer, start + 4, true, bulk.sequenceOf(from), fragments);
    if (indexes === undefined) w.buffer[start + 4 + FRAGMENT_HEAD_BYTES] = 0;
    else indexes.write(w.buffer, start + 4 + FRAGMENT_HEAD_BYTES);
    w.position = start + 4 + header;
    w.bytes(data.subarray(0, firstBytes));
    bulk.longBytes += w.position - start;
    bulk.message(from, data, firstBytes, fragmentBytes);
    return true;
  }

  /** Data of each fragment but the last for so much of it: as real nodes cut, or, between ours, in equal parts. */
  #fragmentBytes(bytes: number, leastParts: number): number {
    if (this.packed === undefined) return FRAGMENT_DATA_BYTES;
    return Math.ceil(bytes / Math.max(leastParts, Math.ceil(bytes / OWN_FRAGMENT_DATA_BYTES)));
  }

  #check(w: ByteWriter, start: number, bytes: number): void {
    if (bytes <= this.#frameBytes) return;
    this.#undo(w, start);
    // Nothing was written that would have the long buffer given back.
    w.cut(start);
    throw new EncodeError(
      `the message takes ${bytes} bytes, a frame at most ${this.#frameBytes} (limits.frameBytes)`,
    );
  }

  #undo(w: ByteWriter, start: number): void {
    w.position = start;
    this.#indexes?.undo();
  }

  #pid(w: ByteWriter, pid: Pid): void {
    const { wire } = pid;
    if (wire === undefined || this.#indexes !== undefined) writePid(w, pid, this.#indexes);
    else w.bytes(wire);
  }

  /** One term. If it cannot be encoded the whole frame is taken back. */
  #field(w: ByteWriter, start: number, term: unknown): void {
    try {
      encodeInto(w, term, this.#indexes);
    } catch (error) {
      this.#undo(w, start);
      throw error;
    }
  }
}
