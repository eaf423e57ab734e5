/** A thousand names that gossip, in one process: what a node of such a cluster hears. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { encryptedFormat, GossipWire, plainFormat, sealedFormat } from '../../dist/gossip/index.js';
import { serve } from './serve.mjs';

serve({ speak });

const formats = {
  plain: [plainFormat, undefined],
  encrypted: [encryptedFormat('secret'), undefined],
  sealed: [undefined, sealedFormat(['secret'])],
};

/**
 * Speaks for `ms`, each name every 4 to 5 s as in a cluster of more than a hundred, or `pace` times as often, to each
 * group. Gives the datagrams.
 */
async function speak({ names, form, port, groups, multicastIf, ms, pace }) {
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, resolve));
  socket.setMulticastInterface(multicastIf);
  const wires = names.map((name) => new GossipWire({ name, port: 4000, creation: 1 }, ...formats[form]));
  const due = wires
    .map((wire) => ({ wire, atMs: (Math.random() * 4_500) / pace }))
    .sort((a, b) => a.atMs - b.atMs);
  const startMs = performance.now();
  let sent = 0;
  for (;;) {
    const nowMs = performance.now() - startMs;
    if (nowMs >= ms) break;
    while (due[0].atMs <= nowMs) {
      const { wire } = due.shift();
      for (const group of groups)
        for (const datagram of wire.datagrams(Date.now(), randomBytes)) {
          socket.send(datagram, port, group);
          sent += 1;
        }
      // In the order of their times: behind a later one they would wait for it, and go out in ever larger bunches.
      const atMs = nowMs + (4_000 + Math.random() * 1_000) / pace;
      let at = due.length;
      while (at > 0 && due[at - 1].atMs > atMs) at -= 1;
      due.splice(at, 0, { wire, atMs });
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  socket.close();
  return sent;
}
