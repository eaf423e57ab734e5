import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest, encodeRequest, MAX_REQUEST_BYTES } from '../../src/epmd/request.ts';
import { BeamishError, DecodeError, LimitError } from '../../src/errors.ts';
import { fromHex, golden, toHex } from './golden.ts';

const exchanges = golden.real_nodes.flatMap((scenario) => scenario.exchanges);

describe('requests to a port mapper', () => {
  it.each(exchanges)(
    'of a real node are read and written back ($decoded.request $decoded.name)',
    (exchange) => {
      const hex = exchange.segments[0]!.hex;
      const { decoded } = exchange;
      const request = decodeRequest(fromHex(hex));
      if (decoded.request === 'ALIVE2_REQ')
        expect(request).toEqual({
          type: 'ALIVE2_REQ',
          registration: {
            name: decoded.name,
            port: decoded.port,
            nodeType: decoded.node_type,
            protocol: decoded.protocol,
            highestVersion: decoded.highest_version,
            lowestVersion: decoded.lowest_version,
            extra: new Uint8Array(0),
          },
        });
      else expect(request).toEqual({ type: 'PORT_PLEASE2_REQ', name: decoded.name });
      expect(toHex(encodeRequest(request as Parameters<typeof encodeRequest>[0]))).toBe(hex);
    },
  );

  it.each(exchanges)('ask for more bytes at every cut ($decoded.request $decoded.name)', (exchange) => {
    const bytes = fromHex(exchange.segments[0]!.hex);
    for (let cut = 0; cut < bytes.length; cut++)
      expect(decodeRequest(bytes.subarray(0, cut))).toBeUndefined();
  });

  it.each(['NAMES_REQ', 'DUMP_REQ', 'KILL_REQ'] as const)('%s survives the trip', (type) => {
    expect(decodeRequest(encodeRequest({ type }))).toEqual({ type });
  });

  it('STOP_REQ survives the trip with its name', () => {
    expect(decodeRequest(encodeRequest({ type: 'STOP_REQ', name: 'ñode' }))).toEqual({
      type: 'STOP_REQ',
      name: 'ñode',
    });
  });

  it('refuse a length past the limit before waiting for the body', () => {
    const announced = Buffer.alloc(2);
    announced.writeUInt16BE(MAX_REQUEST_BYTES + 1);
    expect(() => decodeRequest(announced)).toThrow(LimitError);
  });

  it('refuse bytes behind the request', () => {
    expect(() => decodeRequest(fromHex('00016e00'))).toThrow(DecodeError);
  });

  it('that are random bytes give a request, a wish for more, or an error of the family', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (noise, isFramed) => {
        const bytes = isFramed ? Buffer.concat([Buffer.of(0, noise.length), noise]) : noise;
        try {
          decodeRequest(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BeamishError);
        }
      }),
    );
  });
});
