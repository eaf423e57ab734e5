/**
 * The first words on a link, by which two Beamish nodes know each other.
 *
 * Both sides speak at once, right behind the handshake: `{hello, Version, Capabilities}` to the name `beamish`, as the
 * very first frame. A BEAM node has nobody of that name and drops it without a word. So the peer's first control frame
 * decides: a hello, and it is a Beamish node; anything else, and it is not. Until then the link is not up: nobody hears
 * of it and what is sent there waits, so that what a value arrives as never depends on when it was sent.
 *
 * A BEAM node may have nothing to say for hours. So behind our hello goes an UNLINK_ID to its first process, whom
 * nobody here is linked to: every node acknowledges that at once and remembers nothing of it, and a Beamish node has
 * said hello by then. Between two Beamish nodes the acknowledgement tells the one that called that the other side is up;
 * so whoever has connected finds both sides up. The price is one round trip before nodeup.
 *
 * A peer that lacks a flag which every Beamish node tells is none (releases before 25, ei, Jinterface) and is not
 * greeted. One that tells them all and answers neither is taken for no Beamish node after `greetingMs`.
 */
import type { ByteWriter } from '../codec/writer.ts';
import type { DistEncoder } from '../dist/encode.ts';
import type { ControlSink } from '../dist/sink.ts';
import { type DistFlags, hasFlag, OFFERED_FLAGS } from '../handshake/flags.ts';
import type { PeerNode } from '../handshake/machine.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';

/** The name that a hello is sent to. */
export const BEAMISH = atom('beamish');
const HELLO = atom('hello');
/** Of what follows a hello. A peer of a later version still understands what ours has to say. */
const VERSION = 1;
/** The capability to read payloads in MessagePack. */
const MSGPACK = atom('msgpack');

/** Of the UNLINK_ID that provokes an answer. No process of ours sends from where it comes. */
const PROVOKING_ID = 1n;

/** How long we wait for a peer that says nothing, beside what the way there takes. */
const PATIENCE_MS = 1_000;

/**
 * Milliseconds after which a silent peer is taken for no Beamish node.
 * @param handshakeMs what the handshake took: a round trip or more, so that no hello can be under way this long
 */
export function greetingMs(handshakeMs: number): number {
  return PATIENCE_MS + 2 * handshakeMs;
}

/** Whether a peer with these flags in force may be a Beamish node. */
export function mayBeBeamish(flags: DistFlags): boolean {
  return hasFlag(flags, OFFERED_FLAGS);
}

/** Appends a hello, and what makes a node that does not understand it answer all the same. */
export function writeGreeting(
  encoder: DistEncoder,
  writer: ByteWriter,
  local: { readonly name: string; readonly creation: number },
  peer: PeerNode,
  hello: Hello,
): void {
  // Number 0 is no process, here: the first one is 1. On a BEAM it is `init`.
  const from = new Pid(local.name, 0, 0, local.creation);
  encoder.regSend(writer, from, BEAMISH, tuple(HELLO, VERSION, hello.msgpack ? [MSGPACK] : []));
  encoder.unlinkId(writer, PROVOKING_ID, from, new Pid(peer.name, 0, 0, peer.creation));
}

/** What a Beamish node says of itself. */
export interface Hello {
  /** It reads MessagePack. */
  readonly msgpack: boolean;
}

/** Reads a message to `beamish`; undefined when it is no hello. */
export function readHello(message: unknown): Hello | undefined {
  if (!(message instanceof Tuple) || message.elements[0] !== HELLO) return undefined;
  const [, version, capabilities] = message.elements;
  if (typeof version !== 'number' || !Array.isArray(capabilities)) return undefined;
  return {
    msgpack: capabilities.some((name) => (name instanceof Atom ? name === MSGPACK : name === MSGPACK.name)),
  };
}

/** What a greeting tells of, and asks. */
export interface GreetingOwner {
  /** The peer said hello. */
  heard(hello: Hello): void;
  acknowledge(id: bigint, from: Pid, to: Pid): void;
  /** The link is up. Answers who gets what comes on it; undefined when nobody does any more. */
  up(): ControlSink | undefined;
}

const CALLS: Readonly<Record<keyof ControlSink, true>> = {
  send: true,
  regSend: true,
  aliasSend: true,
  link: true,
  unlink: true,
  unlinkId: true,
  unlinkIdAck: true,
  exit: true,
  exit2: true,
  monitor: true,
  demonitor: true,
  monitorExit: true,
  groupLeader: true,
  spawnRequest: true,
  spawnReply: true,
  unknown: true,
  tick: true,
};

/** Where the control frames of a peer go until the link is up. Ticks decide nothing. */
export function greetingSink(outgoing: boolean, owner: GreetingOwner): ControlSink {
  let greeted = false;
  const passOn =
    (call: keyof ControlSink) =>
    (...args: unknown[]) => {
      const sink = owner.up() as Record<keyof ControlSink, (...args: unknown[]) => void> | undefined;
      sink?.[call](...args);
    };
  const others = Object.fromEntries(
    Object.keys(CALLS).map((call) => [call, passOn(call as keyof ControlSink)]),
  ) as unknown as ControlSink;
  return {
    ...others,
    regSend(from, toName, message) {
      const hello = toName === BEAMISH ? readHello(message) : undefined;
      if (hello === undefined) {
        others.regSend(from, toName, message);
        return;
      }
      greeted = true;
      owner.heard(hello);
      if (!outgoing) owner.up();
    },
    unlinkId(id, from, to) {
      // The peer's hello has its own behind it, and does not mean that the peer is up.
      if (greeted && isNobody(from)) owner.acknowledge(id, to, from);
      else others.unlinkId(id, from, to);
    },
    unlinkIdAck(id, from, to) {
      if (isNobody(to)) owner.up();
      else others.unlinkIdAck(id, from, to);
    },
    tick() {},
  };
}

/** Whether a pid is the one that greetings come from. */
function isNobody(pid: Pid): boolean {
  return pid.id === 0 && pid.serial === 0;
}
