import { readFileSync } from 'node:fs';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { DistEncoder, type LinkFeatures } from '../../src/dist/encode.ts';
import type { ControlSink } from '../../src/dist/sink.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { type Tagged, tag } from '../term/etf/tagged.ts';

/** A call that a sink got: method and arguments. */
export type Call = readonly [keyof ControlSink, ...unknown[]];

const METHODS: readonly (keyof ControlSink)[] = [
  'send',
  'regSend',
  'aliasSend',
  'link',
  'unlink',
  'unlinkId',
  'unlinkIdAck',
  'exit',
  'exit2',
  'monitor',
  'demonitor',
  'monitorExit',
  'groupLeader',
  'spawnRequest',
  'spawnReply',
  'unknown',
  'tick',
];

/** A sink that keeps what it was told. */
export function recorder(): { readonly sink: ControlSink; readonly calls: Call[] } {
  const calls: Call[] = [];
  const sink = Object.fromEntries(
    METHODS.map((method) => [method, (...args: unknown[]) => void calls.push([method, ...args])]),
  ) as unknown as ControlSink;
  return { sink, calls };
}

export const ALL: LinkFeatures = {
  DIST_MONITOR: true,
  DIST_MONITOR_NAME: true,
  SEND_SENDER: true,
  EXIT_PAYLOAD: true,
  UNLINK_ID: true,
  SPAWN: true,
  ALIAS: true,
};

export const encoder = (features: Partial<LinkFeatures> = {}, frameBytes = 1 << 20): DistEncoder =>
  new DistEncoder({ features: { ...ALL, ...features }, frameBytes });

/** The control tuple and payload that a call of the sink came from; where the forms differ, the newest. */
export function controlOf(call: Call, op: number): { control: Tagged; payload?: Tagged } {
  const [method, ...args] = call;
  const json = args.map(tag);
  const cookie = { atom: '' };
  const tuple = (...elements: Tagged[]): Tagged => ({ tuple: [{ int: String(op) }, ...elements] });
  switch (method) {
    case 'send':
      return {
        control: args[0] === undefined ? tuple(cookie, json[1]) : tuple(json[0], json[1]),
        payload: json[2],
      };
    case 'regSend':
      return { control: tuple(json[0], cookie, json[1]), payload: json[2] };
    case 'exit':
    case 'exit2':
      return op < 10 ? { control: tuple(...json) } : { control: tuple(json[0], json[1]), payload: json[2] };
    case 'aliasSend':
      return { control: tuple(json[0], json[1]), payload: json[2] };
    case 'monitorExit':
      return { control: tuple(...json.slice(0, 3)), payload: json[3] };
    case 'spawnRequest':
      return { control: tuple(...json.slice(0, 5)), payload: json[5] };
    default:
      return { control: tuple(...json) };
  }
}

/** What one writer call appends, its 4-byte length included. */
export function written(write: (w: ByteWriter) => unknown): Buffer {
  const w = new ByteWriter(16);
  write(w);
  return Buffer.from(w.toBytes());
}

/** Decodes one frame with its length, placed somewhere inside a larger buffer. */
export function decodeFrame(frame: Uint8Array, peer: string): Call[] {
  const { sink, calls } = recorder();
  const decoder = new DistDecoder({ peer, terms: new TermDecoder(), sink });
  const around = Buffer.concat([Buffer.from('zz'), frame, Buffer.from('zzzz')]);
  decoder.frame(around, 6, 2 + frame.length);
  return calls;
}

export interface RecordedFrame {
  readonly from: string;
  readonly to: string;
  readonly step: string;
  readonly kind: string;
  readonly op?: number;
  readonly control_json?: Tagged;
  readonly payload_json?: Tagged;
  readonly hex?: string;
}

export const golden = JSON.parse(
  readFileSync(new URL('../golden/dist-pass-through.json', import.meta.url), 'utf8'),
) as {
  readonly connections: readonly {
    readonly name: string;
    readonly flags: { readonly common: string };
    readonly frames: readonly RecordedFrame[];
  }[];
  readonly probe: {
    readonly steps: readonly {
      readonly step: string;
      readonly outcome: string | null;
      readonly frames: readonly RecordedFrame[];
    }[];
  };
};
