import type { Connection } from '../connection/connection.ts';
import type { ConnectionSetup } from '../connection/setup.ts';
import type { Env } from '../env/index.ts';
import type { Limits } from '../env/limits.ts';
import type { Listener, Stream } from '../env/streams.ts';
import { type BeamishError, HandshakeError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Admission } from './admission.ts';

export interface CallersOptions {
  readonly setup: ConnectionSetup;
  readonly admission: Admission;
  readonly env: Env;
  readonly limits: Limits;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/**
 * Who calls this node and has not proven the cookie yet: strangers, whatever they say. It listens for them, takes no more
 * of them than `limits.unauthenticatedSockets`, and knows which names they claim.
 */
export class Callers {
  readonly #o: CallersOptions;
  readonly #all = new Set<Connection>();
  /** Those that have told a name, by it. */
  readonly #claims = new Map<string, Set<Connection>>();
  #listener: Listener | undefined;
  #taken = false;

  constructor(options: CallersOptions) {
    this.#o = options;
  }

  /** @param accept gets each stream that is welcome; others end at once */
  async listen(host: string | undefined, port: number, accept: (stream: Stream) => void): Promise<Listener> {
    const { setup, env, limits, telemetry, logger } = this.#o;
    const tls = setup.tls?.server(limits.unauthenticatedSockets, (address, error) => {
      telemetry.emit('handshake.failed', () => ({ stage: 'tls', peer: address, error }));
      logger.oncePerMinute(
        'handshake',
        'failed tls',
        new HandshakeError('tls', address, error.message).message,
      );
    });
    this.#listener = await env.streams.listen(
      { ...(host === undefined ? {} : { host }), port, ...(tls === undefined ? {} : { tls }) },
      (stream) => {
        if (this.#isWelcome()) accept(stream);
        else {
          stream.start({ data: () => {}, closed: () => {} });
          stream.destroy();
        }
      },
    );
    return this.#listener;
  }

  /** Whether calls are taken: not before the node knows its creation and has its processes, nor while it stops. */
  take(taken: boolean): void {
    this.#taken = taken;
  }

  #isWelcome(): boolean {
    const { limits, telemetry, logger } = this.#o;
    if (!this.#taken) {
      telemetry.count('connection.refused.not_running');
      return false;
    }
    if (this.#all.size < limits.unauthenticatedSockets) return true;
    telemetry.count('connection.refused.unauthenticated');
    logger.oncePerMinute(
      'connection',
      'unauthenticated',
      `refusing connections: ${limits.unauthenticatedSockets} sockets have not proven the cookie yet (limits.unauthenticatedSockets)`,
    );
    return false;
  }

  add(caller: Connection): void {
    this.#all.add(caller);
  }

  /** Notes the name that a caller has told, or was given. */
  claim(name: string, caller: Connection): void {
    const claims = this.#claims.get(name);
    if (claims === undefined) this.#claims.set(name, new Set([caller]));
    else claims.add(caller);
  }

  /** It is a stranger no more, or gone. */
  delete(caller: Connection, claimed: string | undefined): void {
    this.#all.delete(caller);
    if (claimed === undefined) return;
    const claims = this.#claims.get(claimed);
    if (claims?.delete(caller) && claims.size === 0) this.#claims.delete(claimed);
  }

  /** Whether one of them claims this name. */
  isCalling(name: string): boolean {
    return this.#claims.has(name);
  }

  /** Whether the certificate that a caller has shown does for this name. */
  isCertified(caller: Connection, name: string): boolean {
    const mismatch = this.#o.setup.tls?.mismatch(name, caller.certificate);
    if (mismatch === undefined) return true;
    this.#o.logger.oncePerMinute(
      'handshake',
      'certificate name',
      `${name} at ${caller.remoteAddress} is not allowed: ${mismatch}`,
    );
    return false;
  }

  /** A name for a caller that asks for one. */
  giveName(
    host: string,
    caller: Connection,
  ): { readonly name: string; readonly creation: number } | undefined {
    const { admission, env } = this.#o;
    const given = admission.invent(host, env.random);
    return given !== undefined && this.isCertified(caller, given.name) ? given : undefined;
  }

  /** Tells the log of a caller whose handshake has failed. */
  failed(error: BeamishError | undefined, reason: string): void {
    if (error instanceof HandshakeError && reason !== 'nok' && !isGivenUp(error, reason))
      this.#o.logger.oncePerMinute('handshake', `failed ${error.stage}`, error.message);
  }

  closeAll(error: BeamishError, reason: string): void {
    for (const caller of [...this.#all]) caller.close(error, reason);
  }

  /** Resolves when nobody listens any more. */
  async stopListening(): Promise<void> {
    await this.#listener?.close();
  }
}

/**
 * A caller that hangs up before anything was proven has given its own call up, as the lesser of two calls at once does:
 * no reason to worry anybody.
 */
function isGivenUp(error: HandshakeError, reason: string): boolean {
  return reason === 'peer_closed' && (error.stage === 'recv_name' || error.stage === 'recv_status_reply');
}
