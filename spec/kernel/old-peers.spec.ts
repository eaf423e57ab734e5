/** Peers that speak version 5 of the handshake: OTP 22 and earlier, and OTP 23 where it takes us for such a one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import { genDigest } from '../../src/handshake/digest.ts';
import { DistFlag, offeredFlags } from '../../src/handshake/flags.ts';
import { Initiator } from '../../src/handshake/initiator.ts';
import {
  decodeChallengeReply,
  decodeName,
  encodeChallenge,
  encodeChallengeAck,
  encodeStatus,
  framed,
} from '../../src/handshake/messages.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { Nodes, once } from '../support/nodes.ts';
import { registerOld } from '../support/old-registration.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';

/** What OTP 22 offers, as far as we need it: nothing above 32 bits, no version 6, one form of frames. */
const OLD_FLAGS =
  offeredFlags(true) &
  0xffffffffn &
  ~(
    DistFlag.HANDSHAKE_23 |
    DistFlag.MANDATORY_25_DIGEST |
    DistFlag.UNLINK_ID |
    DistFlag.DIST_HDR_ATOM_CACHE |
    DistFlag.FRAGMENTS
  );

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

describe('a peer that the port mapper calls old', () => {
  it('is called in version 5, and understood when it knows no other', async () => {
    const node = await nodes.start();
    const listener = await RawListener.open();
    nodes.atEnd(() => listener.close());
    const name = nodes.name('old');
    nodes.atEnd(await registerOld(nodes.epmdPort, name.split('@')[0]!, listener.port));
    const { streams, clock } = platformEnv();
    const client = new EpmdClient({ streams, clock, host: '127.0.0.1', port: nodes.epmdPort });
    expect(await client.lookup(name.split('@')[0]!, '127.0.0.1')).toMatchObject({ highestVersion: 5 });
    const up = once(node, 'nodeup', name);
    const connected = node.connect(name);
    const call = await listener.call();
    nodes.atEnd(() => call.close());
    const hello = decodeName((await call.frame(2))!);
    expect(hello).toMatchObject({ version: 5, creation: 0, name: node.name });
    expect(hello.flags).toBe(offeredFlags(node.inspect().hidden) & 0xffffffffn);
    call.write(framed(encodeStatus({ status: 'ok' })));
    call.write(framed(encodeChallenge({ version: 5, flags: OLD_FLAGS, challenge: 7, creation: 0, name })));
    const reply = decodeChallengeReply((await call.frame(2))!);
    expect(Buffer.from(reply.digest)).toEqual(Buffer.from(genDigest(nodes.cookie, 7)));
    call.write(framed(encodeChallengeAck(genDigest(nodes.cookie, reply.challenge))));
    await connected;
    await up;
    expect(node.inspect().connections).toMatchObject([{ name, creation: 0, outgoing: true }]);
  });
});

describe('a caller of version 5', () => {
  it.each([
    ['that knows version 6 too, as OTP 23', OLD_FLAGS | DistFlag.HANDSHAKE_23, 9],
    ['that knows no other, as OTP 22', OLD_FLAGS, 0],
  ])('%s, is taken', async (_, flags, creation) => {
    const node = await nodes.start();
    const name = nodes.name('old');
    const up = once(node, 'nodeup', name);
    const peer = await RawPeer.dial(node.port!);
    nodes.atEnd(() => peer.close());
    await peer.handshake(
      new Initiator({
        local: { name, creation: 9, flags },
        peer: node.name,
        cookieFor: () => nodes.cookie,
        challenge: 5,
        version: 5,
      }),
    );
    await up;
    expect(node.inspect().connections).toMatchObject([{ name, creation, outgoing: false }]);
  });
});
