import { expect, it } from 'vitest';
import { LockTable } from '../../../src/registry/global/locks.ts';
import { NameTable } from '../../../src/registry/global/names.ts';
import { Replica, Watched } from '../../../src/registry/global/replica.ts';
import { Wishes } from '../../../src/registry/global/wishes.ts';
import { atom } from '../../../src/term/atom.ts';
import { internPid } from '../../../src/term/identifiers.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { RANDOM_EXIT } from './world.ts';

const pid = (id: number) => internPid('a@h', id, 0, 1);

function parts() {
  const table = new NameTable();
  const locks = new LockTable();
  const wishes = new Wishes(
    'a@h',
    () => undefined,
    () => true,
  );
  return { table, locks, wishes, replica: new Replica(table, locks, new Watched(wishes), wishes) };
}

it('a change that comes too late for its lock gives a name to nobody, and takes none from who has it already', () => {
  const { table, locks, wishes, replica } = parts();
  const [holder, other, registrar] = [pid(1), pid(2), pid(3)];
  const lock = tuple(atom('global'), registrar);
  locks.set(lock, registrar);
  replica.insert('x', holder, RANDOM_EXIT, registrar);
  locks.delete(lock, registrar);
  // Somebody else changes names by now.
  locks.set(tuple(atom('global'), other), other);
  wishes.take();
  replica.insert('x', holder, RANDOM_EXIT, { lock });
  expect(table.get('x')?.pid).toBe(holder);
  expect(wishes.take()).toEqual([]);
  replica.insert('y', holder, RANDOM_EXIT, { lock });
  expect(table.get('y')).toBeUndefined();
  replica.insert('x', other, RANDOM_EXIT, { lock });
  expect(table.get('x')).toBeUndefined();
});

it('a registration is entered under the lock of its registrar alone, and what a join decided also when nobody has one', () => {
  const { table, locks, replica } = parts();
  const [holder, registrar, other] = [pid(1), pid(2), pid(3)];
  const lock = tuple(atom('global'), registrar);
  replica.insert('early', holder, RANDOM_EXIT, registrar);
  expect(table.get('early')).toBeUndefined();
  locks.set(lock, registrar);
  replica.insert('x', holder, RANDOM_EXIT, registrar);
  replica.insert('y', holder, RANDOM_EXIT, other);
  locks.delete(lock, registrar);
  replica.insert('late', holder, RANDOM_EXIT, registrar);
  expect([...table.all()].map(({ name }) => name)).toEqual(['x']);
  // A member that hears of a join has not been locked by it, or is free by then.
  replica.insert('joined', holder, RANDOM_EXIT, { lock });
  expect(table.get('joined')?.pid).toBe(holder);
});

it('a join that comes after the end of who held its lock enters nothing, until the lock was had and given back', () => {
  const { table, locks, replica } = parts();
  const [holder, locker, registrar] = [pid(1), pid(2), pid(3)];
  const lock = tuple(atom('global'), [locker, holder]);
  locks.set(lock, locker);
  expect(locks.down(locker)).toBe(1);
  replica.insert('x', holder, RANDOM_EXIT, { lock });
  expect(table.get('x')).toBeUndefined();
  // Another lock than that on names says nothing about it.
  locks.set(tuple('other', registrar), registrar);
  locks.delete(tuple('other', registrar), registrar);
  replica.insert('x', holder, RANDOM_EXIT, { lock });
  expect(table.get('x')).toBeUndefined();
  locks.set(tuple(atom('global'), registrar), registrar);
  locks.delete(tuple(atom('global'), registrar), registrar);
  replica.insert('x', holder, RANDOM_EXIT, { lock });
  expect(table.get('x')?.pid).toBe(holder);
});
