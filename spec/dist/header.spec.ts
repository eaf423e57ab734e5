import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DistDecoder } from '../../src/dist/decode.ts';
import type { ControlSink } from '../../src/dist/sink.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { comparable, hasFun, type Tagged } from '../term/etf/tagged.ts';
import { recordedText } from './recorded-text.ts';
import { type Call, controlOf, recorder } from './recorder.ts';

interface HeaderFrame {
  readonly from: string;
  readonly kind: 'dist_header' | 'fragment_first' | 'fragment_cont' | 'tick';
  readonly op?: number;
  readonly control_json?: Tagged;
  readonly payload_json?: Tagged;
  readonly control?: string;
  readonly payload?: string;
  readonly hex?: string;
  readonly zlib?: string;
}

const golden = JSON.parse(readFileSync(new URL('../golden/dist-header.json', import.meta.url), 'utf8')) as {
  readonly connections: readonly { readonly name: string; readonly frames: readonly HeaderFrame[] }[];
};

const bytesOf = ({ hex, zlib }: HeaderFrame): Buffer =>
  zlib === undefined ? Buffer.from(hex!, 'hex') : inflateSync(Buffer.from(zlib, 'base64'));

const limits = { frameBytes: 1 << 20, fragmentedMessages: 10, fragmentedBytes: 1 << 20 };

const headerDecoder = (peer: string, sink: ControlSink): DistDecoder =>
  new DistDecoder({ peer, terms: new TermDecoder(), sink, headers: true, fragments: limits });

/** Texts that are equal but for the order of a map's pairs, which newer releases do not sort. */
const unordered = (text: string): string =>
  text.includes('#{') ? text.split(/[,{}]/).sort().join('\n') : text;

describe('recorded frames with a distribution header', () => {
  it.each(golden.connections.map((c) => [c.name, c] as const))(
    '%s: read, both directions',
    (_, { frames }) => {
      const ends = new Map<string, { decoder: DistDecoder; calls: Call[] }>();
      let compared = 0;
      for (const [at, frame] of frames.entries()) {
        let end = ends.get(frame.from);
        if (end === undefined) {
          const { sink, calls } = recorder();
          end = { decoder: headerDecoder(frame.from, sink), calls };
          ends.set(frame.from, end);
        }
        const bytes = bytesOf(frame);
        end.decoder.frame(bytes, 4, bytes.length);
        const calls = end.calls.splice(0);
        if (frame.kind === 'tick') {
          expect(calls).toEqual([['tick']]);
          continue;
        }
        // The term is recorded with the frame that completes it.
        expect(calls).toHaveLength(frame.op === undefined ? 0 : 1);
        if (frame.op === undefined) continue;
        const traced = [12, 16, 18, 23, 25, 27].includes(frame.op);
        const { control, payload } = controlOf(calls[0]!, frame.op);
        if (frame.control_json !== undefined) {
          const recorded = comparable(frame.control_json);
          if (traced) recorded.tuple.pop();
          expect([at, control]).toEqual([at, recorded]);
          if (frame.payload_json !== undefined)
            expect([at, payload]).toEqual([at, comparable(frame.payload_json)]);
        } else {
          // ALTACT_SIG_SEND with the alias flag is told to the sink as ALIAS_SEND.
          if (frame.op === 37) control.tuple.splice(1, 0, { int: '4' });
          if (!traced) expect([at, recordedText(control)]).toEqual([at, frame.control]);
          if (frame.payload !== undefined && !hasFun(payload))
            expect([at, unordered(recordedText(payload))]).toEqual([at, unordered(frame.payload)]);
        }
        compared++;
      }
      expect(compared).toBeGreaterThan(3);
    },
  );
});
