import { afterEach, describe, expect, it } from 'vitest';
import type { Listener, Stream, Streams } from '../../../src/env/streams.ts';
import { ConnectionError } from '../../../src/errors.ts';

/** One implementation under test. */
export interface StreamsWorld {
  readonly streams: Streams;
  /** An address of that world to listen on and connect to. */
  readonly host: string;
  /** Waits for something of that world; a virtual one runs its clock until the promise settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Whether the receivers borrow what they get. */
  readonly borrows?: boolean;
}

/** A stream with what it received, and promises for what it waits for. */
export class Recorded {
  readonly stream: Stream;
  readonly closed: Promise<Error | undefined>;
  closedCount = 0;
  drains = 0;
  received: Buffer = Buffer.alloc(0);
  #waiters: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  /** The chunks themselves, not copied. */
  readonly chunks: Uint8Array[] = [];

  constructor(stream: Stream, borrows = false) {
    this.stream = stream;
    this.closed = new Promise((resolve) => {
      stream.start({
        borrows,
        data: (chunk) => {
          if (this.closedCount > 0) throw new Error('data after closed');
          this.chunks.push(chunk);
          this.received = Buffer.concat([this.received, chunk]);
          this.#wake();
        },
        drain: () => {
          this.drains++;
          this.#wake();
        },
        closed: (error) => {
          this.closedCount++;
          resolve(error);
          this.#wake();
        },
      });
    });
  }

  /** Resolves when `isMet` holds; asked again whenever something happened to this stream. */
  when(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ isMet, resolve });
      this.#wake();
    });
  }

  bytes(count: number): Promise<void> {
    return this.when(() => this.received.length >= count);
  }

  #wake(): void {
    const met = this.#waiters.filter((waiter) => waiter.isMet());
    this.#waiters = this.#waiters.filter((waiter) => !met.includes(waiter));
    for (const waiter of met) waiter.resolve();
  }
}

