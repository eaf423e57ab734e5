import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByPid } from '../../src/registry/by-pid.ts';
import { internPid } from '../../src/term/identifiers.ts';

const pids = [1, 2].map((id) => internPid('a@h', id, 0, 1));
const things = ['x', 'y', 'z'].map((name) => ({ name }));

it('keeps what each process has, as lists would', () => {
  const command = fc.record({
    pid: fc.constantFrom(...pids),
    thing: fc.constantFrom(...things),
    does: fc.constantFrom('add', 'add', 'remove', 'delete'),
  });
  fc.assert(
    fc.property(fc.array(command), (commands) => {
      const table = new ByPid<{ name: string }>();
      const model = new Map(pids.map((pid) => [pid, [] as { name: string }[]]));
      for (const { pid, thing, does } of commands) {
        const list = model.get(pid)!;
        if (does === 'delete') {
          table.delete(pid);
          list.length = 0;
        } else if (does === 'add') expect(table.add(pid, thing)).toBe(list.push(thing) === 1);
        else {
          const at = list.lastIndexOf(thing);
          if (at >= 0) list.splice(at, 1);
          expect(table.remove(pid, thing)).toBe(at >= 0 && list.length === 0);
        }
        for (const one of pids) expect(table.of(one)).toEqual(model.get(one));
        expect([...table.pids()].sort()).toEqual(pids.filter((one) => model.get(one)!.length > 0).sort());
      }
    }),
  );
});
