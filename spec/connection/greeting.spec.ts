import { Encoder, ExtData } from '@msgpack/msgpack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { DistEncoder } from '../../src/dist/encode.ts';
import { DecodeError } from '../../src/errors.ts';
import { DistFlag, type DistFlags } from '../../src/handshake/flags.ts';
import { at, atom, EncodeError, ExitError, type Node, tuple } from '../../src/index.ts';
import { MsgpackPayload } from '../../src/payload/msgpack.ts';
import { PackedMessage } from '../../src/payload/packed-message.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { Pid, Ref } from '../../src/term/identifiers.ts';
import { ALL, type Call, recorder } from '../dist/recorder.ts';
import { collector, history, Nodes, once } from '../support/nodes.ts';
import { patientEnv } from '../support/patient-env.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { watchedStreams } from '../support/watched-streams.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const BEAMISH = atom('beamish');
const HELLO = tuple(atom('hello'), 1, [atom('msgpack')]);
const payloads = (node: Node) => node.inspect().connections.map(({ payload }) => payload);

/** A peer that tells every flag, and so may be a Beamish node; its frames have headers. */
class Peer {
  readonly raw: RawPeer;
  readonly name: string;
  readonly pid: Pid;
  readonly encoder = new DistEncoder({ features: ALL, frameBytes: 1 << 20, headers: true });
  readonly #calls: Call[];
  readonly #decoder: DistDecoder;

  constructor(raw: RawPeer, name: string, node: Node) {
    this.raw = raw;
    this.name = name;
    this.pid = new Pid(name, 9, 0, 77);
    const { sink, calls } = recorder();
    this.#calls = calls;
    this.#decoder = new DistDecoder({
      peer: node.name,
      terms: new TermDecoder(),
      packed: new MsgpackPayload(),
      sink,
      headers: true,
      fragments: { frameBytes: 1 << 20, fragmentedMessages: 1, fragmentedBytes: 1 << 20 },
    });
  }

  static async call(node: Node, without: DistFlags = 0n): Promise<Peer> {
    const name = nodes.name('raw');
    const raw = await RawPeer.call(node.port!, {
      name,
      to: node.name,
      cookie: nodes.cookie,
      headers: true,
      without,
    });
    nodes.atEnd(() => raw.close());
    return new Peer(raw, name, node);
  }

  write(frame: (w: ByteWriter) => unknown): void {
    const writer = new ByteWriter();
    frame(writer);
    this.raw.write(writer.toBytes());
  }

  say(name: string, message: unknown): void {
    this.write((w) => this.encoder.regSend(w, this.pid, atom(name), message));
  }

  /** The next control message, ticks left out. */
  async next(): Promise<Call> {
    for (;;) {
      const frame = await this.raw.frame(4);
      if (frame === undefined) throw new Error('the node has hung up');
      this.#decoder.frame(frame, 0, frame.length);
      const call = this.#calls.pop()!;
      if (call[0] !== 'tick') return call;
    }
  }

  /** The next message to a name of this peer, or to a process. */
  async message(): Promise<unknown> {
    for (;;) {
      const call = await this.next();
      if (call[0] === 'send' || call[0] === 'regSend') return call[3];
    }
  }
}

/** An outside world in which only what the peer does makes links up. */
const patient = () => patientEnv(nodes.write);

describe('two Beamish nodes', () => {
  it('say hello, and then MessagePack, whoever called', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    expect(payloads(a)).toEqual(['msgpack']);
    expect(payloads(b)).toEqual(['msgpack']);
  });

  it.each([
    ['the caller', { payload: 'etf' }, {}],
    ['the called', {}, { payload: 'etf' }],
  ] as const)('speak ETF when %s wants that', async (_, ofA, ofB) => {
    const a = await nodes.start(ofA);
    const b = await nodes.start(ofB);
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    expect(payloads(a)).toEqual(['etf']);
    a.send(at(b.name, 'sink'), Uint8Array.of(104, 105));
    expect(await take(1)).toEqual(['hi']);
    expect(payloads(b)).toEqual(['etf']);
    expect(() => a.send(at(b.name, 'sink'), new Date())).toThrow(EncodeError);
  });

  it('carry what was sent before they were connected as what it was', async () => {
    const [a, b] = await nodes.pair();
    const { take } = collector(b, 'sink');
    const sent: Record<string, unknown> = {
      at: new Date(5),
      of: new Set([1n]),
      text: Uint8Array.of(104, 105),
    };
    const before = structuredClone(sent);
    a.send(at(b.name, 'sink'), sent);
    sent.at = 'changed';
    a.send(at(b.name, 'sink'), new Map([['k', 1]]));
    await a.connect(b.name);
    a.send(at(b.name, 'sink'), new Map([['k', 2]]));
    expect(await take(3)).toStrictEqual([before, new Map([['k', 1]]), new Map([['k', 2]])]);
  });

  it('carry exit reasons, monitors and calls as MessagePack too', async () => {
    const [a, b] = await nodes.pair();
    const reasons = collector(a, 'reasons');
    const victim = b.spawn(async (self) => {
      await self.receive();
      self.exit(tuple(atom('why'), new Date(7), new TypeError('x')));
    });
    a.spawn(async (self) => {
      self.monitor(victim);
      self.send(victim, new Map([[1, new Set([victim])]]));
      const down = await self.receive();
      self.send('reasons', down);
    });
    const [down] = (await reasons.take(1)) as [{ reason: { elements: unknown[] } }];
    expect(down.reason.elements.slice(0, 2)).toEqual([atom('why'), new Date(7)]);
    expect(down.reason.elements[2]).toBeInstanceOf(TypeError);
  });
});

