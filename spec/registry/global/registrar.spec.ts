import { expect, it } from 'vitest';
import { atom } from '../../../src/term/atom.ts';
import { internPid } from '../../../src/term/identifiers.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { Alone } from './alone.ts';
import { RANDOM_EXIT } from './world.ts';

it('takes the lock of the greatest name, then of all, and begins anew when members were added meanwhile', () => {
  const a = new Alone('b@h', 'z@h');
  a.register('x');
  expect(a.asked()).toBe('set_lock of z@h');
  a.answer();
  expect(a.asked()).toBe('set_lock of b@h,z@h');
  // A join has let the lock go at z, and told us of c at once; z came first.
  a.meet('b@h', ['c@h']);
  a.tell({ type: 'nodeup', node: 'c@h' });
  a.answer();
  expect(a.asked()).toBe('del_lock of b@h,z@h');
  expect(a.table.size).toBe(0);
  a.answer();
  a.wait();
  expect(a.asked()).toBe('set_lock of z@h');
  a.answer();
  expect(a.asked()).toBe('set_lock of b@h,z@h,c@h');
  a.answer();
  expect(a.asked()).toBe('register of b@h,z@h,c@h');
  expect(a.settled).toBeUndefined();
  a.answer();
  expect(a.settled).toBe(true);
});

it('tells a change to nobody that was lost since it was locked, also when it is back', () => {
  const a = new Alone('b@h', 'z@h');
  a.register('x');
  a.answer();
  a.tell({ type: 'nodedown', node: 'b@h' });
  a.tell({ type: 'nodeup', node: 'b@h' });
  a.answer();
  expect(a.asked()).toBe('register of z@h');
  a.answer();
  expect(a.settled).toBe(true);
});

it('enters what another asks for under its lock, and of what comes after the lock is lost nothing', () => {
  const a = new Alone('b@h', 'z@h');
  const lock = tuple(atom('global'), internPid('b@h', 3, 0, 1));
  const [his, yes] = [internPid('b@h', 9, 0, 1), atom('yes')];
  expect(a.serve(atom('set_lock'), lock)).toBe(true);
  expect(a.serve(atom('register'), 'x', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register'), 'y', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('unregister'), 'y')).toBe(atom('ok'));
  expect(a.serve(atom('del_lock'), lock)).toBe(true);
  const names = () => [...a.table.all()].map(({ name, pid }) => `${name} ${pid.node}`);
  expect(names()).toEqual(['x b@h']);
  // They have waited for a connection: whoever sent them has no lock here any more.
  expect(a.serve(atom('register'), 'x', internPid('z@h', 9, 0, 1), RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register'), 'z', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register_ext'), 'c', his, RANDOM_EXIT, atom('b@h'))).toBe(yes);
  expect(a.serve(atom('unregister'), 'x')).toBe(atom('ok'));
  expect(names()).toEqual(['x b@h']);
});

it('tells all once more what a registrar has changed that ends with the lock, whatever else it let go before', () => {
  const a = new Alone('b@h', 'z@h');
  const registrar = internPid('b@h', 3, 0, 1);
  const lock = tuple(atom('global'), registrar);
  const other = tuple('other', registrar);
  a.serve(atom('set_lock'), lock);
  a.serve(atom('set_lock'), other);
  a.serve(atom('register'), 'x', internPid('z@h', 9, 0, 1), RANDOM_EXIT);
  a.serve(atom('del_lock'), other);
  a.tell({ type: 'down', pid: registrar });
  a.wait();
  a.answer();
  expect(a.asked()).toBe('set_lock of b@h,z@h');
  a.answer();
  expect(a.asked()).toBe('register of b@h,z@h');
});

it('passes on a name that a BEAM registered for a C node as such, until it is free', () => {
  const a = new Alone('b@h', 'z@h');
  const lock = tuple(atom('global'), internPid('b@h', 3, 0, 1));
  const his = internPid('c@h', 9, 0, 1);
  a.serve(atom('set_lock'), lock);
  expect(a.serve(atom('register_ext'), 'x', his, RANDOM_EXIT, atom('b@h'))).toBe(atom('yes'));
  expect([...a.table.external.values()]).toEqual([tuple('x', his, atom('b@h'))]);
  a.serve(atom('unregister'), 'x');
  expect(a.table.external.size).toBe(0);
  a.serve(atom('register'), 'x', his, RANDOM_EXIT);
  expect(a.table.external.size).toBe(0);
});
