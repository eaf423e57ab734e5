import { createPrivateKey } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TlsClientOptions } from '../../src/env/streams.ts';
import { at, type Node, type NodeOptions, OptionsError, type TlsOptions } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { tlsReason } from '../../src/platform/tls.ts';
import { SimCluster } from '../../src/testing/index.ts';
import { Authority, type Certificate, Files } from '../support/certificates.ts';
import { collector, Nodes, once } from '../support/nodes.ts';

const authority = new Authority();
const stranger = new Authority('somebody else');
const HOSTS = ['127.0.0.1'];

/** What every node of a cluster needs: its own certificate, and the authority. */
const tls = (certificate: Certificate, more: TlsOptions = {}): TlsOptions => ({
  ...certificate,
  ca: authority.cert,
  ...more,
});
const good = () => authority.issue({ commonName: 'node', hosts: HOSTS });

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const start = (alive: string, options: TlsOptions, more: NodeOptions = {}): Promise<Node> =>
  nodes.start({ name: nodes.name(alive), tls: options, ...more });

const logged = () => nodes.log.map(({ message }) => message).join('\n');

/** The error of a call that must fail. */
async function refused(from: Node, to: Node): Promise<Error> {
  const error = await from.connect(to.name).then(
    () => new Error(`${from.name} is connected to ${to.name}`),
    (reason: Error) => reason,
  );
  expect([from.nodes('connected'), to.nodes('connected')]).toEqual([[], []]);
  return error;
}

async function part(a: Node, b: Node): Promise<void> {
  const downs = [once(a, 'nodedown', b.name), once(b, 'nodedown', a.name)];
  a.disconnect(b.name);
  await Promise.all(downs);
}

describe('two nodes with certificates of one authority', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('talk to each other over %s', async (version) => {
    const options = { minVersion: version, maxVersion: version };
    const [a, b] = await Promise.all([start('a', tls(good(), options)), start('b', tls(good(), options))]);
    expect(await a.ping(b.name)).toBe('pong');
    const sink = collector(b, 'sink');
    const big = 'x'.repeat(3_000_000);
    for (let i = 0; i < 100; i++) a.send(at(b.name, 'sink'), i);
    a.send(at(b.name, 'sink'), big);
    expect(await sink.take(101)).toEqual([...Array.from({ length: 100 }, (_, i) => i), big]);
    expect(await b.ping(a.name)).toBe('pong');
  });

  it('read their files from disk, and open an encrypted key', async () => {
    const files = new Files();
    nodes.atEnd(() => files.remove());
    const { cert, key } = good();
    const encrypted = createPrivateKey(key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'sesame',
    }) as string;
    const options: TlsOptions = {
      cert: files.write('cert.pem', cert),
      key: files.write('key.pem', encrypted),
      ca: [files.write('ca.pem', authority.cert), stranger.cert],
      passphrase: 'sesame',
    };
    const [a, b] = [await start('a', options), await start('b', tls(good()))];
    expect(await a.ping(b.name)).toBe('pong');
    await expect(start('c', { ...options, passphrase: 'wrong' })).rejects.toThrow(
      /tls: certificate and key cannot be used/,
    );
    expect(logged()).not.toContain('sesame');
  });

  it('read renewed files for the next handshake, without a restart, and links that stand stay', async () => {
    const files = new Files();
    nodes.atEnd(() => files.remove());
    const write = ({ cert, key }: Certificate) => ({
      cert: files.write('cert.pem', cert),
      key: files.write('key.pem', key),
    });
    const renewed = await start('renewed', tls(write(good())));
    const [caller, called, other] = await Promise.all([
      start('caller', tls(good())),
      start('called', tls(good())),
      start('other', tls(good())),
    ]);
    expect(await caller.ping(renewed.name)).toBe('pong');
    // What a peer shows is seen by what is said of it: both roles show the new one.
    write(authority.issue({ commonName: 'node', hosts: HOSTS, days: [-20, -10] }));
    await expect(called.connect(renewed.name)).rejects.toThrow(/its certificate has expired/);
    await expect(renewed.connect(called.name)).rejects.toThrow(/expired|hung up|closed the connection/);
    expect(caller.nodes('connected')).toEqual([renewed.name]);
    write(good());
    expect(await called.ping(renewed.name)).toBe('pong');
    await part(called, renewed);
    expect(await renewed.ping(called.name)).toBe('pong');
    // Half of a renewal: the key is not that of the certificate. It is told, and what was there goes on.
    files.write('key.pem', good().key);
    expect(await other.ping(renewed.name)).toBe('pong');
    expect(logged()).toMatch(
      /files that changed cannot be used, what was read before stays: tls: certificate and key cannot be used/,
    );
  });

  it('that call each other at once end with one link', async () => {
    const [a, b] = await Promise.all([start('a', tls(good())), start('b', tls(good()))]);
    for (let round = 0; round < 20; round++) {
      await Promise.all([a.connect(b.name), b.connect(a.name)]);
      expect([a.inspect().connections.length, b.inspect().connections.length]).toEqual([1, 1]);
      await part(a, b);
    }
  });

  it('may have one certificate for calling and another for being called', async () => {
    const options = (client: Certificate): TlsOptions => ({
      ca: authority.cert,
      server: good(),
      client,
    });
    const [a, b] = [await start('a', options(good())), await start('b', tls(good()))];
    expect(await a.ping(b.name)).toBe('pong');
    await part(a, b);
    const c = await start('c', options(stranger.issue({ commonName: 'node' })));
    expect((await refused(c, b)).message).toMatch(/certificate: ours is signed by nobody/);
    expect(await b.ping(c.name)).toBe('pong');
  });
});

