import { describe, expect, it } from 'vitest';
import type { ByteWriter } from '../../src/codec/writer.ts';
import type { DistEncoder } from '../../src/dist/encode.ts';
import { DecodeError } from '../../src/errors.ts';
import { flagSet } from '../support/flag-set.ts';
import { comparable, hasFun } from '../term/etf/tagged.ts';
import {
  type Call,
  controlOf,
  decodeFrame,
  encoder,
  golden,
  type RecordedFrame,
  written,
} from './recorder.ts';

/** Sends what was received. */
function resend(e: DistEncoder, w: ByteWriter, [method, ...args]: Call): boolean {
  const to = e as unknown as Record<string, (w: ByteWriter, ...args: unknown[]) => boolean>;
  // Without UNLINK_ID an unlink has no id, and goes out in the old form.
  if (method === 'unlink') return to.unlinkId!(w, 1n, ...args);
  if (method !== 'send') return to[method]!(w, ...args);
  return args[0] === undefined ? e.send(w, args[1] as never, args[2]) : to.sendSender!(w, ...args);
}

/** Payloads of which we write another form than OTP: integral floats, maps, closures, small ports. */
const otherForm = (frame: RecordedFrame): boolean =>
  frame.payload_json !== undefined &&
  (hasFun(frame.payload_json) || /"(map|bits|port)":/.test(JSON.stringify(frame.payload_json)));

describe('recorded pass-through frames', () => {
  it.each(golden.connections.map((c) => [c.name, c] as const))(
    '%s: read, and written back',
    (_, connection) => {
      const features = flagSet(BigInt(connection.flags.common));
      let same = 0;
      for (const frame of connection.frames) {
        const bytes = Buffer.from(frame.hex!, 'hex');
        const [call, ...more] = decodeFrame(bytes, frame.from);
        expect(more).toEqual([]);
        const { control, payload } = controlOf(call!, frame.op!);
        const traced = [12, 16, 23].includes(frame.op!);
        const recorded = comparable(frame.control_json);
        if (traced) recorded.tuple.pop();
        expect([frame.step, control]).toEqual([frame.step, recorded]);
        if (frame.payload_json)
          expect([frame.step, payload]).toEqual([frame.step, comparable(frame.payload_json)]);
        const again = written((w) => expect(resend(encoder(features), w, call!)).toBe(true));
        if (!traced && !otherForm(frame)) {
          expect([frame.step, again.toString('hex')]).toEqual([frame.step, frame.hex]);
          same++;
        }
        expect(decodeFrame(again, frame.from)[0]![0]).toBe(call![0]);
      }
      expect(same).toBeGreaterThan(40);
      // The capture is whole: 300 atoms in one message, and a binary that would come in fragments elsewhere.
      const steps = new Set(connection.frames.map(({ step, op }) => `${step} ${op}`));
      const send = connection.name.endsWith('no_hdr') ? 22 : 2;
      expect(steps).toContain(`atoms_300_in_one_message ${send}`);
      expect(steps).toContain(`big_binary_70000 ${send}`);
    },
  );

  it.each(golden.probe.steps.map((s) => [s.step, s] as const))('probe: %s', (_, step) => {
    for (const frame of step.frames) {
      if (frame.control_json === undefined || frame.op === undefined || frame.op === null) continue;
      const refused = step.outcome?.startsWith('connection closed') && frame.from.startsWith('fake');
      const bytes = Buffer.from(frame.hex!, 'hex');
      // A real node closes here; we count the operation and go on.
      if (frame.op === 99) {
        expect(decodeFrame(bytes, frame.from)).toEqual([['unknown', 99]]);
        continue;
      }
      // That a process is none of ours is seen by who owns the sink.
      if (refused && !step.step.includes('as the local process')) {
        expect(() => decodeFrame(bytes, 'fake@127.0.0.1'), frame.hex!).toThrow(DecodeError);
        continue;
      }
      const [call] = decodeFrame(bytes, frame.from);
      const { control } = controlOf(call!, frame.op);
      if (!step.step.includes('cookie atom not empty'))
        expect(control).toEqual(comparable(frame.control_json));
    }
  });
});
