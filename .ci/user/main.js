// A user's first program, in JavaScript: the packed package starts a node and ends by itself.
import assert from 'node:assert/strict';
import { actor, atom, decodeTerm, encodeTerm, startNode, tuple } from 'beamish';
import * as testing from 'beamish/testing';

assert.ok(testing, 'beamish/testing can be imported');
assert.deepEqual(decodeTerm(encodeTerm(tuple(atom('ok'), 1))), tuple(atom('ok'), 1));

const Counter = actor('counter', (_self, start) => {
  let n = start;
  return {
    get: () => n,
    add: (by) => {
      n += by;
      return n;
    },
  };
});

const node = await startNode({ name: 'user@127.0.0.1', cookie: 'user', epmd: { mode: 'off' } });
const pid = node.spawn(Counter, [40]);
assert.equal(await node.call(pid, 'add', 2), 42);
await node.stop();
console.log('the packed package works from JavaScript');