describe('a certificate that will not do', () => {
  const cases: [string, () => Certificate, RegExp, RegExp][] = [
    [
      'that has expired',
      () => authority.issue({ commonName: 'node', hosts: HOSTS, days: [-20, -10] }),
      /its certificate has expired \(CERT_HAS_EXPIRED\)/,
      /certificate: ours has expired, on .* \(option tls.cert\)/,
    ],
    [
      'that is not valid yet',
      () => authority.issue({ commonName: 'node', hosts: HOSTS, days: [1, 2] }),
      /its certificate is not valid yet \(CERT_NOT_YET_VALID\)/,
      /certificate: ours is not valid before .* \(option tls.cert\)/,
    ],
    [
      'of another authority',
      () => stranger.issue({ commonName: 'node', hosts: HOSTS }),
      /its certificate is signed by nobody that we trust \(option tls.ca\) \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/,
      /certificate: ours is signed by nobody that we trust ourselves \(options tls.cert, tls.ca\)/,
    ],
  ];
  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
    const only: TlsOptions = { minVersion: version, maxVersion: version };

    it.each(cases)('%s is refused, whoever calls', async (_, certificate, reason, ours) => {
      const [a, b] = [await start('a', tls(good(), only)), await start('b', tls(certificate(), only))];
      const error = await refused(a, b);
      expect(error).toMatchObject({ code: 'ConnectionError', message: expect.stringMatching(reason) });
      expect(error.message).toContain(`port ${b.port}`);
      expect(logged()).not.toMatch(reason);
      // Over TLS 1.2 who is called is secure by then, and thinks nothing of it that the caller hangs up.
      if (version === 'TLSv1.3')
        expect(await nodes.logged(ours)).toContain('failed at tls: ECONNRESET; it may have refused our');
      const told = await refused(b, a);
      expect(told.message).toMatch(ours);
      expect(await nodes.logged(reason)).toMatch(/^handshake with 127\.0\.0\.1:\d+ failed at tls: its/);
      expect(a.inspect().counters['handshake.failed']).toBe(1);
      expect(await a.ping((await start('c', tls(good(), only))).name)).toBe('pong');
    });

    it('that is missing is refused by one that verifies, with an alert that says so', async () => {
      const a = await start('a', tls(good(), only));
      const b = await start('b', { ca: authority.cert, server: good(), ...only });
      const wanted = version === 'TLSv1.2' ? /or it wants a certificate/ : /it wants a certificate of ours/;
      expect((await refused(b, a)).message).toMatch(wanted);
      expect(await nodes.logged(/it shows no certificate/)).toContain('handshake with 127.0.0.1:');
    });
  });

  it.each(['SSLV3', 'SSL/TLS'])('is named whatever the platform calls the alert: %s', (family) => {
    const code = `ERR_SSL_${family}_ALERT_CERTIFICATE_EXPIRED`;
    expect(tlsReason(Object.assign(new Error('alert'), { code }))).toBe(
      `it finds that our certificate has expired, or is not valid yet (${code})`,
    );
  });

  it('may be good, where who is called hangs up without a word: the error sends to the log there', async () => {
    const b = await start('b', tls(good(), { ca: stranger.cert }));
    const error = await refused(await start('a', tls(good())), b);
    expect(error.message).toMatch(
      /hung up without a word, .* refuses our certificate: the log there tells why/,
    );
  });

  it('for another host is refused by who calls, unless checkHost is false', async () => {
    const b = await start(
      'b',
      tls(authority.issue({ commonName: 'node', hosts: ['far.example', '10.0.0.1'] })),
    );
    const a = await start('a', tls(good()));
    const error = await refused(a, b);
    expect(error.message).toMatch(
      /its certificate is for another host \(.*127\.0\.0\.1 is not in the cert's list.*10\.0\.0\.1/,
    );
    const lenient = await start('c', tls(good(), { checkHost: false }));
    expect(await lenient.ping(b.name)).toBe('pong');
  });

  it('that is missing is refused, unless requireCertificate is false', async () => {
    const a = await start('a', tls(good()));
    const caller = await bare();
    await expect(handshaken(caller, a)).rejects.toThrow();
    await nodes.logged(/it shows no certificate/);
    const lenient = await start('b', tls(good(), { requireCertificate: false }));
    await handshaken(await bare(), lenient);
  });

  it('is taken by who does not verify', async () => {
    const [a, b] = [
      await start('a', { ...stranger.issue({ commonName: 'a' }), verify: false }),
      await start('b', { ...authority.issue({ commonName: 'b', days: [-9, -8] }), verify: false }),
    ];
    expect(await a.ping(b.name)).toBe('pong');
    await part(a, b);
    expect(await b.ping(a.name)).toBe('pong');
  });

  /** A caller with TLS and without a certificate. */
  function bare(): Promise<Omit<TlsClientOptions, 'serverName'>> {
    const identity = platformEnv().streams.secure!(
      {
        option: 'tls',
        cert: undefined,
        key: undefined,
        passphrase: undefined,
        ca: [authority.cert],
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
        ciphers: undefined,
      },
      () => {},
    );
    return Promise.resolve({ identity, verify: true, expectedHost: undefined });
  }

  async function handshaken(caller: Omit<TlsClientOptions, 'serverName'>, to: Node): Promise<void> {
    const stream = await platformEnv().streams.connect({
      host: '127.0.0.1',
      port: to.port!,
      tls: { ...caller, serverName: '127.0.0.1' },
    });
    stream.start({ data: () => {}, closed: () => {} });
    stream.destroy();
  }
});

