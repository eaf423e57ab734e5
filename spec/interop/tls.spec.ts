import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { at, type Node, type TlsOptions } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Authority, type Certificate, Files } from '../support/certificates.ts';
import { inProcess, Lab, once } from './lab.ts';

const authority = new Authority();
const stranger = new Authority('somebody else');
/** OTP's client looks for an address among the DNS names, OpenSSL among the addresses. */
const HOST = { hosts: ['127.0.0.1'], dnsNames: ['127.0.0.1'] };
const issue = (by: Authority, days: readonly [number, number] = [-1, 30]) =>
  by.issue({ commonName: 'node', ...HOST, days });

describeBeam('a BEAM with -proto_dist inet_tls and ours', () => {
  let lab: Lab;
  let files: Files;

  beforeAll(async () => {
    lab = await Lab.open();
    files = new Files();
  });

  afterAll(async () => {
    await lab?.close();
    files.remove();
  });

  /** An `erl` that shows this certificate, and wants one of our authority from others. */
  function beamWith(alive: string, certificate: Certificate, versions = "'tlsv1.2'"): Promise<Beam> {
    const path = (name: string, text: string) => JSON.stringify(files.write(`${alive}.${name}`, text));
    const [cert, key, ca] = [
      path('cert', certificate.cert),
      path('key', certificate.key),
      path('ca', authority.cert),
    ];
    const side = `{certfile,${cert}},{keyfile,${key}},{cacertfile,${ca}},{verify,verify_peer},{versions,[${versions}]}`;
    const options = `[{server,[${side},{fail_if_no_peer_cert,true}]},{client,[${side}]}].`;
    const file = files.write(`${alive}.conf`, options);
    return lab.beam(alive, { flags: ['-proto_dist', 'inet_tls', '-ssl_dist_optfile', file] });
  }

  const ours = (alive: string, certificate: Certificate, more: TlsOptions = {}): Promise<Node> =>
    lab.node(alive, { tls: { ...certificate, ca: authority.cert, ...more } });

  describe.each(["'tlsv1.2'", "'tlsv1.3'"])('over %s', (versions) => {
    let beam: Beam;
    let node: Node;
    const id = versions.replace(/\D/g, '');

    beforeAll(async () => {
      [beam, node] = await Promise.all([
        beamWith(`beam${id}`, issue(authority), versions),
        ours(`ours${id}`, issue(authority)),
      ]);
    });

    afterEach(async () => {
      if (!node.nodes('connected').includes(beam.name)) return;
      const down = once(node, 'nodedown', beam.name);
      await beam.eval(`erlang:disconnect_node('${node.name}')`);
      await down;
    });

    it('connect when ours calls', async () => {
      expect(await node.ping(beam.name)).toBe('pong');
      expect(await beam.eval('nodes(connected)')).toBe(`['${node.name}']`);
    });

    it('connect when the BEAM calls', async () => {
      expect(await beam.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
      expect(node.nodes('connected')).toEqual([beam.name]);
      expect(node.inspect().connections[0]!.outgoing).toBe(false);
    });

    it('carry big and small messages both ways', async () => {
      await inProcess(node, async (self) => {
        self.register('mirror');
        const big = 'b'.repeat(2_000_000);
        await beam.eval(`
          Node = '${node.name}',
          register(echo, spawn(fun F() -> receive M -> {mirror, Node} ! M, F() end end))`);
        for (const message of ['one', big, 'two']) {
          self.send(at(beam.name, 'echo'), message);
          expect(await self.receive()).toBe(message);
        }
        await beam.eval('exit(whereis(echo), kill)');
      });
    });
  });

  it('keep an idle link alive by ticks', async () => {
    const [beam, node] = await Promise.all([
      beamWith('ticking', issue(authority)),
      lab.node('quiet', { netTickTime: 1_000, tls: { ...issue(authority), ca: authority.cert } }),
    ]);
    await beam.eval('net_kernel:set_net_ticktime(1, 0)');
    await node.connect(beam.name);
    const downs: string[] = [];
    node.on('nodedown', (name) => downs.push(name));
    await beam.eval('receive after 3500 -> ok end');
    expect([downs, node.nodes('connected')]).toEqual([[], [beam.name]]);
  });

  describe('refuse', () => {
    let beam: Beam;

    beforeEach(async () => {
      beam ??= await beamWith('strict', issue(authority), "'tlsv1.2','tlsv1.3'");
    });

    // Over TLS 1.3 the alert comes when the caller is secure already, and has begun the handshake of the nodes.
    describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
      it.each([
        ['has expired', () => issue(authority, [-9, -8]), /our certificate has expired/],
        ['is of another authority', () => issue(stranger), /does not trust who signed our certificate/],
      ])('a certificate of ours that %s; the BEAM says so', async (what, certificate, reason) => {
        const alive = `bad${what.length}-${version.at(-1)}`;
        const node = await ours(alive, certificate(), { minVersion: version, maxVersion: version });
        const error = await node.connect(beam.name).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(Error);
        expect((error as Error).message).toMatch(reason);
        expect(await beam.eval(`net_adm:ping('${node.name}')`)).toBe('pang');
        expect(node.nodes('connected')).toEqual([]);
      });
    });

    it('a certificate of the BEAM that has expired; ours says so, whoever calls', async () => {
      const [old, node] = await Promise.all([
        beamWith('old', issue(authority, [-9, -8])),
        ours('careful', issue(authority)),
      ]);
      await expect(node.connect(old.name)).rejects.toThrow(
        /its certificate has expired \(CERT_HAS_EXPIRED\)/,
      );
      expect(await old.eval(`net_adm:ping('${node.name}')`)).toBe('pang');
      expect(lab.log.join('\n')).toMatch(/failed at tls: its certificate has expired/);
      expect(node.nodes('connected')).toEqual([]);
    });

    it('one without TLS; it is told', async () => {
      const plain = await lab.node('plain');
      await expect(plain.connect(beam.name)).rejects.toThrow(/the peer speaks TLS|closed the connection/);
      expect(await beam.eval(`net_adm:ping('${plain.name}')`)).toBe('pang');
      expect(lab.log.join('\n')).toMatch(/the peer speaks TLS, and this node does not \(option tls\)/);
    });
  });

  it('ours takes a BEAM whose certificate names it, and no other', async () => {
    const named = (node: string) => authority.issue({ commonName: 'node', ...HOST, directoryNames: [node] });
    const node = await ours('checking', issue(authority), { checkNodeName: true });
    const honest = await beamWith('honest', named('honest'));
    const liar = await beamWith('liar', named('somebody'));
    expect(await honest.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
    expect(await liar.eval(`net_adm:ping('${node.name}')`)).toBe('pang');
    await expect(node.connect(liar.name)).rejects.toThrow(/it names .*"somebody@127.0.0.1"/);
    expect(node.nodes('connected')).toEqual([honest.name]);
  });
});
