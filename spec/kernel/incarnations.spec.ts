import { afterEach, beforeEach, expect, it } from 'vitest';
import { DistDecoder } from '../../src/dist/decode.ts';
import { atom, encodeTerm, type Pid, Ref, type Tuple, tuple } from '../../src/index.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { internPid } from '../../src/term/identifiers.ts';
import { recorder } from '../dist/recorder.ts';
import { Nodes, once } from '../support/nodes.ts';
import { RawPeer } from '../support/raw-peer.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** A node with one trapping process, and a peer that writes its frames by hand. */
async function stage() {
  const node = await nodes.start();
  const name = nodes.name('raw');
  const up = once(node, 'nodeup', name);
  const peer = await RawPeer.call(node.port!, { name, to: node.name, cookie: nodes.cookie, creation: 77 });
  nodes.atEnd(() => peer.close());
  await up;
  const got: unknown[] = [];
  let wake: (() => void) | undefined;
  const pid = node.spawn(async (self) => {
    self.trapExit = true;
    for await (const message of self) {
      got.push(message);
      wake?.();
    }
  });
  const next = async (): Promise<unknown> => {
    while (got.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return got.shift();
  };
  const send = (control: Tuple, payload?: unknown): void => {
    const body = Buffer.concat([
      Buffer.of(112),
      encodeTerm(control),
      ...(payload === undefined ? [] : [encodeTerm(payload)]),
    ]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    peer.write(Buffer.concat([length, body]));
  };
  /** The next control messages that are no ticks. */
  const answers = async (count: number): Promise<unknown[]> => {
    const { sink, calls } = recorder();
    const decoder = new DistDecoder({ peer: node.name, terms: new TermDecoder(), sink });
    while (calls.filter(([method]) => method !== 'tick').length < count) {
      const frame = (await peer.frame(4))!;
      decoder.frame(frame, 0, frame.length);
    }
    return calls.filter(([method]) => method !== 'tick');
  };
  return { node, pid, got, next, send, answers, from: internPid(name, 5, 0, 77) };
}

it('no control message that names a process of an earlier life reaches the one of now', async () => {
  const { node, pid, got, next, send, answers, from } = await stage();
  const creation = pid.creation + 1;
  const old = internPid(pid.node, pid.id, pid.serial, creation);
  expect(old).not.toBe(pid);
  const ref = (first: number) => new Ref(node.name, creation, [first, 0, 0]);
  const theirs = new Ref(from.node, 77, [1, 2, 3]);
  // A link with the present one: nothing that follows may touch it.
  send(tuple(1, from, pid));

  send(tuple(2, atom(''), old), 'SEND');
  send(tuple(22, from, old), 'SEND_SENDER');
  send(tuple(33, from, ref(1)), 'ALIAS_SEND');
  send(tuple(3, from, old, atom('EXIT')));
  send(tuple(24, from, old), atom('PAYLOAD_EXIT'));
  send(tuple(8, from, old, atom('kill')));
  send(tuple(26, from, old), atom('kill'));
  send(tuple(21, from, old, ref(2), atom('MONITOR_P_EXIT')));
  send(tuple(28, from, old, ref(3)), atom('PAYLOAD_MONITOR_P_EXIT'));
  send(tuple(31, ref(4), old, 0, from));
  send(tuple(4, from, old));
  send(tuple(35, 9, from, old));
  send(tuple(20, from, old, theirs));
  send(tuple(1, from, old));
  send(tuple(19, from, old, theirs));

  send(tuple(22, from, pid), 'to the living');
  expect(await next()).toBe('to the living');
  // Who asks is answered as for any process that is gone.
  expect(await answers(3)).toEqual([
    ['unlinkIdAck', 9n, old, from],
    ['exit', old, from, atom('noproc')],
    ['monitorExit', old, from, theirs, atom('noproc')],
  ]);
  send(tuple(24, from, pid), atom('bye'));
  expect(await next()).toMatchObject({ pid: from, reason: atom('bye') });
  expect(got).toEqual([]);
  expect(node.isAlive(pid)).toBe(true);
});

it('a process of an earlier life of the peer is not the one that a link, a monitor or a call is tied to', async () => {
  const { node, send, answers, from } = await stage();
  const old = internPid(from.node, from.id, from.serial, 76);
  const heard: unknown[] = [];
  const ties = new Promise<void>((resolve) => {
    node.spawn(async (self) => {
      self.trapExit = true;
      self.link(from);
      self.monitor(from);
      self.send(from, self.pid);
      for (let n = 0; n < 3; n++) heard.push(await self.receive());
      resolve();
    });
  });
  const [[, ours], [, , , ref]] = (await answers(3)) as [[string, Pid], [string, Pid, Pid, Ref]];
  send(tuple(24, old, ours), atom('old'));
  send(tuple(28, old, ours, ref), atom('old'));
  send(tuple(22, from, ours), 'after');
  send(tuple(28, from, ours, ref), atom('gone'));
  send(tuple(24, from, ours), atom('gone'));
  await ties;
  expect(heard[0]).toBe('after');
  expect(heard.slice(1)).toMatchObject([{ reason: atom('gone') }, { reason: atom('gone') }]);
});
