import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';
import { type BeamishError, HandshakeError } from '../errors.ts';
import type { Acceptor, AcceptorAction } from '../handshake/acceptor.ts';
import type { Initiator, InitiatorAction } from '../handshake/initiator.ts';
import type { CloseAction, UpAction } from '../handshake/machine.ts';
import { framed, type LengthBytes } from '../handshake/messages.ts';

/** Answers to what the machines ask, and where their outcome goes. */
export interface HandshakeOwner {
  /** The acceptor asks what we know of this name. */
  decide(peerName: string): 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive';
  /** A name for a node at this host that asks for one; undefined refuses. */
  giveName(host: string): { readonly name: string; readonly creation: number } | undefined;
  /** The initiator asks whether its call is still wanted. */
  stillWanted(): boolean;
  up(action: UpAction): void;
  failed(action: CloseAction): void;
}

/** Grants the wishes of one handshake machine on one stream. */
export class HandshakeDriver {
  readonly #machine: Initiator | Acceptor;
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #owner: HandshakeOwner;
  readonly #lengthBytes: LengthBytes;
  #timer: TimerHandle;
  #over = false;

  constructor(
    machine: Initiator | Acceptor,
    stream: Stream,
    clock: Clock,
    owner: HandshakeOwner,
    lengthBytes: LengthBytes = 2,
  ) {
    this.#lengthBytes = lengthBytes;
    this.#machine = machine;
    this.#stream = stream;
    this.#clock = clock;
    this.#owner = owner;
  }

  get stage(): string {
    return this.#machine.stage;
  }

  start(): void {
    this.#perform(this.#machine.start());
  }

  frame(body: Uint8Array): void {
    if (!this.#over) this.#perform(this.#machine.step({ type: 'frame', body }));
  }

  closed(cause?: unknown): void {
    if (!this.#over) this.#perform(this.#machine.step({ type: 'closed', cause }));
  }

  /** The peer's bytes cannot be read: the step under way has failed. */
  unreadable(cause: BeamishError, peer: string): void {
    if (this.#over) return;
    const { stage } = this.#machine;
    this.abandon();
    this.#owner.failed({ type: 'close', error: new HandshakeError(stage, peer, cause.message, { cause }) });
  }

  /** The time for the whole exchange is over. */
  timeout(): void {
    if (!this.#over) this.#perform(this.#machine.step({ type: 'timeout' }));
  }

  /** Ends the timer; the machine is not asked any more. */
  abandon(): void {
    this.#over = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #perform(actions: readonly (InitiatorAction | AcceptorAction)[]): void {
    for (const action of actions) {
      switch (action.type) {
        case 'send':
          this.#stream.write(framed(action.body, this.#lengthBytes));
          break;
        case 'arm':
          this.#clock.clearTimeout(this.#timer);
          this.#timer = this.#clock.setTimeout(
            () => this.#perform(this.#machine.step({ type: 'timeout' })),
            action.afterMs,
          );
          break;
        case 'ask':
          this.#answer(action);
          break;
        case 'up':
          this.abandon();
          this.#owner.up(action);
          break;
        case 'close':
          this.abandon();
          this.#owner.failed(action);
          break;
        default:
          action satisfies never;
      }
    }
  }

  #answer(action: Extract<InitiatorAction | AcceptorAction, { type: 'ask' }>): void {
    // Only the acceptor tells whether a name is asked for.
    if (!('dynamic' in action)) {
      const machine = this.#machine as Initiator;
      this.#perform(machine.step({ type: 'decide', wanted: this.#owner.stillWanted() }));
      return;
    }
    const machine = this.#machine as Acceptor;
    if (!action.dynamic) {
      this.#perform(machine.step({ type: 'decide', status: this.#owner.decide(action.peer) }));
      return;
    }
    const given = this.#owner.giveName(action.peer);
    this.#perform(
      machine.step(
        given === undefined
          ? { type: 'decide', status: 'not_allowed' }
          : { type: 'decide', status: 'named', ...given },
      ),
    );
  }
}