describe('a link to a peer that may be one of us', () => {
  it('begins with our hello, and is up when the peer has said something else', async () => {
    const env = patient();
    let heardBytes = 0;
    let wake = (): void => {};
    const streams = watchedStreams(env.streams, (bytes) => {
      heardBytes += bytes;
      wake();
    });
    const node = await nodes.start({ env: { ...env, streams } });
    const { got, take } = collector(node, 'sink');
    const told = history(node);
    const peer = await Peer.call(node);
    expect(await peer.next()).toEqual(['regSend', expect.any(Pid), BEAMISH, HELLO]);
    const [probe, id, from, to] = await peer.next();
    expect([probe, (to as Pid).node]).toEqual(['unlinkId', peer.name]);
    node.send(at(peer.name, 'anybody'), 'waits');
    const ticksReadAt = heardBytes + 8;
    peer.raw.write('00000000');
    peer.raw.write('00000000');
    while (heardBytes < ticksReadAt)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    // They are heard before they are read; what they led to would show by the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect([told, got]).toEqual([[], []]);

    peer.write((w) => peer.encoder.unlinkIdAck(w, id as bigint, to as Pid, from as Pid));
    expect(await peer.message()).toBe('waits');
    expect(told).toEqual([`up ${peer.name}`]);
    expect(payloads(node)).toEqual(['etf']);
    peer.say('sink', 'second');
    expect(await take(1)).toEqual(['second']);
  });

  it('is up before its first message is handled', async () => {
    const node = await nodes.start({ env: patient() });
    const order: string[] = [];
    node.on('nodeup', (name) => order.push(`up ${name}`));
    const { take } = collector(node, 'sink');
    const peer = await Peer.call(node);
    peer.say('sink', 'first');
    expect([await take(1), order]).toEqual([['first'], [`up ${peer.name}`]]);
  });

  it('speaks MessagePack once the peer has said hello, also when it says so late', async () => {
    const node = await nodes.start({ env: patient() });
    const quick = await Peer.call(node);
    const quickUp = once(node, 'nodeup', quick.name);
    quick.say('beamish', HELLO);
    await quickUp;
    node.send(at(quick.name, 'x'), new Date(3));
    expect(await quick.message()).toEqual(HELLO);
    expect(await quick.message()).toEqual(new Date(3));

    const late = await Peer.call(node);
    const lateUp = once(node, 'nodeup', late.name);
    late.say('nobody', 1);
    await lateUp;
    expect(() => node.send(at(late.name, 'x'), new Date(4))).toThrow(/a Date has no Erlang term.*at value/);
    late.say('beamish', HELLO);
    while (payloads(node)[1] !== 'msgpack') await new Promise(setImmediate);
    node.send(at(late.name, 'x'), new Date(4));
    expect(await late.message()).toEqual(HELLO);
    expect(await late.message()).toEqual(new Date(4));
  });

  it('is up after a while when the peer says nothing at all', async () => {
    const node = await nodes.start();
    const peer = await Peer.call(node);
    await once(node, 'nodeup', peer.name);
    expect(payloads(node)).toEqual(['etf']);
  });

  it('that hangs up before it has said anything was never up; what waited fails', async () => {
    const node = await nodes.start({ env: patient() });
    const told = history(node);
    const peer = await Peer.call(node);
    await peer.next();
    const call = node.call(at<{ m(): void }>(peer.name, 'x'), 'm');
    peer.raw.close();
    await expect(call).rejects.toThrow(/noconnection/);
    expect(told).toEqual([]);
  });

  it('is not greeted when it lacks a flag that all of us have', async () => {
    const node = await nodes.start({ env: patient() });
    const nodeUp = new Promise<string>((resolve) => node.on('nodeup', resolve));
    const peer = await Peer.call(node, DistFlag.ALIAS);
    expect(await nodeUp).toBe(peer.name);
    node.send(at(peer.name, 'x'), 1);
    expect(await peer.message()).toBe(1);
  });

  it('takes what is said to `beamish` for a hello only when it is one', async () => {
    const node = await nodes.start({ env: patient() });
    const peer = await Peer.call(node);
    for (const message of [1, tuple(atom('hello')), tuple(atom('hello'), 1, atom('msgpack'))])
      peer.say('beamish', message);
    await once(node, 'nodeup', peer.name);
    expect(payloads(node)).toEqual(['etf']);
    expect(await node.ping(node.name)).toBe('pong');
  });
});

