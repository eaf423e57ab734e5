/** Every decoder that bytes from a socket reach, each with frames recorded from real systems to begin with. */
import { createCipheriv, createHash, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import nacl from 'tweetnacl';
import { LengthFramer } from '../../src/codec/framer.ts';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { decodeRequest } from '../../src/epmd/request.ts';
import { decodeAlive2Response, decodeNamesResponse, decodePort2Response } from '../../src/epmd/response.ts';
import { plainFormat, SEALED_PRELUDE } from '../../src/gossip/datagram.ts';
import { encryptedFormat } from '../../src/gossip/encrypted.ts';
import { sealedFormat } from '../../src/gossip/sealed.ts';
import { Acceptor, type AcceptorAction, type Decision } from '../../src/handshake/acceptor.ts';
import { offeredFlags } from '../../src/handshake/flags.ts';
import { Initiator } from '../../src/handshake/initiator.ts';
import { isNodeName } from '../../src/handshake/name.ts';
import { MsgpackPayload } from '../../src/payload/msgpack.ts';
import { decodeTerm } from '../../src/term/etf/codec.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { encodeTerm } from '../../src/term/index.ts';
import { recorder } from '../dist/recorder.ts';
import { SURVIVES } from '../payload/values.ts';
import type { Dice } from './mutate.ts';

export interface Target {
  readonly name: string;
  /** What real systems said. */
  readonly seeds: readonly Buffer[];
  /** Reads bytes as the node would. May throw the family's own errors, and nothing else. */
  feed(bytes: Buffer, dice: Dice): void;
}

// biome-ignore lint/suspicious/noExplicitAny: recorded files, each of its own shape
const golden = (file: string): any =>
  JSON.parse(readFileSync(new URL(`../golden/${file}.json`, import.meta.url), 'utf8'));

/** Longer ones only cost time: what is wrong with them is wrong with shorter ones. */
const MAX_SEED_BYTES = 4_096;
const short = (seeds: readonly Buffer[]): Buffer[] => seeds.filter(({ length }) => length <= MAX_SEED_BYTES);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

interface Recorded {
  readonly hex?: string;
  readonly zlib?: string;
}

const frameOf = ({ hex: text, zlib }: Recorded): Buffer =>
  zlib === undefined ? hex(text ?? '00000000') : inflateSync(Buffer.from(zlib, 'base64'));

const LIMITS = { frameBytes: 1 << 20, fragmentedMessages: 16, fragmentedBytes: 1 << 21 };

/** A link that lives until its first error, as a connection does; then another begins. */
function link(headers: boolean): (bytes: Buffer, dice: Dice) => void {
  const open = () => {
    const { sink, calls } = recorder();
    const terms = new TermDecoder();
    const decoder = new DistDecoder({
      peer: 'alpha@127.0.0.1',
      terms,
      packed: new MsgpackPayload({ terms }),
      sink,
      headers,
      fragments: LIMITS,
    });
    const framer = new LengthFramer(4, LIMITS.frameBytes, 'frameBytes');
    framer.room = (buffer, start, end, length) => decoder.room(buffer, start, end, length);
    return { decoder, framer, calls };
  };
  let now = open();
  return (bytes, dice) => {
    try {
      for (let at = 0; at < bytes.length; ) {
        const end = dice.roll(3) === 0 ? at + 1 + dice.roll(bytes.length - at) : bytes.length;
        now.framer.push(Buffer.from(bytes.subarray(at, end)));
        at = end;
        while (now.framer.next()) {
          if (now.framer.isPlaced) now.decoder.placed();
          else now.decoder.frame(now.framer.buffer, now.framer.start, now.framer.end, now.framer.isOwn);
        }
      }
      now.calls.length = 0;
      // What waits for the rest of a long frame would swallow all that follows.
      if (now.framer.pendingBytes > 0 && dice.roll(4) === 0) now = open();
    } catch (error) {
      now = open();
      throw error;
    }
  };
}

/** A message as it stands in a frame with its own length right, whatever is wrong inside. */
function reframed(feed: (bytes: Buffer, dice: Dice) => void): (bytes: Buffer, dice: Dice) => void {
  return (bytes, dice) => {
    if (bytes.length >= 4 && dice.roll(4) > 0) bytes.writeUInt32BE(bytes.length - 4, 0);
    feed(bytes, dice);
  };
}

function handshakes(): readonly Buffer[] {
  return golden('handshake').transcripts.flatMap(({ frames }: { frames: { frame?: string }[] }) =>
    frames.flatMap(({ frame }) => (frame === undefined ? [] : [hex(frame).subarray(2)])),
  );
}

const local = { name: 'beta@127.0.0.1', creation: 7, flags: offeredFlags(false) };

type AskOfAcceptor = Extract<AcceptorAction, { type: 'ask' }>;

function decisionOn({ peer, dynamic }: AskOfAcceptor, dice: Dice): Decision {
  if (!dynamic)
    return { type: 'decide', status: dice.pick(['ok', 'ok_simultaneous', 'alive', 'nok', 'not_allowed']) };
  const name = `made-up@${peer}`;
  return isNodeName(name)
    ? { type: 'decide', status: 'named', name, creation: 5 }
    : { type: 'decide', status: 'not_allowed' };
}

/** Both halves of the handshake, each until it has closed. */
function shake(): (bytes: Buffer, dice: Dice) => void {
  const make = (dice: Dice) => {
    const machine =
      dice.roll(2) === 0
        ? new Initiator({ local, peer: 'alpha@127.0.0.1', cookieFor: () => 'lab_cookie', challenge: 1 })
        : new Acceptor({ local, address: '127.0.0.1:1', cookieFor: () => 'lab_cookie', challenge: 1 });
    machine.start();
    return { machine, steps: 0 };
  };
  let now: ReturnType<typeof make> | undefined;
  return (bytes, dice) => {
    now ??= make(dice);
    const { machine } = now;
    const actions = [...machine.step({ type: 'frame', body: bytes })];
    for (const action of actions)
      if (action.type === 'ask')
        actions.push(
          ...(machine instanceof Acceptor
            ? machine.step(decisionOn(action as AskOfAcceptor, dice))
            : machine.step({ type: 'decide', wanted: dice.roll(2) === 0 })),
        );
    if (++now.steps > 4 || actions.some(({ type }) => type === 'close' || type === 'up')) now = undefined;
  };
}

interface Exchanges {
  readonly real_nodes: { exchanges: { segments: { from: string; hex: string }[] }[] }[];
  readonly requests: { request?: string; response?: string }[];
}

const SECRET = 'lab secret';

/** As libcluster encrypts (see `gossip/encrypted.ts`). */
function encrypt(bytes: Buffer): Buffer {
  const iv = Buffer.alloc(16, 9);
  const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(SECRET).digest(), iv);
  return Buffer.concat([iv, cipher.update(bytes), cipher.final()]);
}

