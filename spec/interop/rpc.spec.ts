import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Node } from '../../src/index.ts';
import { atom, ExitError } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

describeBeam('a BEAM that calls functions here', () => {
  let lab: Lab;
  let node: Node;
  let beam: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    node = await lab.node('exporter', {
      exports: {
        math: {
          add: (a: number, b: number) => a + b,
          later: async (x: unknown) => x,
          crash: () => {
            throw new TypeError('no');
          },
          toss: () => {
            throw atom('ball');
          },
          leave: () => {
            throw new ExitError(atom('bye'), 'here', 'bye');
          },
        },
      },
    });
    beam = await lab.beam('caller');
  });
  afterAll(() => lab.close());

  const here = () => `'${node.name}'`;

  it('gets the results of exported functions, through rpc and through erpc', async () => {
    expect(await beam.eval(`rpc:call(${here()}, math, add, [2, 3])`)).toBe('5');
    expect(await beam.eval(`erpc:call(${here()}, math, later, [{a, [1, 2]}])`)).toBe('{a,[1,2]}');
    expect(await beam.eval(`rpc:multicall([${here()}], math, add, [1, 1])`)).toBe('{[2],[]}');
    expect(await beam.eval(`erpc:cast(${here()}, math, add, [1, 1])`)).toBe('ok');
  });

  it('is refused everything else as an undefined function', async () => {
    const refused = /undef/;
    expect(await beam.eval(`rpc:call(${here()}, os, cmd, ["id"])`)).toMatch(refused);
    expect(await beam.eval(`rpc:call(${here()}, math, subtract, [1, 1])`)).toMatch(refused);
    expect(await beam.eval(`rpc:call(${here()}, math, constructor, [])`)).toMatch(refused);
    expect(await beam.eval(`rpc:call(${here()}, '__proto__', toString, [])`)).toMatch(refused);
  });

  it('gets errors, throws and exits as the classes they are', async () => {
    const classOf = (fn: string) =>
      beam.eval(`try erpc:call(${here()}, math, ${fn}, []) catch C:R -> {C, R} end`);
    expect(await classOf('crash')).toMatch(/^\{error,\{exception,\{js_error,<<"TypeError">>,<<"no">>\}/);
    expect(await classOf('toss')).toBe('{throw,ball}');
    expect(await classOf('leave')).toBe('{exit,{exception,bye}}');
    expect(await beam.eval(`rpc:call(${here()}, math, add, [20, 22])`)).toBe('42');
  });

  it('switches debug lines at run time', async () => {
    expect(await beam.eval(`rpc:call(${here()}, beamish, debug, [discovery, true])`)).toBe('ok');
    expect(await beam.eval(`rpc:call(${here()}, beamish, debug, [discovery, false])`)).toBe('ok');
    expect(await beam.eval(`rpc:call(${here()}, beamish, debug, [nonsense, true])`)).toMatch(
      /^\{error,<<"expected an area \(node, epmd, discovery/,
    );
    expect(await beam.eval(`gen_server:call({beamish, ${here()}}, {debug, discovery, true})`)).toBe('ok');
  });
});
