import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a certificate of a test says. */
export interface CertificateOptions {
  /** @default none: the subject is empty */
  readonly commonName?: string;
  /** Alternative names: hosts and addresses. @default none */
  readonly hosts?: readonly string[];
  /** DNS names beside those among the hosts; nothing checks that they are names. */
  readonly dnsNames?: readonly string[];
  readonly emails?: readonly string[];
  /** Directory names, each a common name alone. */
  readonly directoryNames?: readonly string[];
  /** In days from now; the first is the beginning. @default [-1, 30] */
  readonly days?: readonly [number, number];
}

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority that signs the certificates of a test (X.509 in DER, written here: no tool is needed). */
export class Authority {
  /** Its own certificate, as PEM. */
  readonly cert: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;

  constructor(commonName = 'authority of a test') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.#key = privateKey;
    this.#name = name(commonName);
    const extensions = [extension(OID.basicConstraints, sequence(boolean(true)), true)];
    this.cert = this.#sign(this.#name, publicKey, [-2, 60], extensions);
  }

  issue(options: CertificateOptions): Certificate {
    const {
      commonName,
      hosts = [],
      dnsNames = [],
      emails = [],
      directoryNames = [],
      days = [-1, 30],
    } = options;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const alternatives = [
      ...hosts.map((host) =>
        isIP(host) === 0 ? tagged(0x82, Buffer.from(host)) : tagged(0x87, address(host)),
      ),
      ...dnsNames.map((dnsName) => tagged(0x82, Buffer.from(dnsName))),
      ...emails.map((email) => tagged(0x81, Buffer.from(email))),
      ...directoryNames.map((directory) => tagged(0xa4, name(directory))),
    ];
    const extensions =
      alternatives.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...alternatives))];
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const subject = commonName === undefined ? sequence() : name(commonName);
    return { cert: this.#sign(subject, publicKey, days, extensions), key };
  }

  #sign(subject: Buffer, key: KeyObject, days: readonly [number, number], extensions: Buffer[]): string {
    const algorithm = sequence(oid(OID.ecdsaWithSha256));
    const [from, to] = days.map((day) => new Date(Date.now() + day * 86_400_000));
    const body = sequence(
      tagged(0xa0, tagged(0x02, Buffer.of(2))),
      tagged(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
      algorithm,
      this.#name,
      sequence(time(from!), time(to!)),
      subject,
      key.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
    );
    const signature = tagged(0x03, Buffer.concat([Buffer.of(0), sign('sha256', body, this.#key)]));
    const der = sequence(body, algorithm, signature).toString('base64');
    return `-----BEGIN CERTIFICATE-----\n${der.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

/** Files of a test in a folder of their own; `remove` takes all away. */
export class Files {
  /** In shared memory where there is some: other releases of OTP run in roots of their own, and see that folder too. */
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'beamish-tls-'));

  /** The path of a new file. */
  write(fileName: string, text: string): string {
    const path = join(this.#folder, fileName);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// ---- DER, as far as a certificate needs it

const OID = {
  commonName: '550403',
  basicConstraints: '551d13',
  subjectAltName: '551d11',
  ecdsaWithSha256: '2a8648ce3d040302',
} as const;

function tagged(tag: number, body: Buffer): Buffer {
  const { length } = body;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), body]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

function name(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(oid(OID.commonName), tagged(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), tagged(0x04, value));
}

/** UTCTime: two digits of the year. */
function time(date: Date): Buffer {
  return tagged(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

function address(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number));
  const [left = '', right] = host.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
  const [front, back] = [groups(left), groups(right ?? '')];
  const all =
    right === undefined ? front : [...front, ...Array(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
