import { afterEach, beforeEach, expect, it } from 'vitest';
import { DistFlag } from '../../src/handshake/flags.ts';
import {
  actor,
  atom,
  decodeTerm,
  encodeTerm,
  ImproperList,
  type Pid,
  Ref,
  type Self,
  type Tuple,
  tuple,
} from '../../src/index.ts';
import { internPid } from '../../src/term/identifiers.ts';
import { Nodes, once } from '../support/nodes.ts';
import { RawPeer } from '../support/raw-peer.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** A pass-through frame: 112, then the control tuple and the message, each with its version byte. */
function frame(...terms: readonly unknown[]): Uint8Array {
  const body = Buffer.concat([Buffer.from([112]), ...terms.map((term) => encodeTerm(term))]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

it('an unlink that an old peer cannot acknowledge is done at once: the peer can link again', async () => {
  const node = await nodes.start();
  const up = once(node, 'nodeup', 'old@127.0.0.1');
  const peer = await RawPeer.call(node.port!, {
    name: 'old@127.0.0.1',
    to: node.name,
    cookie: nodes.cookie,
    without: DistFlag.UNLINK_ID | DistFlag.EXIT_PAYLOAD,
  });
  nodes.atEnd(() => peer.close());
  await up;
  const theirs = internPid('old@127.0.0.1', 9, 0, 77);
  const read = async (): Promise<unknown[]> => {
    for (;;) {
      const frame = await peer.frame(4);
      if (frame === undefined) throw new Error('the node has closed the connection');
      // Ticks are empty.
      if (frame.length > 0) return [...(decodeTerm(frame.subarray(1)) as Tuple)];
    }
  };
  let ours!: Pid;
  node.spawn(async (self: Self) => {
    ours = self.pid;
    self.link(theirs);
    self.unlink(theirs);
    await self.receive();
    self.exit(atom('boom'));
  });
  expect((await read())[0]).toBe(1);
  expect((await read())[0]).toBe(4);
  peer.write(frame(tuple(1, theirs, ours)));
  peer.write(frame(tuple(22, theirs, ours), atom('go')));
  expect(await read()).toEqual([3, ours, theirs, atom('boom')]);
});

it('an alias within the tag of a request is where the answer goes, as gen_server:multi_call of OTP 26 wants it', async () => {
  const node = await nodes.start();
  node.spawn(
    actor('server', () => ({ get: () => 42 })),
    [],
    { name: 'server' },
  );
  const up = once(node, 'nodeup', 'new@127.0.0.1');
  const peer = await RawPeer.call(node.port!, { name: 'new@127.0.0.1', to: node.name, cookie: nodes.cookie });
  nodes.atEnd(() => peer.close());
  await up;
  const theirs = internPid('new@127.0.0.1', 9, 0, 77);
  const alias = new Ref('new@127.0.0.1', 77, [1, 2, 3]);
  const tag = new ImproperList(
    [new ImproperList([atom('alias')], alias)],
    new Ref('new@127.0.0.1', 77, [4, 5, 6]),
  );
  peer.write(
    frame(
      tuple(6, theirs, atom(''), atom('server')),
      tuple(atom('$gen_call'), tuple(theirs, tag), atom('get')),
    ),
  );
  for (;;) {
    const answer = await peer.frame(4);
    if (answer === undefined) throw new Error('the node has closed the connection');
    if (answer.length === 0) continue;
    const control = decodeTerm(answer.subarray(1)) as Tuple;
    if (control.at(0) !== 33) continue;
    expect(control.at(2)).toEqual(alias);
    const payload = answer.subarray(1 + encodeTerm(control).length);
    expect(decodeTerm(payload)).toEqual(tuple(tag, 42));
    return;
  }
});
