import { encryptedFormat, plainFormat } from '../../gossip/index.ts';
import { type Arbitrary, fastCheck } from './library.ts';

/** Names of nodes: short and long ones, with host names and addresses; all of them valid. */
export function anyNodeName(): Arbitrary<string> {
  const fc = fastCheck();
  const alive = fc.stringMatching(/^[0-9A-Za-z_-]{1,20}$/);
  const host = fc.oneof(
    fc.constantFrom('localhost', 'sim', 'a.sim', '127.0.0.1', 'host.example'),
    fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    fc.ipV4(),
    fc.domain(),
  );
  return fc.tuple(alive, host).map(([name, where]) => `${name}@${where}`);
}

/** A datagram on a gossip port, and what it is. */
export interface GossipDatagram {
  readonly bytes: Uint8Array;
  /** `heartbeat`: a true one of `node`. `damaged`: one that was cut or changed. `noise`: never was one. */
  readonly kind: 'heartbeat' | 'damaged' | 'noise';
  /** Who says so; only of a heartbeat. */
  readonly node?: string;
}

/**
 * What may arrive on a gossip port: heartbeats in libcluster's plain form, or encrypted where a secret is given; such
 * that were cut or changed on their way; and noise.
 */
export function anyDatagram({ secret }: { readonly secret?: string } = {}): Arbitrary<GossipDatagram> {
  const fc = fastCheck();
  const format = secret === undefined ? plainFormat : encryptedFormat(secret);
  const heartbeat = fc
    .tuple(anyNodeName(), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([node, entropy]): GossipDatagram => {
      return { kind: 'heartbeat', node, bytes: format.encode(node, entropy) };
    });
  const damaged = fc.oneof(
    fc
      .tuple(heartbeat, fc.nat())
      .map(
        ([{ bytes }, at]): GossipDatagram => ({ kind: 'damaged', bytes: bytes.slice(0, at % bytes.length) }),
      ),
    fc
      .tuple(heartbeat, fc.nat(), fc.integer({ min: 1, max: 255 }))
      .map(([{ bytes }, at, by]): GossipDatagram => {
        const changed = Uint8Array.from(bytes);
        changed[at % changed.length]! ^= by;
        return { kind: 'damaged', bytes: changed };
      }),
  );
  const noise = fc
    .uint8Array({ maxLength: 1_600 })
    .map((bytes): GossipDatagram => ({ kind: 'noise', bytes }));
  return fc.oneof({ weight: 2, arbitrary: heartbeat }, { weight: 2, arbitrary: damaged }, noise);
}
