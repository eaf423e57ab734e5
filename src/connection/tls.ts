/**
 * Distribution over TLS, as OTP's inet_tls_dist has it: TLS first, then the same handshake and frames (the lengths of the
 * handshake messages have 4 bytes there), and the port mapper without TLS. Each side shows a certificate and checks the
 * other's; the cookie is proven all the same.
 */
import type {
  PeerCertificate,
  Streams,
  TlsClientOptions,
  TlsIdentity,
  TlsMaterial,
  TlsServerOptions,
  TlsVersion,
} from '../env/streams.ts';
import { OptionsError } from '../errors.ts';
import { SETUP_TIMEOUT_MS } from '../handshake/machine.ts';
import { hostOf } from '../handshake/name.ts';
import { object } from '../option-checks.ts';
import { isPromise } from '../process/behaviour.ts';
import { describeReason } from '../process/reasons.ts';

/** What one side shows and trusts. */
export interface TlsSideOptions {
  /** PEM, as text or as the path of a file, read anew when it changes: the certificate, followed by those between it and the authority. */
  readonly cert?: string;
  /** PEM of its private key, as text or as a path. */
  readonly key?: string;
  /** Opens an encrypted key. */
  readonly passphrase?: string;
  /** PEM of the authorities that are trusted, each as text or as a path. @default those that Node.js trusts */
  readonly ca?: string | readonly string[];
  /** Whether the other side's certificate is checked: signed by an authority that is trusted, and valid now. @default true */
  readonly verify?: boolean;
  /** @default "TLSv1.2" */
  readonly minVersion?: TlsVersion;
  /** @default "TLSv1.3" */
  readonly maxVersion?: TlsVersion;
  /** Ciphers in OpenSSL's syntax. @default those of Node.js */
  readonly ciphers?: string;
}

/** The option `tls`. What stands at the top is for both roles; `client` and `server` say where they differ. */
export interface TlsOptions extends TlsSideOptions {
  /** When this node calls. */
  readonly client?: TlsSideOptions;
  /** When it is called. */
  readonly server?: TlsSideOptions;
  /**
   * Whether a caller must show a certificate, as OTP's `fail_if_no_peer_cert`. @default true where the server verifies
   */
  readonly requireCertificate?: boolean;
  /**
   * Whether the certificate of a node that is called must be for the host in its name, as OTP's client checks.
   * @default true where the client verifies
   */
  readonly checkHost?: boolean;
  /**
   * Whether the certificate must name the node, both ways. With `true` its common name or an e-mail address among its
   * alternative names is `name@host`, or, in OTP's form (`inet_tls_dist:cert_nodes/1`), a directory name among them is
   * the part before the `@` and a DNS name or address the part behind it. A function decides by itself, at once: only
   * `true` lets the node in. One that throws refuses that node, and the reason says what it threw. @default false
   */
  readonly checkNodeName?: boolean | ((nodeName: string, certificate: PeerCertificate) => boolean);
}

/** The option after checking; files are read when the node starts, and anew when they have changed. */
export interface TlsSettings {
  readonly client: TlsMaterial & { readonly verify: boolean };
  readonly server: TlsMaterial & { readonly verify: boolean };
  readonly requireCertificate: boolean;
  readonly checkHost: boolean;
  readonly checkNodeName: NonNullable<TlsOptions['checkNodeName']>;
}

const SIDE = [
  'cert',
  'key',
  'passphrase',
  'ca',
  'verify',
  'minVersion',
  'maxVersion',
  'ciphers',
] as const satisfies readonly (keyof TlsSideOptions)[];
const KNOWN = [
  ...SIDE,
  'client',
  'server',
  'requireCertificate',
  'checkHost',
  'checkNodeName',
] as const satisfies readonly (keyof TlsOptions)[];
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];

/** @throws OptionsError naming the option and what was expected, and never a key or passphrase */
export function checkTls(given: TlsOptions): TlsSettings {
  object('tls', given, KNOWN);
  const client = checkSide(given, given.client, 'tls.client');
  const server = checkSide(given, given.server, 'tls.server');
  // A client without a certificate is one that others do not ask for one; a server always shows its own.
  if (server.cert === undefined)
    throw new OptionsError(
      'tls.cert',
      'tls.cert: expected PEM text or a path: a node that is called shows a certificate',
    );
  const requireCertificate = flag('tls.requireCertificate', given.requireCertificate, server.verify);
  const checkHost = flag('tls.checkHost', given.checkHost, client.verify);
  const { checkNodeName = false } = given;
  if (typeof checkNodeName !== 'boolean' && typeof checkNodeName !== 'function')
    throw new OptionsError('tls.checkNodeName', 'tls.checkNodeName: expected true, false or a function');
  const need = (option: string, wanted: boolean, side: string, verify: boolean): void => {
    if (wanted && !verify)
      throw new OptionsError(
        option,
        `${option}: needs verify for the ${side}: an unchecked certificate proves nothing`,
      );
  };
  need('tls.requireCertificate', requireCertificate, 'server', server.verify);
  need('tls.checkHost', checkHost, 'client', client.verify);
  need('tls.checkNodeName', checkNodeName !== false, 'client', client.verify);
  need('tls.checkNodeName', checkNodeName !== false, 'server', server.verify);
  if (checkNodeName !== false && !requireCertificate)
    throw new OptionsError('tls.checkNodeName', 'tls.checkNodeName: needs requireCertificate');
  return { client, server, requireCertificate, checkHost, checkNodeName };
}

