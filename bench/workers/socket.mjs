/**
 * Node's bare socket, as far as it goes: what any protocol on top of it can at most reach. The first byte of a
 * connection says what it is for.
 *
 *   e  echo whatever comes
 *   f  u32 count: frames of 44 bytes follow, the first 4 their length; one byte back when all were cut
 *   b  u32 count: that many MiB follow; one byte back when all have come
 */
import { connect, createServer } from 'node:net';
import { serve, timed } from './serve.mjs';

const FRAME_BYTES = 44;
const MIB = 1024 * 1024;

serve({ listen, roundTrips, frames, bytes });

function listen() {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.once('data', (first) => {
      const kind = String.fromCharCode(first[0]);
      if (kind === 'e') {
        socket.on('data', (chunk) => socket.write(chunk));
        socket.write(first.subarray(0, 1));
        return;
      }
      const count = first.readUInt32BE(1);
      const seen = kind === 'f' ? frameCounter(count) : byteCounter(count * MIB);
      socket.on('data', (chunk) => {
        if (seen(chunk)) socket.write('.');
      });
      socket.write('.');
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

function frameCounter(count) {
  let left = count;
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= all.length) {
      const end = at + 4 + all.readUInt32BE(at);
      if (end > all.length) break;
      at = end;
      left -= 1;
    }
    rest = all.subarray(at);
    return left === 0;
  };
}

function byteCounter(total) {
  let left = total;
  return (chunk) => {
    left -= chunk.length;
    return left === 0;
  };
}

/** One request and one answer of 44 bytes, one after the other. */
async function roundTrips({ port, count }) {
  const socket = await open(port, 'e', 0);
  const frame = Buffer.alloc(FRAME_BYTES, 7);
  const ms = await timed(
    () =>
      new Promise((resolve) => {
        let left = count;
        let got = 0;
        socket.on('data', (chunk) => {
          got += chunk.length;
          if (got < FRAME_BYTES) return;
          got -= FRAME_BYTES;
          left -= 1;
          if (left === 0) resolve();
          else socket.write(frame);
        });
        socket.write(frame);
      }),
  );
  socket.destroy();
  return ms;
}

/** Frames packed into writes of 64 KiB, as a batching sender would. */
async function frames({ port, count }) {
  const perWrite = Math.floor((64 * 1024) / FRAME_BYTES);
  const batch = Buffer.alloc(perWrite * FRAME_BYTES);
  for (let i = 0; i < perWrite; i++) batch.writeUInt32BE(FRAME_BYTES - 4, i * FRAME_BYTES);
  const writes = Math.ceil(count / perWrite);
  const socket = await open(port, 'f', writes * perWrite);
  const ms = await timed(() => pour(socket, batch, writes));
  socket.destroy();
  return (ms * count) / (writes * perWrite);
}

async function bytes({ port, mebibytes }) {
  const socket = await open(port, 'b', mebibytes);
  const ms = await timed(() => pour(socket, Buffer.alloc(MIB, 7), mebibytes));
  socket.destroy();
  return ms;
}

async function open(port, kind, count) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const head = Buffer.alloc(kind === 'e' ? 1 : 5);
  head.write(kind, 0, 'latin1');
  if (kind !== 'e') head.writeUInt32BE(count, 1);
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', resolve);
    socket.write(head);
  });
  return socket;
}

async function pour(socket, buffer, writes) {
  const done = new Promise((resolve) => socket.once('data', resolve));
  for (let i = 0; i < writes; i++) {
    if (!socket.write(buffer)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await done;
}
