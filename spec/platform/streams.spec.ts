import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ListenOptions, Stream } from '../../src/env/streams.ts';
import { ConnectionError } from '../../src/errors.ts';
import { streams } from '../../src/platform/streams.ts';
import { Recorded, streamsSuite } from '../support/env/streams-suite.ts';

const LOOPBACK = '127.0.0.1';

for (const borrows of [false, true]) {
  const title = `streams over TCP${borrows ? ', whose bytes are borrowed' : ''}`;
  streamsSuite(title, () => ({ streams, host: LOOPBACK, until: (promise) => promise, borrows }));
}

/** Listens; `accepted` resolves with the first stream. */
async function listenForOne(options: ListenOptions) {
  let accept: (accepted: Recorded) => void;
  const accepted = new Promise<Recorded>((resolve) => {
    accept = resolve;
  });
  const listener = await streams.listen(options, (stream) => accept(new Recorded(stream)));
  return { listener, accepted };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

describe('a TCP stream', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends although the other side never reads, after a grace', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      sockets.push(socket),
    );
    server.listen(0, LOOPBACK);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const near = new Recorded(await streams.connect({ host: LOOPBACK, port }));
    near.stream.write(Buffer.alloc(20_000_000));
    near.stream.end();
    expect(near.closedCount).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await near.closed).toBeUndefined();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('tells, with the reason, that the other side broke it', async () => {
    const { listener, accepted } = await listenForOne({ host: LOOPBACK, port: 0 });
    const socket = connect(listener.port, LOOPBACK);
    await once(socket, 'connect');
    const far = await accepted;
    socket.resetAndDestroy();
    const error = await far.closed;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error?.cause).toMatchObject({ code: 'ECONNRESET' });
    await listener.close();
  });

  describe('that is flooded with small messages', () => {
    /** Everything comes at one moment, and pauses end when they are told to. */
    async function flooded() {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      vi.spyOn(performance, 'now').mockReturnValue(1);
      onTestFinished(() => void vi.restoreAllMocks());
      const reads: number[] = [];
      let wake = (): void => {};
      let accept: (stream: Stream) => void;
      const accepted = new Promise<Stream>((resolve) => {
        accept = resolve;
      });
      const listener = await streams.listen({ host: LOOPBACK, port: 0 }, (stream) => {
        stream.start({
          borrows: true,
          data: (bytes) => {
            reads.push(bytes.length);
            wake();
          },
          closed: () => {},
        });
        accept(stream);
      });
      const socket = connect({ host: LOOPBACK, port: listener.port, noDelay: true });
      // Reset by those who end with something unread.
      socket.on('error', () => {});
      onTestFinished(async () => {
        socket.destroy();
        await listener.close();
      });
      const say = (): Promise<void> => {
        const read = new Promise<void>((resolve) => {
          wake = resolve;
        });
        socket.write('0123456789');
        return read;
      };
      for (let i = 0; i < 501; i++) await say();
      expect(reads).toEqual(new Array(501).fill(10));
      // Long enough for a read, were it read.
      const unread = say();
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
      expect(reads).toHaveLength(501);
      return { stream: await accepted, unread, reads };
    }

    it('is left alone for a moment', async () => {
      const { unread, reads } = await flooded();
      vi.advanceTimersByTime(1);
      await unread;
      expect(reads).toHaveLength(502);
    });

    it('is read at once when this side writes, to whomever', async () => {
      const { unread, stream } = await flooded();
      stream.write(Buffer.of(1));
      await unread;
    });

    it('stays paused when it was paused meanwhile', async () => {
      const { unread, stream, reads } = await flooded();
      stream.pause();
      vi.advanceTimersByTime(1);
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
      expect(reads).toHaveLength(501);
      stream.resume();
      await unread;
    });

    it('leaves no timer behind when it ends', async () => {
      const { stream } = await flooded();
      stream.destroy();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('is read in short pieces for as long as its owner wants that', async () => {
    const sent = Buffer.alloc(2 * 1024 * 1024, 'abc');
    const reads: number[] = [];
    let isShort = true;
    let isIntact = true;
    let read = 0;
    let done: () => void;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const listener = await streams.listen({ host: LOOPBACK, port: 0 }, (stream) => {
      stream.start({
        borrows: true,
        wantsShortReads: () => isShort,
        data: (bytes) => {
          isIntact &&= sent.subarray(read, read + bytes.length).equals(bytes);
          reads.push(bytes.length);
          read += bytes.length;
          if (read < sent.length / 2) return;
          if (isShort) {
            // Here so much has come meanwhile that long reads would be longer.
            stream.pause();
            setImmediate(() => stream.resume());
          }
          isShort = false;
          if (read === sent.length) done();
        },
        closed: () => {},
      });
    });
    const socket = connect({ host: LOOPBACK, port: listener.port });
    onTestFinished(async () => {
      socket.destroy();
      await listener.close();
    });
    socket.write(sent);
    await all;
    expect(isIntact).toBe(true);
    const halfway = reads.findIndex((_, i) => sum(reads.slice(0, i + 1)) >= sent.length / 2);
    expect(Math.max(...reads.slice(0, halfway + 1))).toBe(16 * 1024);
    expect(Math.max(...reads.slice(halfway + 1))).toBeGreaterThan(16 * 1024);
  });

  it('that broke before it was started still tells', async () => {
    const listener = await streams.listen({ host: LOOPBACK, port: 0 }, (stream) => stream.destroy());
    const stream = await streams.connect({ host: LOOPBACK, port: listener.port });
    stream.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    await new Recorded(stream).closed;
    await listener.close();
  });

  for (const borrows of [false, true])
    it(`keeps the loop turning where one read follows the other, ${borrows ? 'lent' : 'owned'}`, async () => {
      vi.spyOn(performance, 'now').mockReturnValue(1);
      onTestFinished(() => void vi.restoreAllMocks());
      const turns = vi.spyOn(globalThis, 'setImmediate');
      const someTurns = async (): Promise<number> => {
        turns.mockClear();
        for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
        return turns.mock.calls.length;
      };
      const flooded = async (busyWaitMs: number): Promise<() => Promise<void>> => {
        let read = 0;
        let wake = (): void => {};
        const listener = await streams.listen({ host: LOOPBACK, port: 0 }, (stream) => {
          stream.start({
            borrows,
            data: (bytes) => {
              read += bytes.length;
              wake();
            },
            closed: () => wake(),
          });
          stream.waitBusily?.(busyWaitMs);
        });
        const socket = connect({ host: LOOPBACK, port: listener.port, noDelay: true });
        const moves = (): Promise<void> =>
          new Promise((resolve) => {
            wake = resolve;
          });
        for (let i = 1; i <= 100; i++) {
          socket.write('.');
          while (read < i) await moves();
        }
        return async () => {
          const closed = moves();
          socket.destroy();
          await closed;
          await listener.close();
        };
      };
      const endFirst = await flooded(0);
      expect(await someTurns()).toBeLessThan(10);
      await endFirst();
      if (availableParallelism() === 1) return;
      const end = await flooded(0.2);
      turns.mockClear();
      // The clock stands still, so that the wait does not end by itself.
      while (turns.mock.calls.length < 500) await new Promise((resolve) => setTimeout(resolve, 1));
      await end();
      expect(await someTurns()).toBeLessThan(10);
    });

  it('shows an IPv4 peer of a listener on all interfaces as IPv4', async () => {
    const { listener, accepted } = await listenForOne({ port: 0 });
    const near = new Recorded(await streams.connect({ host: LOOPBACK, port: listener.port }));
    const far = await accepted;
    expect(far.stream.remoteHost).toBe(LOOPBACK);
    near.stream.destroy();
    await far.closed;
    await listener.close();
  });

  it.runIf(process.platform === 'linux')('that cannot be made in time is given up', async () => {
    // A process that accepts nothing: once its queue is full, Linux drops further attempts without a word.
    const program =
      "const s = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {" +
      "process.stdout.write(String(s.address().port)); process.kill(process.pid, 'SIGSTOP'); })";
    const frozen = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void frozen.kill('SIGKILL'));
    const [port] = await once(frozen.stdout, 'data');
    const made: Recorded[] = [];
    let failure: unknown;
    while (failure === undefined && made.length < 10)
      await streams
        .connect({ host: LOOPBACK, port: Number(String(port)), timeoutMs: 100 })
        .then((stream) => made.push(new Recorded(stream)))
        .catch((error: unknown) => {
          failure = error;
        });
    expect(failure).toBeInstanceOf(ConnectionError);
    expect((failure as ConnectionError).message).toMatch(/no answer within 100 ms/);
    expect((failure as ConnectionError).cause).toMatchObject({ code: 'ETIMEDOUT' });
    frozen.kill('SIGKILL');
    await Promise.all(made.map((each) => each.closed));
  });
});
