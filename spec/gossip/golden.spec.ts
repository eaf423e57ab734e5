import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { usualName } from '../../src/gossip/datagram.ts';
import { encryptedFormat, type GossipFormat, type Heard, plainFormat } from '../../src/gossip/index.ts';

interface Secret {
  readonly hex: string;
}
interface Vectors {
  readonly encode: readonly {
    readonly libcluster: string;
    readonly otp: string;
    readonly node: string;
    readonly secret: Secret | null;
    readonly datagram: string;
    readonly iv?: string;
  }[];
  readonly encode_made: readonly {
    readonly node: string;
    readonly variants: Readonly<Record<string, string>>;
  }[];
  readonly decode: readonly {
    readonly case: string;
    readonly secret_of_receiver: Secret | null;
    readonly datagram: string | { readonly bytes: number; readonly head: string };
    readonly outcomes: Readonly<Record<string, string>>;
  }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../golden/gossip.json', import.meta.url), 'utf8'));
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const formatFor = (secret: Secret | null): GossipFormat =>
  secret === null ? plainFormat : encryptedFormat(hex(secret.hex));

describe('datagrams recorded from libcluster', () => {
  it('are all read, from both versions and every release', () => {
    for (const { node, secret, datagram } of vectors.encode)
      expect(formatFor(secret).decode(hex(datagram))).toEqual({ node });
    for (const { node, variants } of vectors.encode_made)
      for (const datagram of Object.values(variants))
        expect(plainFormat.decode(hex(datagram))).toEqual({ node });
  });

  it('are read in place, without decoding a term, as long as the name is ASCII', () => {
    const plain = vectors.encode.filter(({ secret }) => secret === null);
    expect(plain.length).toBeGreaterThan(5);
    let read = 0;
    for (const { node, datagram } of plain) {
      const name = usualName(hex(datagram));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
      if (/^[\u0000-\u007f]*$/.test(node)) expect(name).toBe(node);
      if (name !== undefined) read += 1;
    }
    expect(read).toBeGreaterThan(5);
    const ours = plainFormat.encode('node-999@10.0.3.231', new Uint8Array());
    expect(usualName(ours)).toBe('node-999@10.0.3.231');
    for (const odd of ['heartbeat::', '@b', 'a@', 'a@b@c', 'a b@c'])
      expect(usualName(plainFormat.encode(odd, new Uint8Array()))).toBe(undefined);
    expect(usualName(Buffer.concat([ours, Buffer.of(0)]))).toBe(undefined);
    for (let cut = 11; cut < ours.length; cut += 1) expect(usualName(ours.subarray(0, cut))).toBe(undefined);
  });

  it('are what we send, byte for byte as OTP 27 and later write them', () => {
    const modern = vectors.encode.filter(({ otp }) => Number(otp) >= 27);
    expect(modern.length).toBeGreaterThan(20);
    for (const { node, secret, datagram, iv } of modern) {
      const sent = formatFor(secret).encode(node, hex(iv ?? ''));
      expect(Buffer.from(sent).toString('hex')).toBe(datagram);
    }
    for (const { node, variants } of vectors.encode_made)
      expect(Buffer.from(plainFormat.encode(node, new Uint8Array())).toString('hex')).toBe(variants.otp27);
  });

  it('are ignored when cut anywhere, and never throw', () => {
    for (const { secret, datagram } of vectors.encode.filter((_, index) => index % 10 === 0)) {
      const whole = hex(datagram);
      for (let end = 0; end < whole.length; end++)
        expect(formatFor(secret).decode(whole.subarray(0, end))).toHaveProperty('ignored');
    }
  });
});

describe('odd and broken datagrams', () => {
  const connectTo = (outcome: string): string | undefined => /^connect :?"?(.*?)"?$/.exec(outcome)?.[1];

  for (const vector of vectors.decode) {
    const { datagram } = vector;
    // Of the largest ones the length and the beginning are recorded; what they say comes too late to matter.
    const bytes =
      typeof datagram === 'string'
        ? hex(datagram)
        : Buffer.concat([hex(datagram.head), Buffer.alloc(datagram.bytes)], datagram.bytes);
    const secret = vector.secret_of_receiver === null ? '' : ', with a secret';
    it(`gives libcluster's outcome for "${vector.case}"${secret}`, () => {
      const heard = formatFor(vector.secret_of_receiver).decode(bytes);
      for (const outcome of Object.values(vector.outcomes)) {
        const node = connectTo(outcome);
        // libcluster's crash is our "ignored"; and it tries to connect to names without an @, which we do not.
        const expected: Heard | undefined =
          node?.includes('@') && bytes.length <= 1_500 ? { node } : undefined;
        if (expected !== undefined) expect(heard).toEqual(expected);
        else if (outcome === 'ignored' && 'node' in heard) expect(vector.case).toContain('own node name');
        else expect(heard).toHaveProperty('ignored');
      }
    });
  }
});