describe('what no term holds', () => {
  it('sent while nobody knows what will answer, is dropped when a BEAM does, and its call fails', async () => {
    const node = await nodes.start({ env: patient() });
    const peer = await Peer.call(node);
    await peer.next();
    expect(() => node.send(at(peer.name, 'x'), () => 1)).toThrow(EncodeError);
    const call = node.call(at<{ m(x: unknown): void }>(peer.name, 'x'), 'm', new Date());
    node.send(at(peer.name, 'x'), new Set());
    node.send(at(peer.name, 'x'), new Map([[1, 'kept']]));
    const failed = expect(call).rejects.toThrow(/a Date has no Erlang term/);
    peer.say('nobody', 1);
    await failed;
    const calls = [];
    while (calls.length < 3) {
      const [call, , name, what] = await peer.next();
      if (call !== 'unlinkId') calls.push([call, name, call === 'regSend' ? what : undefined]);
    }
    expect(calls).toEqual([
      ['monitor', atom('x'), undefined],
      ['regSend', atom('x'), new Map([[1, 'kept']])],
      ['demonitor', atom('x'), undefined],
    ]);
    expect(node.inspect().counters['connection.dropped.not_encodable']).toBe(2);
    expect(nodes.log.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/was dropped: a Date has no Erlang term/),
    );
  });
});

