import { describe, expect, it } from 'vitest';
import { NODE_TYPE_NORMAL, type Registration } from '../../src/epmd/registration.ts';
import { encodeRequest } from '../../src/epmd/request.ts';
import { decodeAlive2Response, decodePort2Response } from '../../src/epmd/response.ts';
import {
  type EpmdServerAction,
  type EpmdServerEvent,
  EpmdServerMachine,
  type EpmdServerOptions,
  REQUEST_TIMEOUT_MS,
} from '../../src/epmd/server.ts';
import { fromHex, golden, toHex } from './golden.ts';

/** A machine with its connections: what each was sent, and whether the machine closed it. */
class Rig {
  readonly machine: EpmdServerMachine;
  readonly actions: EpmdServerAction[] = [];
  #last = 0;

  constructor(options: Partial<EpmdServerOptions> = {}) {
    this.machine = new EpmdServerMachine({
      randomU32: () => 1_000_000,
      maxSockets: 128,
      settleMs: 0,
      ...options,
    });
    this.actions.push(...this.machine.start());
  }

  step(event: EpmdServerEvent): EpmdServerAction[] {
    const actions = this.machine.step(event);
    this.actions.push(...actions);
    return actions;
  }

  open(isLocal = true): number {
    const connection = ++this.#last;
    this.step({ type: 'opened', connection, port: 14369, isLocal });
    return connection;
  }

  /** Opens a connection, sends these bytes. */
  ask(bytes: Uint8Array, isLocal = true): number {
    const connection = this.open(isLocal);
    this.step({ type: 'bytes', connection, bytes });
    return connection;
  }

  register(name: string, port = 9100, overrides: Partial<Registration> = {}): number {
    return this.ask(alive2(name, port, overrides));
  }

  sent(connection: number): Buffer {
    const parts = this.actions.flatMap((action) =>
      action.type === 'send' && action.connection === connection ? [action.bytes] : [],
    );
    return Buffer.concat(parts);
  }

  isClosed(connection: number): boolean {
    return this.actions.some(
      (action) => (action.type === 'close' || action.type === 'destroy') && action.connection === connection,
    );
  }
}

function alive2(name: string, port = 9100, overrides: Partial<Registration> = {}): Uint8Array {
  return encodeRequest({
    type: 'ALIVE2_REQ',
    registration: {
      name,
      port,
      nodeType: NODE_TYPE_NORMAL,
      protocol: 0,
      highestVersion: 6,
      lowestVersion: 5,
      extra: new Uint8Array(0),
      ...overrides,
    },
  });
}

const lookup = (name: string): Uint8Array => encodeRequest({ type: 'PORT_PLEASE2_REQ', name });
const foundPort = (bytes: Uint8Array): number | undefined => decodePort2Response(bytes)?.registration?.port;
const creation = (bytes: Uint8Array): number | undefined => decodeAlive2Response(bytes)?.creation;

/** Creations differ on every capture, and so do file descriptors. */
function comparable(hex: string): string {
  const bytes = fromHex(hex);
  if (bytes[0] === 0x76 && bytes[1] === 0) return '7600--------';
  if (bytes[0] === 0x79 && bytes[1] === 0) return '7900----';
  return bytes.toString('latin1').replace(/fd = \d+/g, 'fd = N');
}