/** As `gossip/sealed.ts` seals; its test knows the layout too. */
const sealKey = scryptSync(SECRET, 'beamish gossip secretbox 1', 32, {
  N: 32_768,
  r: 8,
  p: 1,
  maxmem: 64 * 1024 * 1024,
});

function seal(bytes: Buffer): Buffer {
  const nonce = Buffer.alloc(24, 9);
  return Buffer.concat([SEALED_PRELUDE, nonce, nacl.secretbox(bytes, nonce, sealKey)]);
}

export function makeTargets(): readonly Target[] {
  const passThrough = golden('dist-pass-through');
  const headed = golden('dist-header');
  const passFrames: Buffer[] = passThrough.connections.flatMap(({ frames }: { frames: Recorded[] }) =>
    frames.map(frameOf),
  );
  const headedFrames: Buffer[] = headed.connections.flatMap(({ frames }: { frames: Recorded[] }) =>
    frames.map(frameOf),
  );
  const terms: Buffer[] = ['encode', 'decode', 'malformed', 'encode_named_node'].flatMap((part) =>
    golden('etf')[part].flatMap(({ hex: text }: { hex?: string }) => (text === undefined ? [] : [hex(text)])),
  );
  terms.push(Buffer.from(encodeTerm({ text: 'x'.repeat(300) }, { compressed: true })));
  const packed = SURVIVES.map(([, value]) => {
    const writer = new ByteWriter();
    new MsgpackPayload().write(writer, value);
    return Buffer.from(writer.toBytes());
  });
  const epmd = golden('epmd') as Exchanges;
  const said = epmd.real_nodes.flatMap(({ exchanges }) => exchanges.flatMap(({ segments }) => segments));
  const datagrams: Buffer[] = [...golden('gossip').encode, ...golden('gossip').decode].flatMap(
    ({ datagram }: { datagram: unknown }) => (typeof datagram === 'string' ? [hex(datagram)] : []),
  );
  const encrypted = encryptedFormat(SECRET);
  const sealed = sealedFormat([SECRET]);
  const heartbeat = { node: 'a@127.0.0.1', port: 9, creation: 3, sequence: 1, wallMs: 1 };
  const codec = new MsgpackPayload();
  return [
    { name: 'dist, pass-through', seeds: short(passFrames), feed: reframed(link(false)) },
    { name: 'dist, headers, fragments, atom cache', seeds: short(headedFrames), feed: reframed(link(true)) },
    { name: 'handshake, both machines', seeds: short(handshakes()), feed: shake() },
    {
      name: 'ETF',
      seeds: short(terms),
      feed: (bytes) => void decodeTerm(bytes, { maxInflatedBytes: 1 << 20 }),
    },
    {
      name: 'MessagePack',
      seeds: short(packed),
      feed(bytes) {
        if (bytes.length > 0) bytes[0] = 0xc1;
        codec.read(bytes, 0, bytes.length);
      },
    },
    {
      name: 'EPMD requests',
      seeds: short([
        ...said.filter(({ from }) => from !== 'epmd').map(({ hex: text }) => hex(text)),
        ...epmd.requests.flatMap(({ request }) => (request === undefined ? [] : [hex(request)])),
      ]),
      feed(bytes, dice) {
        if (bytes.length >= 2 && dice.roll(3) > 0) bytes.writeUInt16BE((bytes.length - 2) & 0xffff, 0);
        decodeRequest(bytes);
      },
    },
    {
      name: 'EPMD responses',
      seeds: short([
        ...said.filter(({ from }) => from === 'epmd').map(({ hex: text }) => hex(text)),
        ...epmd.requests.flatMap(({ response }) => (response === undefined ? [] : [hex(response)])),
      ]),
      feed(bytes, dice) {
        dice.pick([decodeAlive2Response, decodePort2Response, decodeNamesResponse])(bytes);
      },
    },
    { name: 'gossip, plain', seeds: short(datagrams), feed: (bytes) => void plainFormat.decode(bytes) },
    {
      name: 'gossip, encrypted',
      seeds: [...short(datagrams), Buffer.from(encrypted.encode('a@127.0.0.1', Buffer.alloc(16, 1)))],
      // Who has the secret can write anything inside the encryption, and is read with the same care.
      feed: (bytes, dice) => void encrypted.decode(dice.roll(2) === 0 ? bytes : encrypt(bytes)),
    },
    {
      name: 'gossip, sealed',
      seeds: [
        Buffer.from(encode({ version: 1, ...heartbeat })),
        Buffer.from(encode({ version: 2, node: ['x'], port: { a: 1.5 } })),
        Buffer.from(sealed.seal(heartbeat, Buffer.alloc(24, 1))),
      ],
      feed: (bytes, dice) => void sealed.open(dice.roll(4) === 0 ? bytes : seal(bytes)),
    },
  ];
}
