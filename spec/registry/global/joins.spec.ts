import { expect, it } from 'vitest';
import { atom } from '../../../src/term/atom.ts';
import { internPid } from '../../../src/term/identifiers.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { Alone, pid } from './alone.ts';

const locker = (node: string) => internPid(node, 2, 0, 1);
const hello = (node: string, tag: number) =>
  tuple(atom('init_connect'), tuple(8, tag), atom(node), tuple(atom('locker'), 0, 0, locker(node)));

/** Beside a member b, which is boss, it has begun to join with n. */
function joining(): Alone {
  const a = new Alone('b@h');
  a.heard();
  a.tell({ type: 'nodeup', node: 'n@h' });
  a.tell({ type: 'cast', message: hello('n@h', -7) });
  expect(a.heard()).toEqual(['init_connect to n@h', 'init_connect_ack to n@h']);
  return a;
}

it('begins anew with who means another attempt', () => {
  const a = joining();
  // Ours is 2 (the first one was for b), his -7.
  const ack = (mine: number, his: number) => tuple(atom('init_connect_ack'), atom('n@h'), mine, his);
  a.tell({ type: 'info', message: ack(1, -6) });
  expect(a.heard()).toEqual([]);
  a.tell({ type: 'info', message: ack(2, -7) });
  expect(a.heard()).toEqual([]);
  a.tell({ type: 'info', message: ack(2, -6) });
  expect(a.heard()).toEqual(['cancel_connect to n@h', 'cancel_connect to n@h', 'init_connect to n@h']);
});

it('is connected anew with who begins anew once both have the lock', () => {
  const a = joining();
  a.wait();
  expect(a.asked()).toBe('set_lock of b@h');
  a.answer();
  expect(a.asked()).toBe('set_lock of n@h');
  a.answer();
  expect(a.heard()).toEqual(['lock_set to n@h']);
  a.tell({ type: 'cast', message: tuple(atom('lock_set'), locker('n@h'), true, [], 2) });
  expect(a.heard()).toEqual(['exchange to n@h']);
  a.tell({ type: 'cast', message: hello('n@h', -8) });
  expect(a.heard()).toEqual(['disconnect n@h']);
  a.tell({ type: 'nodedown', node: 'n@h' });
  expect(a.heard()).toContain('connect n@h');
});

it('is connected anew with a member that takes us for a stranger, unless it greets us in time', () => {
  for (const greets of [true, false]) {
    const a = new Alone('b@h', 'z@h');
    a.heard();
    a.tell({ type: 'cast', message: hello('z@h', -7) });
    if (greets) a.tell({ type: 'cast', message: tuple(atom('in_sync'), atom('z@h'), true) });
    a.wait();
    expect(a.heard()).toEqual(greets ? [] : ['disconnect z@h']);
  }
});

it('keeps a member that could not be reached and has reached us', () => {
  const a = new Alone('b@h', 'z@h');
  a.tell({ type: 'unreachable', node: 'z@h' });
  expect(a.known).toEqual(['b@h', 'z@h']);
  a.heard();
  a.tell({ type: 'nodedown', node: 'z@h' });
  expect(a.known).toEqual(['b@h']);
  expect(a.heard()).toEqual(['lost_connection to b@h']);
});

it('tells of the loss of a member that was asked to leave before it was there, and has joined since', () => {
  const a = new Alone('b@h');
  a.meet('b@h', ['z@h']);
  const lost = tuple(atom('lost_connection'), atom('b@h'), 1, 1, atom('z@h'));
  a.tell({ type: 'info', message: lost });
  expect(a.known).toEqual(['b@h']);
  a.tell({ type: 'nodeup', node: 'z@h' });
  a.meet('b@h', ['z@h']);
  a.heard();
  a.tell({ type: 'nodedown', node: 'z@h' });
  expect(a.heard()).toEqual(['lost_connection to b@h']);
});

it('holds a lock until the last of those who have set it lets go', () => {
  const a = new Alone('b@h');
  const lock = tuple(atom('global'), [locker('b@h'), pid(2)]);
  const other = tuple(atom('global'), pid(99));
  expect(a.serve(atom('set_lock'), lock)).toBe(true);
  expect(a.serveFrom(locker('z@h'), atom('set_lock'), lock)).toBe(true);
  a.serve(atom('del_lock'), lock);
  expect(a.serve(atom('set_lock'), other)).toBe(false);
  a.serveFrom(locker('z@h'), atom('del_lock'), lock);
  expect(a.serve(atom('set_lock'), other)).toBe(true);
});