describe('the embedded port mapper', () => {
  it('answers every captured request as the daemon of OTP 25 did', () => {
    const rig = new Rig();
    const held = new Map<string, number>();
    let isCompared = 0;
    for (const entry of golden.requests) {
      // Relaxed checking is never on here, and the embedded one does not end when it is asked to.
      if (entry.name.startsWith('relaxed') || entry.name === 'kill with nothing registered') continue;
      if (entry.request === undefined || entry.response === undefined) continue;
      if (entry.name.startsWith('names after all connections closed'))
        for (const connection of held.values()) rig.step({ type: 'closed', connection });
      if (
        entry.name.startsWith('port_please2 one, right after') ||
        entry.name.startsWith('alive2 same name a third')
      )
        rig.step({ type: 'closed', connection: held.get('one')! });

      const connection = rig.open();
      const request = fromHex(entry.request);
      const chunks = entry.name.startsWith('split') ? [...request].map((byte) => Buffer.of(byte)) : [request];
      for (const bytes of chunks) rig.step({ type: 'bytes', connection, bytes });

      expect(comparable(toHex(rig.sent(connection))), entry.name).toBe(comparable(entry.response));
      expect(rig.isClosed(connection), entry.name).toBe(entry.connection_after === 'closed');
      if (entry.connection_after?.startsWith('open (kept')) {
        const nameBytes = request.readUInt16BE(11);
        if (/^7[69]00/.test(entry.response))
          held.set(request.toString('utf8', 13, 13 + nameBytes), connection);
      } else rig.step({ type: 'closed', connection });
      isCompared++;
    }
    expect(isCompared).toBeGreaterThan(45);
  });

  it('answers a request that comes byte by byte once, at its last byte', () => {
    const rig = new Rig();
    const connection = rig.open();
    const bytes = alive2('one');
    for (const [index, byte] of bytes.entries()) {
      expect(rig.sent(connection)).toHaveLength(0);
      rig.step({ type: 'bytes', connection, bytes: Uint8Array.of(byte) });
      if (index < bytes.length - 1) expect(rig.machine.registrations()).toHaveLength(0);
    }
    expect(rig.sent(connection)).toHaveLength(6);
    expect(rig.machine.registrations()).toMatchObject([{ name: 'one', port: 9100 }]);
  });

  it('holds a name as long as its connection, and not a moment longer', () => {
    const rig = new Rig();
    const connection = rig.register('one', 9101);
    expect(foundPort(rig.sent(rig.ask(lookup('one'))))).toBe(9101);
    rig.step({ type: 'closed', connection });
    expect(foundPort(rig.sent(rig.ask(lookup('one'))))).toBeUndefined();
  });

  it('gives a name that comes back the next creation', () => {
    const rig = new Rig();
    const first = rig.register('one');
    rig.step({ type: 'closed', connection: first });
    const second = rig.register('one');
    expect(creation(rig.sent(second))).toBe(creation(rig.sent(first))! + 1);
  });

  it('never gives a creation below 4, also when the count wraps around', () => {
    const low = new Rig({ randomU32: () => 0 });
    expect(creation(low.sent(low.register('one')))).toBe(4);
    const high = new Rig({ randomU32: () => 0xffff_ffff });
    const first = high.register('one');
    expect(creation(high.sent(first))).toBe(0xffff_ffff);
    high.step({ type: 'closed', connection: first });
    expect(creation(high.sent(high.register('one')))).toBe(4);
  });

  it('forgets a registered connection that goes on talking', () => {
    const rig = new Rig();
    const connection = rig.register('one');
    rig.step({ type: 'bytes', connection, bytes: lookup('one') });
    expect(rig.isClosed(connection)).toBe(true);
    expect(rig.machine.registrations()).toHaveLength(0);
  });

  it('takes registrations, dumps and kill requests from this machine only, look-ups from anywhere', () => {
    const rig = new Rig();
    rig.register('one', 9101);
    const strangers = [
      alive2('two'),
      alive2('n'.repeat(256)),
      encodeRequest({ type: 'DUMP_REQ' }),
      encodeRequest({ type: 'KILL_REQ' }),
    ].map((bytes) => rig.ask(bytes, false));
    for (const connection of strangers) {
      expect(rig.sent(connection)).toHaveLength(0);
      expect(rig.isClosed(connection)).toBe(true);
    }
    expect(foundPort(rig.sent(rig.ask(lookup('one'), false)))).toBe(9101);
    expect(rig.sent(rig.ask(encodeRequest({ type: 'NAMES_REQ' }), false)).toString()).toContain('name one');
    expect(rig.machine.registrations()).toHaveLength(1);
  });

  it('closes a connection without a complete request after a minute, a registered one never', () => {
    const rig = new Rig();
    const idle = rig.open();
    expect(rig.actions).toContainEqual({ type: 'arm', timer: idle, afterMs: REQUEST_TIMEOUT_MS });
    rig.step({ type: 'timeout', timer: idle });
    expect(rig.isClosed(idle)).toBe(true);

    const registered = rig.register('one');
    expect(rig.actions).toContainEqual({ type: 'disarm', timer: registered });
    expect(rig.step({ type: 'timeout', timer: registered })).toEqual([]);
  });

  it('turns connections away past the limit, without counting those that hold a name', () => {
    const rig = new Rig({ maxSockets: 2 });
    rig.register('one');
    rig.register('two');
    rig.register('three');
    const first = rig.open();
    const second = rig.open();
    const third = rig.open();
    expect([first, second, third].map((connection) => rig.isClosed(connection))).toEqual([
      false,
      false,
      true,
    ]);
    rig.step({ type: 'closed', connection: first });
    expect(rig.isClosed(rig.open())).toBe(false);
  });

  it('says nothing more after it has closed a connection', () => {
    const rig = new Rig();
    const connection = rig.ask(lookup('one'));
    expect(rig.isClosed(connection)).toBe(true);
    expect(rig.step({ type: 'bytes', connection, bytes: lookup('one') })).toEqual([]);
    expect(rig.step({ type: 'timeout', timer: connection })).toEqual([]);
    expect(rig.step({ type: 'closed', connection })).toEqual([]);
  });

  it('refuses kill and stop while it serves', () => {
    const rig = new Rig();
    rig.register('one');
    const kill = rig.ask(encodeRequest({ type: 'KILL_REQ' }));
    expect(rig.sent(kill).toString()).toBe('NO');
    const stop = rig.ask(encodeRequest({ type: 'STOP_REQ', name: 'one' }));
    expect(rig.sent(stop)).toHaveLength(0);
    expect(rig.isClosed(stop)).toBe(true);
    expect(rig.machine.registrations()).toHaveLength(1);
  });

  it('refuses names that cannot be held, and says so', () => {
    const rig = new Rig();
    const invalid = Buffer.from(alive2('xx'));
    invalid[13] = 0xff;
    const refused = rig.ask(invalid);
    expect(toHex(rig.sent(refused))).toBe('760100000063');
    expect(rig.actions).toContainEqual({
      type: 'note',
      note: { type: 'refused', cause: 'bad_name', detail: 'the name is not UTF-8' },
    });
  });
});

