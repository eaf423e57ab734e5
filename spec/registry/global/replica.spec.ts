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

it('a change that comes too late for its lock gives a name to nobody, and takes none from who has it already', () => {
  const table = new NameTable();
  const locks = new LockTable();
  const wishes = new Wishes(
    'a@h',
    () => undefined,
    () => true,
  );
  const replica = new Replica(table, locks, new Watched(wishes), wishes);
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