function checkSide(
  common: TlsSideOptions,
  own: TlsSideOptions | undefined,
  ownPath: string,
): TlsSettings['client'] {
  if (own !== undefined) object(ownPath, own, SIDE);
  const of = <K extends keyof TlsSideOptions>(key: K) => own?.[key] ?? common[key];
  /** Where a value comes from, for errors. */
  const path = (key: keyof TlsSideOptions) => `${own?.[key] === undefined ? 'tls' : ownPath}.${key}`;
  const text = (key: 'cert' | 'key' | 'passphrase' | 'ciphers'): string | undefined => {
    const value = of(key);
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    const wanted = key === 'cert' || key === 'key' ? 'PEM text or the path of a PEM file' : 'text';
    throw new OptionsError(
      path(key),
      `${path(key)}: expected ${wanted}, got ${value === '' ? 'none' : typeof value}`,
    );
  };
  const version = (key: 'minVersion' | 'maxVersion', fallback: TlsVersion): TlsVersion => {
    const value = of(key) ?? fallback;
    if (VERSIONS.includes(value)) return value;
    throw new OptionsError(
      path(key),
      `${path(key)}: expected one of ${VERSIONS.join(', ')}, got ${String(value)}`,
    );
  };
  const ca = of('ca');
  const list = ca === undefined || Array.isArray(ca) ? (ca as readonly string[] | undefined) : [ca as string];
  if (list !== undefined && (list.length === 0 || list.some((one) => typeof one !== 'string' || one === '')))
    throw new OptionsError(
      path('ca'),
      `${path('ca')}: expected PEM text or the path of a PEM file, or several of them`,
    );
  const cert = text('cert');
  const key = text('key');
  if ((cert === undefined) !== (key === undefined))
    throw new OptionsError(
      path(cert === undefined ? 'cert' : 'key'),
      `${path(cert === undefined ? 'cert' : 'key')}: expected beside the ${cert === undefined ? 'key' : 'certificate'}`,
    );
  const minVersion = version('minVersion', 'TLSv1.2');
  const maxVersion = version('maxVersion', 'TLSv1.3');
  if (minVersion > maxVersion)
    throw new OptionsError(
      path('minVersion'),
      `${path('minVersion')}: ${minVersion} is above maxVersion ${maxVersion}`,
    );
  return {
    option: own === undefined ? 'tls' : ownPath,
    cert,
    key,
    passphrase: text('passphrase'),
    ca: list,
    verify: flag(path('verify'), of('verify'), true),
    minVersion,
    maxVersion,
    ciphers: text('ciphers'),
  };
}

function flag(option: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean')
    throw new OptionsError(option, `${option}: expected true or false, got ${typeof value}`);
  return value;
}

/** TLS of one node: what its calls and its listener need, and whether a certificate is that of a node. */
export class Tls {
  readonly #settings: TlsSettings;
  readonly #client: TlsIdentity;
  readonly #server: TlsIdentity;

  /**
   * @param unusable - is told when files have changed and what is in them now cannot be used
   * @throws OptionsError for files that cannot be read, what is in them, and an `env` that has no TLS
   */
  constructor(settings: TlsSettings, streams: Streams, unusable: (error: Error) => void) {
    if (streams.secure === undefined)
      throw new OptionsError('tls', 'tls: the streams of this env cannot be made secure');
    this.#settings = settings;
    this.#client = streams.secure(settings.client, unusable);
    this.#server = streams.secure(settings.server, unusable);
  }

  /** For a call of this node. */
  client(nodeName: string): TlsClientOptions {
    const { client, checkHost } = this.#settings;
    const host = hostOf(nodeName);
    return {
      identity: this.#client,
      verify: client.verify,
      serverName: host,
      expectedHost: checkHost ? host : undefined,
    };
  }

  /** For the listener. */
  server(maxPending: number, failed: TlsServerOptions['failed']): TlsServerOptions {
    const { server, requireCertificate } = this.#settings;
    return {
      identity: this.#server,
      verify: server.verify,
      requireCertificate,
      maxPending,
      timeoutMs: SETUP_TIMEOUT_MS,
      failed,
    };
  }

  /** Why this certificate is not that of a node of this name; undefined: it is, or nobody asks. */
  mismatch(nodeName: string, certificate: PeerCertificate | undefined): string | undefined {
    const { checkNodeName } = this.#settings;
    if (checkNodeName === false) return undefined;
    if (certificate === undefined) return 'it shows no certificate';
    const names = namesIn(certificate);
    let answer: unknown;
    try {
      answer = checkNodeName === true ? names.includes(nodeName) : checkNodeName(nodeName, certificate);
    } catch (thrown) {
      // It is asked on behalf of strangers: what they show may end their call, never the program.
      const what = thrown instanceof Error ? describeReason(thrown) : thrown;
      return `tls.checkNodeName threw ${typeof what === 'string' ? what : `a value of type ${typeof what}`}`;
    }
    if (answer === true) return undefined;
    if (isPromise(answer)) {
      answer.then(undefined, () => {});
      return 'tls.checkNodeName answered a promise; expected true or false at once';
    }
    if (answer !== false) return `tls.checkNodeName answered ${typeof answer}; expected true or false`;
    const found = [...certificate.commonNames, ...names].map((name) => JSON.stringify(name.slice(0, 260)));
    return `its certificate is not for a node of this name; it names ${[...new Set(found)].slice(0, 5).join(', ') || 'none'}`;
  }
}

/** Node names that a certificate vouches for. */
function namesIn(certificate: PeerCertificate): string[] {
  const { commonNames, emails, dnsNames, ipAddresses, directoryNames } = certificate;
  const hosts = [...dnsNames, ...ipAddresses];
  return [
    ...commonNames.filter((name) => name.includes('@')),
    ...emails,
    ...directoryNames.flatMap((name) => hosts.map((host) => `${name}@${host}`)),
  ];
}
