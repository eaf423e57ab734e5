import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAlive2Response,
  decodeNamesResponse,
  decodePort2Response,
  encodeAlive2Response,
  encodeNamesResponse,
  encodePort2Response,
} from '../../src/epmd/response.ts';
import { BeamishError, DecodeError } from '../../src/errors.ts';
import { fromHex, golden, toHex } from './golden.ts';

const exchanges = golden.real_nodes.flatMap((scenario) => scenario.exchanges);
const registrations = exchanges.filter(({ decoded }) => decoded.request === 'ALIVE2_REQ');
const lookups = exchanges.filter(({ decoded }) => decoded.request === 'PORT_PLEASE2_REQ');

function captured(name: string): Buffer {
  const entry = golden.requests.find((request) => request.name === name);
  if (entry?.response === undefined) throw new Error(`no capture is named ${name}`);
  return fromHex(entry.response);
}

describe('answers of a port mapper', () => {
  it.each(registrations)(
    'to the registration of $decoded.name are read and written back',
    ({ decoded, segments }) => {
      const bytes = fromHex(segments[1]!.hex);
      const { result, creation } = decoded.response as { result: number; creation: number };
      expect(decodeAlive2Response(bytes)).toEqual({ type: 'ALIVE2_RESP', result, creation });
      expect(toHex(encodeAlive2Response(6, creation))).toBe(toHex(bytes));
      for (let cut = 0; cut < bytes.length; cut++)
        expect(decodeAlive2Response(bytes.subarray(0, cut))).toBeUndefined();
    },
  );

  it.each(lookups)('to the look-up of $decoded.name are read and written back', ({ decoded, segments }) => {
    const bytes = fromHex(segments[1]!.hex);
    const response = decodePort2Response(bytes);
    expect(response?.registration).toMatchObject({ name: decoded.name, port: decoded.response.port });
    expect(toHex(encodePort2Response(response?.registration))).toBe(toHex(bytes));
    for (let cut = 0; cut < bytes.length; cut++)
      expect(decodePort2Response(bytes.subarray(0, cut))).toBeUndefined();
  });

  it('carry a 16-bit creation to nodes whose highest version is 5', () => {
    const bytes = captured('alive2, highest version 5: old style answer');
    expect(decodeAlive2Response(bytes)).toEqual({ type: 'ALIVE2_RESP', result: 0, creation: 2 });
    expect(toHex(encodeAlive2Response(5, 2))).toBe(toHex(bytes));
  });

  it('tell that a name is taken with result 1 and creation 99', () => {
    expect(toHex(encodeAlive2Response(6, undefined))).toBe(
      toHex(captured('alive2, name already registered')),
    );
    expect(toHex(encodeAlive2Response(5, undefined))).toBe(
      toHex(captured('alive2, name already registered, highest version 5')),
    );
  });

  it('keep the extra bytes of a registration', () => {
    const bytes = captured('port_please2 ext');
    const response = decodePort2Response(bytes);
    expect(Buffer.from(response?.registration?.extra ?? []).toString()).toBe('abcd');
    expect(toHex(encodePort2Response(response?.registration))).toBe(toHex(bytes));
  });

  it('list the names with their ports', () => {
    const bytes = captured('names, several registered');
    const nodes = decodeNamesResponse(bytes);
    expect(nodes).toContainEqual({ name: 'ñode', port: 9107 });
    expect(nodes).toHaveLength(9);
    expect(toHex(encodeNamesResponse(14369, nodes))).toBe(toHex(bytes));
  });

  it('of another kind are refused', () => {
    expect(() => decodeAlive2Response(Buffer.from('HTTP'))).toThrow(DecodeError);
    expect(() => decodePort2Response(Buffer.from('HTTP'))).toThrow(DecodeError);
    expect(() => decodeNamesResponse(Buffer.from('ab'))).toThrow(DecodeError);
  });

  it('that are random bytes give an answer, a wish for more, or an error of the family', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(118, 119, 121, 0), (noise, code) => {
        const bytes = Buffer.concat([Buffer.of(code), noise]);
        for (const decode of [decodeAlive2Response, decodePort2Response, decodeNamesResponse]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(BeamishError);
          }
        }
      }),
    );
  });
});
