import { describe, expect, it } from 'vitest';
import { Directory, MAX_REGISTRATIONS, MAX_UNUSED_NAMES } from '../../src/epmd/directory.ts';
import type { Registration } from '../../src/epmd/registration.ts';

function registration(name: string, highestVersion = 6): Registration {
  return {
    name,
    port: 9100,
    nodeType: 77,
    protocol: 0,
    highestVersion,
    lowestVersion: 5,
    extra: new Uint8Array(0),
  };
}

describe('the directory of names', () => {
  it('refuses a name that is held, whoever asks', () => {
    const directory = new Directory(() => 50);
    expect(directory.register(1, registration('one'))).toBe(50);
    expect(directory.register(2, registration('one'))).toBeUndefined();
    expect(directory.unregister(2)).toBeUndefined();
    expect(directory.find('one')).toBeDefined();
  });

  it('tells names apart by case', () => {
    const directory = new Directory(() => 50);
    directory.register(1, registration('one'));
    expect(directory.find('One')).toBeUndefined();
  });

  it('counts 1, 2, 3 for nodes that know short creations only', () => {
    const directory = new Directory(() => 9);
    const seen = [1, 2, 3, 4].map((connection) => {
      const creation = directory.register(connection, registration('old', 5));
      directory.unregister(connection);
      return creation;
    });
    expect(seen).toEqual([1, 2, 3, 1]);
  });

  it('is full at its limit, and open again when a name is given back', () => {
    const directory = new Directory(() => 50);
    for (let index = 0; index < MAX_REGISTRATIONS; index++)
      directory.register(index, registration(`node${index}`));
    expect(directory.register(-1, registration('late'))).toBeUndefined();
    directory.unregister(0);
    expect(directory.register(-1, registration('late'))).toBe(50);
  });

  it('remembers the creations of a bounded number of names', () => {
    let next = 1_000;
    const directory = new Directory(() => next);
    const visit = (name: string): number | undefined => {
      const creation = directory.register(1, registration(name));
      directory.unregister(1);
      return creation;
    };
    expect(visit('first')).toBe(1_000);
    next = 5_000;
    for (let index = 0; index < MAX_UNUSED_NAMES; index++) visit(`node${index}`);
    expect(visit('first')).toBe(5_000);
    expect(visit(`node${MAX_UNUSED_NAMES - 1}`)).toBe(5_001);
  });
});
