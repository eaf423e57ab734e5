import { readFileSync } from 'node:fs';

/** A recorded handshake, as `spec/golden/handshake.json` tells it. */
export interface Transcript {
  readonly name: string;
  readonly initiator: string;
  readonly acceptor: string;
  readonly cookies: { readonly initiator: string; readonly acceptor: string };
  readonly frames: readonly RecordedFrame[];
  readonly flags?: { readonly common?: string };
  readonly digests?: readonly { cookie: string; challenge: number; digest: string; who: string }[];
  readonly first_distribution_frame?: { readonly from: string; readonly hex: string };
}

export interface RecordedFrame {
  readonly dir: 'initiator->acceptor' | 'acceptor->initiator';
  readonly frame: string;
  readonly msg: string;
  readonly version?: 5 | 6;
  readonly flags?: string;
  readonly creation?: number;
  readonly name?: string;
  readonly status?: string;
  readonly challenge?: number;
  readonly digest?: string;
  readonly flags_high?: string;
  readonly trailing?: string;
}

const golden = JSON.parse(readFileSync(new URL('../golden/handshake.json', import.meta.url), 'utf8')) as {
  readonly transcripts: readonly Transcript[];
  readonly flags: {
    readonly table: readonly { name: string; bit: number }[];
    readonly mandatory_total: Record<string, string>;
  };
};

export const transcripts = golden.transcripts;
export const flagTable = golden.flags.table;
export const mandatoryTotal = golden.flags.mandatory_total;

/** The bodies of one side, in order. */
export function bodies(transcript: Transcript, by: 'initiator' | 'acceptor'): Buffer[] {
  return transcript.frames
    .filter((frame) => frame.dir.startsWith(by))
    .map((frame) => Buffer.from(frame.frame, 'hex').subarray(2));
}

/** The first frame with this message name. */
export function message(transcript: Transcript, msg: string): RecordedFrame | undefined {
  return transcript.frames.find((frame) => frame.msg === msg);
}