describe('a message with a part that only a newer version knows', () => {
  const unknown = new Encoder().encode(new ExtData(99, Uint8Array.of(1)));
  /** What a newer version may write, in so many bytes. */
  type Future = (bytes: number) => Buffer;
  const anExtension: Future = (bytes) =>
    Buffer.concat([Buffer.of(0xc7, bytes - 3, 99), Buffer.alloc(bytes - 3)]);
  const insideOf =
    (type: number, kind: number): Future =>
    (bytes) =>
      Buffer.concat([Buffer.of(0xc7, bytes - 3, type, kind), Buffer.alloc(bytes - 4)]);
  const aKey: Future = (bytes) => Buffer.concat([Buffer.of(0x81), anExtension(bytes - 2), Buffer.of(1)]);

  /** {A, B, <unknown>} as this version would write it. */
  const holding = (make: (part: unknown) => unknown, future = anExtension): PackedMessage => {
    const writer = new ByteWriter();
    const marker = 'a-part-of-the-future';
    new MsgpackPayload().write(writer, make(marker));
    const bytes = Buffer.from(writer.toBytes());
    const text = Buffer.concat([Buffer.of(0xa0 | marker.length), Buffer.from(marker)]);
    const at = bytes.indexOf(text);
    // Exactly as many bytes as the marker took.
    bytes.set(future(text.length), at);
    return new PackedMessage(bytes.subarray(1));
  };

  async function greeted(node: Node): Promise<Peer> {
    const peer = await Peer.call(node);
    peer.encoder.packed = new MsgpackPayload();
    const up = once(node, 'nodeup', peer.name);
    const etf = new DistEncoder({ features: ALL, frameBytes: 1 << 20, headers: true });
    peer.write((w) => etf.regSend(w, peer.pid, BEAMISH, HELLO));
    await up;
    await peer.next();
    await peer.next();
    return peer;
  }

  it('is refused alone, counted and logged once; the link lives', async () => {
    expect(unknown.length).toBeGreaterThan(2);
    const node = await nodes.start();
    const { take } = collector(node, 'sink');
    const peer = await greeted(node);
    peer.say(
      'sink',
      holding((part) => [1, part]),
    );
    peer.say(
      'sink',
      holding((part) => tuple(part, { deep: [part] })),
    );
    peer.say('sink', 'after');
    expect(await take(1)).toEqual(['after']);
    expect(node.inspect().counters['connection.unreadable']).toBe(2);
    expect(nodes.log.map(({ message }) => message).filter((text) => text.includes('cannot be read'))).toEqual(
      [expect.stringMatching(/unknown MessagePack extension type 99; the sender may be a newer version/)],
    );
  });

  it.each([
    ['a kind of typed array', insideOf(8, 255), /kind 255 of typed array/],
    ['a tag of a term', insideOf(1, 255), /tag 255 of a term/],
    ['a key of a map', aKey, /MessagePack extension type 99/],
  ])('is refused alone also for %s, and who called hears of it', async (_what, future, message) => {
    const node = await nodes.start();
    const { take } = collector(node, 'sink');
    const peer = await greeted(node);
    peer.say(
      'sink',
      holding((part) => [1, part], future),
    );
    peer.say('sink', 'after');
    expect(await take(1)).toEqual(['after']);
    expect(node.inspect().counters['connection.unreadable']).toBe(1);

    const call = node.request(at(peer.name, 'server'), atom('get'));
    const rejected = expect(call).rejects.toThrow(message);
    const asked = (await peer.message()) as { elements: [unknown, { elements: [Pid, Ref] }] };
    const [to, tag] = asked.elements[1].elements;
    const answer = holding((part) => tuple(tag, part), future);
    peer.write((w) => peer.encoder.sendSender(w, peer.pid, to, answer));
    await rejected;
    peer.say('sink', 'and after that');
    expect(await take(1)).toEqual(['and after that']);
  });

  it('in a call is the caller’s to hear', async () => {
    const node = await nodes.start();
    node.spawn(async (self) => void (await self.receive()), [], { name: 'server' });
    const peer = await greeted(node);
    const ref = new Ref(peer.name, 77, [1, 2, 3]);
    peer.write((w) => peer.encoder.monitor(w, peer.pid, atom('server'), ref));
    peer.say(
      'server',
      holding((part) => tuple(atom('$gen_call'), tuple(peer.pid, ref), tuple(atom('add'), part))),
    );
    const [down, from, to, about, reason] = await peer.next();
    expect([down, from, to, about]).toEqual(['monitorExit', atom('server'), peer.pid, ref]);
    expect(reason).toEqual(tuple(atom('decode_error'), expect.stringMatching(/extension type 99/)));
  });

  it('in an answer rejects the call with a DecodeError', async () => {
    const node = await nodes.start();
    const peer = await greeted(node);
    const call = node.request(at(peer.name, 'server'), atom('get'));
    const rejected = expect(call).rejects.toThrow(DecodeError);
    const asked = (await peer.message()) as { elements: [unknown, { elements: [Pid, Ref] }] };
    const [to, tag] = asked.elements[1].elements;
    peer.write((w) =>
      peer.encoder.sendSender(
        w,
        peer.pid,
        to,
        holding((part) => tuple(tag, part)),
      ),
    );
    await rejected;
  });

  it('in an exit reason still ends whoever it is about', async () => {
    const node = await nodes.start();
    const peer = await greeted(node);
    const server = node.spawn(async (self) => void (await self.receive()));
    const call = node.request(server, 'm');
    const rejected = expect(call).rejects.toThrow(ExitError);
    peer.write((w) =>
      peer.encoder.exit2(
        w,
        peer.pid,
        server,
        holding((part) => part),
      ),
    );
    await rejected;
    expect(node.isAlive(server)).toBe(false);
  });

  it('in the arguments of a spawn is `badarg`', async () => {
    const node = await nodes.start();
    const peer = await greeted(node);
    const ref = new Ref(peer.name, 77, [4, 5, 6]);
    const mfa = tuple(atom('m'), atom('f'), 1);
    peer.write((w) =>
      peer.encoder.spawnRequest(
        w,
        ref,
        peer.pid,
        peer.pid,
        mfa,
        [],
        holding((part) => [part]),
      ),
    );
    expect(await peer.next()).toEqual(['spawnReply', ref, peer.pid, 0, atom('badarg')]);
  });

  it('is not what broken MessagePack is: that closes the link', async () => {
    const node = await nodes.start();
    const peer = await greeted(node);
    const down = once(node, 'nodedown', peer.name);
    peer.say('sink', new PackedMessage(Uint8Array.of(0x92, 1)));
    expect(await down).toBe('malformed');
  });
});
