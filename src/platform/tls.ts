import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type {
  PeerCertificate,
  TlsClientOptions,
  TlsIdentity,
  TlsMaterial,
  TlsServerOptions,
} from '../env/streams.ts';
import { messageOf, OptionsError } from '../errors.ts';
import { plainAddress } from './address.ts';

/** Certificates and keys that were read, as the platform wants them. */
interface Pem {
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly ca?: string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
}

/**
 * What a side shows and trusts now. Files that have changed are read anew for the next handshake, as OTP's `ssl` does
 * (within two minutes there, at once here): a certificate is renewed without a restart, and links that stand stay.
 */
class Identity implements TlsIdentity {
  readonly material: TlsMaterial;
  readonly #unusable: (error: Error) => void;
  #stamp: string;
  #now: { readonly pem: Pem; readonly context: SecureContext };

  constructor(material: TlsMaterial, unusable: (error: Error) => void) {
    this.material = material;
    this.#unusable = unusable;
    this.#stamp = stampOf(material);
    this.#now = read(material);
  }

  /** For a handshake that begins now. While what is in the files cannot be used, what was read before. */
  get current(): { readonly pem: Pem; readonly context: SecureContext } {
    // Looked at before reading: what changes in between is seen by the next handshake.
    const stamp = stampOf(this.material);
    if (stamp === this.#stamp) return this.#now;
    this.#stamp = stamp;
    try {
      this.#now = read(this.material);
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      this.#unusable(error);
    }
    return this.#now;
  }
}

/** @throws OptionsError, never with a key or passphrase in it */
export function secure(material: TlsMaterial, unusable: (error: Error) => void): TlsIdentity {
  return new Identity(material, unusable);
}

/**
 * What others may hold against what we show, as far as it is known here, for people: the dates, and whether those that we
 * trust ourselves have signed it. Undefined: nothing, or it cannot be told.
 */
export function flawOf(identity: TlsIdentity): string | undefined {
  const { cert, ca } = (identity as Identity).current.pem;
  if (cert === undefined) return 'we show none (option tls.cert)';
  const chain = certificatesIn(cert);
  const [own] = chain;
  if (own === undefined) return undefined;
  if (Date.parse(own.validTo) < Date.now()) return `ours has expired, on ${own.validTo} (option tls.cert)`;
  if (Date.parse(own.validFrom) > Date.now())
    return `ours is not valid before ${own.validFrom} (option tls.cert)`;
  const trusted = ca?.flatMap(certificatesIn);
  return trusted === undefined || isSigned(own, chain, trusted)
    ? undefined
    : 'ours is signed by nobody that we trust ourselves (options tls.cert, tls.ca)';
}

/** Whether a chain leads from a certificate, by those that come with it, to one that is trusted. */
function isSigned(
  own: X509Certificate,
  chain: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): boolean {
  let at = own;
  for (let steps = 0; steps < chain.length; steps++) {
    const signed = (by: X509Certificate): boolean => at.checkIssued(by) && at.verify(by.publicKey);
    if (trusted.some((one) => one.fingerprint256 === at.fingerprint256 || signed(one))) return true;
    const next = chain.find((one) => one !== at && signed(one));
    if (next === undefined) return false;
    at = next;
  }
  return false;
}

/** Those that can be read; it is only told of them. */
function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

const isText = (given: string): boolean => given.includes('-----BEGIN');

/** Changes when one of the files does; what was given as text does not. */
function stampOf({ cert, key, ca = [] }: TlsMaterial): string {
  const stamps = [cert, key, ...ca].map((given) => {
    if (given === undefined || isText(given)) return '';
    try {
      const { dev, ino, size, mtimeNs } = statSync(given, { bigint: true });
      return `${dev}.${ino}.${size}.${mtimeNs}`;
    } catch {
      return 'none';
    }
  });
  return stamps.join(' ');
}

function read(material: TlsMaterial): { readonly pem: Pem; readonly context: SecureContext } {
  const { option, cert, key, passphrase, ca, minVersion, maxVersion, ciphers } = material;
  const pem: Pem = {
    ...(cert === undefined ? {} : { cert: readPem(`${option}.cert`, cert, 'CERTIFICATE') }),
    ...(key === undefined ? {} : { key: readPem(`${option}.key`, key, 'PRIVATE KEY') }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(ca === undefined ? {} : { ca: ca.map((one) => readPem(`${option}.ca`, one, 'CERTIFICATE')) }),
    ...(ciphers === undefined ? {} : { ciphers }),
    minVersion,
    maxVersion,
  };
  try {
    return { pem, context: createSecureContext(pem) };
  } catch (cause) {
    throw new OptionsError(option, `${option}: certificate and key cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function readPem(option: string, given: string, label: string): string {
  let text = given;
  if (!isText(given))
    try {
      text = readFileSync(given, 'utf8');
    } catch (cause) {
      throw new OptionsError(
        option,
        `${option}: expected PEM text or the path of a PEM file; ${JSON.stringify(given)} cannot be read: ${messageOf(cause)}`,
        { cause },
      );
    }
  if (!new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text))
    throw new OptionsError(
      option,
      `${option}: expected PEM with a ${label}, and there is none in ${isText(given) ? 'the text' : JSON.stringify(given)}`,
    );
  return text;
}

/** Makes a connected socket secure. Rejects with the platform's error; the socket is destroyed then. */
export function secureSocket(socket: Socket, options: TlsClientOptions): TLSSocket {
  const { identity, verify, serverName, expectedHost } = options;
  return connect({
    socket,
    secureContext: (identity as Identity).current.context,
    rejectUnauthorized: verify,
    // An address is no server name (RFC 6066).
    ...(isIP(serverName) === 0 ? { servername: serverName } : { servername: '' }),
    checkServerIdentity: (_, cert) =>
      expectedHost === undefined ? undefined : checkServerIdentity(expectedHost, cert),
  });
}

/** A listener whose callers are handed out once they are secure, and have shown what they must. */
export function secureServer(options: TlsServerOptions, onSecure: (socket: TLSSocket) => void): Server {
  const { identity, verify, requireCertificate, maxPending, timeoutMs } = options;
  let pending = 0;
  let { current } = identity as Identity;
  /** Of callers that are not secure yet: who has gone has no address any more. */
  const addresses = new WeakMap<Socket, string>();
  const failed = (socket: TLSSocket & { readonly _parent?: Socket }, error: Error): void => {
    // What the platform has put its TLS on is no documented property.
    const below = socket._parent === undefined ? undefined : addresses.get(socket._parent);
    options.failed(below ?? addressOf(socket) ?? 'a caller that has gone', error);
    socket.destroy();
  };
  const server = createServer({
    ...current.pem,
    noDelay: true,
    requestCert: verify,
    rejectUnauthorized: verify && requireCertificate,
    handshakeTimeout: timeoutMs,
  });
  // Before the platform's own listener, which takes the certificate for this call.
  server.prependListener('connection', () => {
    const before = current;
    ({ current } = identity as Identity);
    if (current !== before) server.setSecureContext(current.pem);
  });
  server.on('connection', (socket) => {
    addresses.set(socket, addressOf(socket) ?? 'a caller that has gone');
    pending += 1;
    if (pending <= maxPending) return;
    socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    pending -= 1;
    // The platform hangs up on a caller whose certificate it finds bad, and keeps the reason to itself.
    const reason = socket.authorizationError as unknown;
    failed(socket, reason ? refusal(String(reason)) : hungUp(error, identity));
  });
  server.on('secureConnection', (socket) => {
    pending -= 1;
    // After the platform has checked: without `requireCertificate` it lets everybody in and only notes what it found.
    const isShown = socket.getPeerX509Certificate() !== undefined;
    if (verify && isShown && !socket.authorized)
      failed(socket, refusal(String(socket.authorizationError as unknown)));
    else onSecure(socket);
  });
  return server;
}

function addressOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${plainAddress(remoteAddress)}:${remotePort}`;
}

/** What broke before a call was secure; with what its caller may not have liked, where nothing says why it hung up. */
function hungUp(error: NodeJS.ErrnoException, shown: TlsIdentity): Error {
  const flaw = error.code === 'ECONNRESET' ? flawOf(shown) : undefined;
  if (flaw === undefined) return error;
  return new Error(`${error.code}; it may have refused our certificate: ${flaw}`, { cause: error });
}

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** What a failure of TLS means, for people; undefined for other failures. `whose` certificate the code speaks of. */
export function tlsReason(cause: Error): string | undefined {
  const code = (cause as NodeJS.ErrnoException).code ?? cause.message;
  const text = REASONS[code.replace('SSL/TLS_ALERT', 'SSLV3_ALERT')];
  if (text === undefined) return undefined;
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    ? `${text} (${cause.message.replace(/^Hostname\/IP does not match certificate's altnames: /, '')})`
    : `${text} (${code})`;
}

const UNTRUSTED = 'its certificate is signed by nobody that we trust (option tls.ca)';
/** By the codes of Node.js 20. Later releases, with OpenSSL 3.5, say `SSL/TLS_ALERT` for `SSLV3_ALERT`. */
const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate has been revoked',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  INVALID_CA: 'its certificate is signed by one that may not sign others',
  INVALID_PURPOSE: 'its certificate is for another purpose',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it shows no certificate',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it did not make the connection secure in time',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no version of TLS that we take',
  ERR_SSL_NO_SHARED_CIPHER: 'it has no cipher in common with us',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it takes no version of TLS that we speak',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust who signed our certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it finds our certificate bad',
  // OTP says so, too, of one that is not valid yet.
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it finds that our certificate has expired, or is not valid yet',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'it finds that our certificate has been revoked',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it does not accept our certificate',
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: 'it does not accept our kind of certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it refuses the handshake: no cipher in common, or it wants a certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate of ours (option tls.cert)',
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: 'it could not check our signature',
};

/** The names in the certificate that the other side has shown. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : namesOf(certificate);
}

function namesOf({ subject, subjectAltName }: X509Certificate): PeerCertificate {
  const alternatives = [
    ...(subjectAltName ?? '').matchAll(/([A-Z][\w ]*|email):("(?:[^"\\]|\\.)*"|[^,]*)/gi),
  ].map(
    // Whatever could be taken for a separator is written as a JSON string by the platform.
    ([, kind = '', value = '']) =>
      [kind, value.startsWith('"') ? (JSON.parse(value) as string) : value] as const,
  );
  const of = (kind: string): string[] =>
    alternatives.flatMap(([found, value]) => (found === kind ? [value] : []));
  return {
    // A certificate without a subject has none here either, whatever the type says.
    commonNames: commonNames(((subject as string | undefined) ?? '').split('\n')),
    dnsNames: of('DNS'),
    ipAddresses: of('IP Address'),
    emails: of('email'),
    directoryNames: of('DirName').flatMap((name) => commonNames(name.split(/(?<!\\),/))),
  };
}

/** Values of `CN=` among attributes in the syntax of RFC 2253, whose backslashes stand before special characters. */
function commonNames(attributes: readonly string[]): string[] {
  return attributes
    .flatMap((attribute) => attribute.split(/(?<!\\)\+/))
    .flatMap((attribute) =>
      attribute.startsWith('CN=') ? [attribute.slice(3).replace(/\\(.)/g, '$1')] : [],
    );
}