describe('the embedded port mapper after a take-over', () => {
  it('holds a look-up of an unknown name back until the name registers', () => {
    const rig = new Rig({ settleMs: 1_000 });
    expect(rig.actions).toContainEqual({ type: 'arm', timer: 'settle', afterMs: 1_000 });
    const waiting = rig.ask(lookup('one'));
    const other = rig.ask(lookup('two'));
    expect(rig.sent(waiting)).toHaveLength(0);
    rig.register('one', 9101);
    expect(foundPort(rig.sent(waiting))).toBe(9101);
    expect(rig.isClosed(waiting)).toBe(true);
    expect(rig.isClosed(other)).toBe(false);
  });

  it('answers "not found" once everybody had time to come back', () => {
    const rig = new Rig({ settleMs: 1_000 });
    const waiting = rig.ask(lookup('one'));
    rig.step({ type: 'timeout', timer: 'settle' });
    expect(toHex(rig.sent(waiting))).toBe('7701');
    expect(toHex(rig.sent(rig.ask(lookup('two'))))).toBe('7701');
  });

  it('forgets a waiting look-up whose connection closes', () => {
    const rig = new Rig({ settleMs: 1_000 });
    const waiting = rig.ask(lookup('one'));
    rig.step({ type: 'closed', connection: waiting });
    rig.register('one');
    expect(rig.sent(waiting)).toHaveLength(0);
  });
});