describe('checkNodeName', () => {
  const check = { checkNodeName: true };
  const named = (node: string) => ({
    'a common name': authority.issue({ commonName: node, hosts: HOSTS }),
    'an e-mail address': authority.issue({ commonName: 'node', hosts: HOSTS, emails: [node] }),
    "a directory name and a host, OTP's form": authority.issue({
      commonName: 'node',
      hosts: HOSTS,
      directoryNames: ['somebody', node.split('@')[0]!],
    }),
  });

  it.each(Object.keys(named('a@h')) as (keyof ReturnType<typeof named>)[])(
    'takes a node that its certificate names by %s',
    async (form) => {
      const [aName, bName] = [nodes.name('a'), nodes.name('b')];
      const a = await nodes.start({ name: aName, tls: tls(named(aName)[form], check) });
      const b = await nodes.start({ name: bName, tls: tls(named(bName)[form], check) });
      expect(await a.ping(b.name)).toBe('pong');
      await part(a, b);
      expect(await b.ping(a.name)).toBe('pong');
    },
  );

  it('refuses a node under a name that is not in its certificate, whoever calls', async () => {
    const [aName, bName] = [nodes.name('a'), nodes.name('b')];
    const a = await nodes.start({ name: aName, tls: tls(named(aName)['a common name'], check) });
    const liar = await nodes.start({ name: bName, tls: tls(named(nodes.name('other'))['a common name']) });
    const error = await refused(a, liar);
    expect(error).toMatchObject({
      code: 'HandshakeError',
      stage: 'tls',
      message: expect.stringMatching(
        /its certificate is not for a node of this name; it names "other-.*@127.0.0.1"/,
      ),
    });
    const told = await refused(liar, a);
    expect(told).toMatchObject({ code: 'HandshakeError', message: expect.stringContaining('not_allowed') });
    expect(logged()).toMatch(
      / at 127.0.0.1:\d+ is not allowed: its certificate is not for a node of this name/,
    );
    expect(await a.ping(liar.name)).toBe('pang');
  });

  it('may be a rule of the user', async () => {
    const asked: [string, readonly string[]][] = [];
    const rule: TlsOptions['checkNodeName'] = (nodeName, { commonNames, ipAddresses }) => {
      asked.push([nodeName, ipAddresses]);
      return commonNames.includes('node');
    };
    const b = await start('b', tls(good()));
    const a = await start('a', tls(good(), { checkNodeName: rule }));
    const c = await start('c', tls(authority.issue({ commonName: 'c', hosts: HOSTS })));
    expect([await a.ping(b.name), await a.ping(c.name), await c.ping(a.name)]).toEqual([
      'pong',
      'pang',
      'pang',
    ]);
    expect(asked).toEqual([
      [b.name, HOSTS],
      [c.name, HOSTS],
      [c.name, HOSTS],
    ]);
  });

  // Asked while a stranger's bytes are read: what escaped there would end the program.
  it.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new TypeError('no such field');
      },
      /tls\.checkNodeName threw TypeError: no such field/,
    ],
    [
      'throws no Error',
      () => {
        throw Object.create(null);
      },
      /tls\.checkNodeName threw a value of type object/,
    ],
    ['answers a promise', async () => true, /tls\.checkNodeName answered a promise; expected true or false/],
    [
      'answers a promise that is rejected',
      () => Promise.reject(new Error('late')),
      /tls\.checkNodeName answered a promise; expected true or false/,
    ],
    ['answers something else', () => 'yes', /tls\.checkNodeName answered string; expected true or false/],
  ])('refuses a node when the rule %s, whoever calls, and says so', async (_, rule, reason) => {
    const a = await start('a', tls(good(), { checkNodeName: rule as () => boolean }));
    const b = await start('b', tls(good()));
    const told = await refused(b, a);
    expect(told).toMatchObject({ code: 'HandshakeError', message: expect.stringContaining('not_allowed') });
    const line = await nodes.logged(reason);
    expect(line).toContain(`${b.name} at 127.0.0.1:`);
    const error = await refused(a, b);
    expect(error).toMatchObject({ code: 'HandshakeError', stage: 'tls', peer: b.name });
    expect(error.message).toMatch(reason);
  });

  it('reads a certificate without a subject', async () => {
    const bName = nodes.name('b');
    const unnamed = authority.issue({ hosts: HOSTS });
    const [a, b] = [
      await start('a', tls(good(), { checkNodeName: true })),
      await nodes.start({ name: bName, tls: tls(authority.issue({ hosts: HOSTS, emails: [bName] })) }),
    ];
    expect([await b.ping(a.name)]).toEqual(['pong']);
    await part(a, b);
    const c = await start('c', tls(unnamed));
    expect((await refused(c, a)).message).toContain('not_allowed');
    await nodes.logged(/it names none/);
  });
});