/** What every implementation of `Streams` does. */
export function streamsSuite(title: string, makeWorld: () => StreamsWorld): void {
  describe(title, () => {
    const cleanUps: (() => void | Promise<void>)[] = [];

    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    });

    async function listen(
      { streams, host, until }: StreamsWorld,
      onStream: (stream: Stream) => void,
      port = 0,
    ): Promise<Listener> {
      const listener = await until(streams.listen({ host, port }, onStream));
      cleanUps.push(() => until(listener.close()));
      return listener;
    }

    /** Two ends of one connection. */
    async function pair(world: StreamsWorld) {
      let accept: (accepted: Recorded) => void;
      const accepted = new Promise<Recorded>((resolve) => {
        accept = resolve;
      });
      const listener = await listen(world, (stream) => accept(new Recorded(stream, world.borrows)));
      const { host, port } = listener;
      // Started in the same turn in which it is handed over, as the interface asks.
      const near = await world.until(
        world.streams.connect({ host, port }).then((stream) => new Recorded(stream, world.borrows)),
      );
      const far = await world.until(accepted);
      cleanUps.push(() => {
        near.stream.destroy();
        far.stream.destroy();
      });
      return { near, far, listener };
    }

    it('carry bytes both ways, in order', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      for (const text of ['one ', 'two ', 'three']) near.stream.write(Buffer.from(text));
      await world.until(far.bytes(13));
      expect(far.received.toString()).toBe('one two three');
      far.stream.write(Buffer.from('back'));
      await world.until(near.bytes(4));
      expect(near.received.toString()).toBe('back');
    });

    it('keep what was handed out as it was, or use it again where it was borrowed', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      for (const [from, to] of [[near, far] as const, [far, near] as const]) {
        for (const byte of [1, 2]) {
          from.stream.write(Buffer.alloc(100, byte));
          await world.until(to.bytes(100 * byte));
        }
        expect(to.chunks[0]!.every((byte) => byte === 1)).toBe(world.borrows !== true);
        expect(to.received.equals(Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(100, 2)]))).toBe(true);
      }
    });

    it('know the addresses of both ends', async () => {
      const { near, far, listener } = await pair(makeWorld());
      expect(listener.port).toBeGreaterThan(0);
      expect(near.stream.remotePort).toBe(listener.port);
      expect(near.stream.remoteHost).toBe(listener.host);
      expect(far.stream.localPort).toBe(listener.port);
      expect(far.stream.remotePort).toBe(near.stream.localPort);
      expect(far.stream.remoteHost).toBe(near.stream.localHost);
    });

    it('end after what is queued, and tell both sides once', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      const many = Buffer.alloc(3_000_000, 7);
      near.stream.write(many);
      near.stream.end();
      expect(await world.until(far.closed)).toBeUndefined();
      expect(await world.until(near.closed)).toBeUndefined();
      expect(far.received.equals(many)).toBe(true);
      near.stream.end();
      near.stream.destroy();
      expect([near.closedCount, far.closedCount]).toEqual([1, 1]);
    });

    it('take nothing after the end', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      near.stream.end();
      expect(near.stream.write(Buffer.from('late'))).toBe(false);
      await world.until(far.closed);
      await world.until(near.closed);
      expect(near.stream.write(Buffer.from('later'))).toBe(false);
      expect(far.received).toHaveLength(0);
    });

    it('tell both sides when one destroys them', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      near.stream.destroy();
      await world.until(near.closed);
      await world.until(far.closed);
      expect([near.closedCount, far.closedCount]).toEqual([1, 1]);
    });

    it('hold data back while paused', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      far.stream.pause();
      near.stream.write(Buffer.from('held'));
      // An answer that was sent after the bytes arrived proves that they would have been seen.
      far.stream.write(Buffer.from('marker'));
      await world.until(near.bytes(6));
      expect(far.received).toHaveLength(0);
      far.stream.resume();
      await world.until(far.bytes(4));
      expect(far.received.toString()).toBe('held');
    });

    it('say when too much waits, and when it has left', async () => {
      const world = makeWorld();
      const { near, far } = await pair(world);
      far.stream.pause();
      const chunk = Buffer.alloc(1_000_000, 1);
      let sent = 0;
      while (near.stream.write(chunk) && sent < 100) sent++;
      near.stream.write(chunk);
      expect(near.stream.bufferedBytes).toBeGreaterThan(0);
      far.stream.resume();
      await world.until(near.when(() => near.drains > 0));
      expect(near.stream.bufferedBytes).toBe(0);
    });

    it('are refused, with the reason, where nobody listens', async () => {
      const world = makeWorld();
      const listener = await listen(world, () => {});
      await world.until(listener.close());
      const failure = await world
        .until(world.streams.connect({ host: world.host, port: listener.port }))
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ConnectionError);
      expect((failure as ConnectionError).cause).toMatchObject({ code: 'ECONNREFUSED' });
    });

    it('cannot listen on a port that is taken, and say so', async () => {
      const world = makeWorld();
      const { port } = await listen(world, () => {});
      const failure = await listen(world, () => {}, port).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ConnectionError);
      expect((failure as ConnectionError).cause).toMatchObject({ code: 'EADDRINUSE' });
    });

    it('live on when their listener closes, and its port is free at once', async () => {
      const world = makeWorld();
      const { near, far, listener } = await pair(world);
      await world.until(listener.close());
      await world.until(listener.close());
      near.stream.write(Buffer.from('still'));
      await world.until(far.bytes(5));
      await listen(world, () => {}, listener.port);
    });

    it('are given up when the signal is aborted, with its reason', async () => {
      const world = makeWorld();
      const { host, port } = await listen(world, (stream) => new Recorded(stream));
      const early = AbortSignal.abort(new Error('before'));
      await expect(world.until(world.streams.connect({ host, port, signal: early }))).rejects.toThrow(
        'before',
      );
      const controller = new AbortController();
      const connecting = world.streams.connect({ host, port, signal: controller.signal });
      controller.abort(new Error('meanwhile'));
      await expect(world.until(connecting)).rejects.toThrow('meanwhile');
    });

    it('are no longer tied to the signal once they stand', async () => {
      const world = makeWorld();
      const controller = new AbortController();
      const accepted: Recorded[] = [];
      const { host, port } = await listen(world, (stream) => accepted.push(new Recorded(stream)));
      const near = await world.until(
        world.streams
          .connect({ host, port, signal: controller.signal, timeoutMs: 1_000 })
          .then((stream) => new Recorded(stream)),
      );
      controller.abort();
      near.stream.end();
      expect(await world.until(near.closed)).toBeUndefined();
      expect(accepted[0]?.closedCount).toBe(1);
    });
  });
}
