/**
 * What the machines of this room want done. They never do it themselves: a step answers with a list of wishes, in order,
 * and `server.ts` grants them. What comes back (answers to a call, a timer) is told in a later step.
 */
import type { Pid } from '../../term/identifiers.ts';
import type { Tuple } from '../../term/tuple.ts';

/** Whose pid a message or call carries: on the wire, name server, locker and registrar are three processes. */
export type Role = 'server' | 'locker' | 'registrar';

/** A name that both sides of a join have, for different processes. */
export interface Clash {
  readonly name: unknown;
  readonly ours: Pid;
  readonly his: Pid;
  /** What our entry was registered with. */
  readonly resolver: unknown;
  readonly hisResolver: unknown;
}

/** What came of a clash. */
export interface GlobalConflict {
  readonly name: unknown;
  /** The processes that had the name, as far as this node knows them. */
  readonly pids: readonly Pid[];
  /** Who has it now; undefined when nobody has. */
  readonly winner: Pid | undefined;
}

/** What became of a registration: done, or the name belongs to somebody. */
export type Outcome = { readonly done: boolean; readonly holder: Pid | undefined };

export type Wish =
  /** `{'$gen_cast', Message}` to the node's name server, if it is connected: it brings no connection about. */
  | { readonly type: 'cast'; readonly from: Role; readonly node: string; readonly message: Tuple }
  /** The bare message to the node's name server, likewise. */
  | { readonly type: 'send'; readonly node: string; readonly message: Tuple }
  /** The bare message to a process elsewhere. */
  | { readonly type: 'send_pid'; readonly from: Role; readonly to: Pid; readonly message: Tuple }
  /** The same request to the name servers of several nodes; told back with whoever answered. */
  | {
      readonly type: 'call';
      readonly id: number;
      readonly from: Role;
      readonly nodes: readonly string[];
      readonly request: Tuple;
    }
  | { readonly type: 'arm'; readonly timer: number; readonly afterMs: number }
  | { readonly type: 'disarm'; readonly timer: number }
  | { readonly type: 'monitor'; readonly pid: Pid }
  | { readonly type: 'demonitor'; readonly pid: Pid }
  /** Told back when the node cannot be reached. */
  | { readonly type: 'connect'; readonly node: string }
  | { readonly type: 'disconnect'; readonly node: string }
  /** Run the resolvers of these clashes, and tell what each answered. */
  | {
      readonly type: 'resolve';
      readonly node: string;
      readonly tag: number;
      readonly clashes: readonly Clash[];
    }
  /** A request of this node's users has come to its end. */
  | { readonly type: 'settle'; readonly request: number; readonly outcome: Outcome }
  | { readonly type: 'registered'; readonly name: unknown; readonly pid: Pid }
  | { readonly type: 'unregistered'; readonly name: unknown; readonly pid: Pid }
  | ({ readonly type: 'conflict' } & GlobalConflict)
  | { readonly type: 'count'; readonly counter: string }
  | { readonly type: 'warn'; readonly text: string };

export type Replies = readonly (readonly [node: string, reply: unknown])[];

/** Collects the wishes of one step, and remembers who waits for what. */
export class Wishes {
  readonly #self: string;
  readonly #serve: (request: Tuple, from: Role) => unknown;
  readonly #isPeer: (node: string) => boolean;
  #list: Wish[] = [];
  #lastId = 0;
  readonly #calls = new Map<number, (replies: Replies) => void>();
  readonly #timers = new Map<number, () => void>();

  /**
   * @param serve - answers a call to our own name server, which needs no message
   * @param isPeer - whether a node is connected, or a member that soon will be: no other is called
   */
  constructor(
    self: string,
    serve: (request: Tuple, from: Role) => unknown,
    isPeer: (node: string) => boolean,
  ) {
    this.#self = self;
    this.#serve = serve;
    this.#isPeer = isPeer;
  }

  add(wish: Wish): void {
    this.#list.push(wish);
  }

  /** Hands over what was wished since the last time. */
  take(): Wish[] {
    const list = this.#list;
    this.#list = [];
    return list;
  }

  cast(from: Role, node: string, message: Tuple): void {
    this.add({ type: 'cast', from, node, message });
  }

  /** Our own name server is served at once, so that with no other to ask `then` runs before this returns. */
  call(from: Role, nodes: readonly string[], request: Tuple, then: (replies: Replies) => void): void {
    const own: Replies = nodes.includes(this.#self) ? [[this.#self, this.#serve(request, from)]] : [];
    const others = nodes.filter((node) => node !== this.#self && this.#isPeer(node));
    if (others.length === 0) {
      then(own);
      return;
    }
    const id = ++this.#lastId;
    this.#calls.set(id, (replies) => then([...own, ...replies]));
    this.add({ type: 'call', id, from, nodes: others, request });
  }

  replied(id: number, replies: Replies): void {
    const then = this.#calls.get(id);
    this.#calls.delete(id);
    then?.(replies);
  }

  after(afterMs: number, then: () => void): number {
    const timer = ++this.#lastId;
    this.#timers.set(timer, then);
    this.add({ type: 'arm', timer, afterMs });
    return timer;
  }

  disarm(timer: number | undefined): void {
    if (timer !== undefined && this.#timers.delete(timer)) this.add({ type: 'disarm', timer });
  }

  fired(timer: number): void {
    const then = this.#timers.get(timer);
    this.#timers.delete(timer);
    then?.();
  }

  count(counter: string): void {
    this.add({ type: 'count', counter });
  }
}