describe('a node with TLS and one without', () => {
  it('do not connect, and both say why', async () => {
    const [a, b] = [await start('a', tls(good())), await nodes.start({ name: nodes.name('b') })];
    expect((await refused(a, b)).message).toMatch(/hung up on before it was secure/);
    await nodes.logged(/the peer speaks TLS, and this node does not \(option tls\)/);
    expect((await refused(b, a)).message).toMatch(/failed at recv_status: the peer closed the connection/);
    await nodes.logged(/failed at tls: it does not speak TLS/);
  });

  it('and a peer that never answers a call over TLS is said to speak none, perhaps', async () => {
    const env = platformEnv();
    let isOver = (): void => {};
    const setTimeout: typeof env.clock.setTimeout = (fn, ms) => {
      if (ms !== 7_000) return env.clock.setTimeout(fn, ms);
      isOver = fn;
      return undefined;
    };
    const a = await start('a', tls(good()), { env: { ...env, clock: { ...env.clock, setTimeout } } });
    const server = createServer((socket) => {
      socket.on('error', () => {});
      // As a BEAM without TLS does, which takes its first bytes for a length.
      socket.once('data', () => isOver());
    });
    nodes.atEnd(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(a.connect('mute@127.0.0.1', { port })).rejects.toThrow(
      `no connection to mute@127.0.0.1 within 7000 ms: no answer from 127.0.0.1, port ${port}, which may not speak TLS (option tls)`,
    );
  });

  it('takes no more callers that are not secure yet than limits.unauthenticatedSockets', async () => {
    const a = await start('a', tls(good()), { limits: { unauthenticatedSockets: 3 } });
    const dial = () => {
      const socket = connect(a.port!, '127.0.0.1');
      nodes.atEnd(() => socket.destroy());
      socket.on('error', () => {});
      return {
        up: new Promise((r) => socket.once('connect', r)),
        closed: new Promise((r) => socket.once('close', r)),
        socket,
      };
    };
    const three = [dial(), dial(), dial()];
    await Promise.all(three.map(({ up }) => up));
    await dial().closed;
    three[0]!.socket.destroy();
    await nodes.logged(/failed at tls/);
    const b = await start('b', tls(good()));
    expect(await b.ping(a.name)).toBe('pong');
  });
});

describe('the option tls', () => {
  const { cert, key } = good();
  const ok = { cert, key };
  const cases: [unknown, string, RegExp][] = [
    [{}, 'tls.cert', /expected PEM text or a path/],
    [{ cert }, 'tls.key', /expected beside the certificate/],
    [{ key }, 'tls.cert', /expected beside the key/],
    [{ ...ok, cret: '' }, 'tls.cret', /known are: cert, key/],
    [{ ...ok, cert: 5 }, 'tls.cert', /expected PEM text or the path of a PEM file, got number/],
    [{ ...ok, key: '' }, 'tls.key', /got none/],
    [{ ...ok, ca: [] }, 'tls.ca', /or several of them/],
    [{ ...ok, ca: [5] }, 'tls.ca', /or several of them/],
    [{ ...ok, verify: 'yes' }, 'tls.verify', /true or false, got string/],
    [{ ...ok, client: { verify: 1 } }, 'tls.client.verify', /true or false/],
    [{ ...ok, client: { checkHost: true } }, 'tls.client.checkHost', /known are: cert/],
    [{ ...ok, server: 5 }, 'tls.server', /expected an object/],
    [{ ...ok, minVersion: 'SSLv3' }, 'tls.minVersion', /TLSv1.2, TLSv1.3, got SSLv3/],
    [{ ...ok, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, 'tls.minVersion', /above maxVersion/],
    [{ ...ok, checkNodeName: 'yes' }, 'tls.checkNodeName', /true, false or a function/],
    [{ ...ok, checkNodeName: true, verify: false }, 'tls.checkNodeName', /needs verify for the client/],
    [
      { ...ok, checkNodeName: true, server: { verify: false } },
      'tls.checkNodeName',
      /needs verify for the server/,
    ],
    [
      { ...ok, checkNodeName: true, requireCertificate: false },
      'tls.checkNodeName',
      /needs requireCertificate/,
    ],
    [{ ...ok, requireCertificate: true, verify: false }, 'tls.requireCertificate', /needs verify/],
    [{ ...ok, checkHost: true, client: { verify: false } }, 'tls.checkHost', /needs verify for the client/],
    [{ ...ok, passphrase: 7 }, 'tls.passphrase', /expected text, got number/],
    [{ cert: '/nowhere/cert.pem', key }, 'tls.cert', /"\/nowhere\/cert.pem" cannot be read: ENOENT/],
    [{ cert: key, key }, 'tls.cert', /expected PEM with a CERTIFICATE, and there is none in the text/],
    [{ cert, key: cert }, 'tls.key', /expected PEM with a PRIVATE KEY/],
    [{ cert, key: good().key }, 'tls', /certificate and key cannot be used: .*mismatch/],
    [{ ...ok, ciphers: 'none-such' }, 'tls', /cannot be used/],
    [5, 'tls', /expected an object/],
  ];
  it.each(cases)('%#: is refused, naming what would do', async (options, option, message) => {
    const error = await start('a', options as TlsOptions).then(
      () => undefined,
      (reason: OptionsError) => reason,
    );
    expect(error).toBeInstanceOf(OptionsError);
    expect(error!.option).toBe(option);
    expect(error!.message).toMatch(message);
    expect(error!.message).toContain(option);
    expect(error!.message).not.toContain(key.split('\n')[1]!);
  });

  it('is refused where streams have no TLS: in a simulation', async () => {
    await using cluster = new SimCluster({ seed: 1 });
    await expect(cluster.start('a@sim', { tls: ok })).rejects.toThrow(
      /tls: the streams of this env cannot be made secure/,
    );
  });
});
