/**
 * Deliberate bugs, each of a kind that has been seen in some cluster, with the property that must catch it. They are made
 * in the text of one file; the house itself holds no switch for them.
 */
import type { PROPERTIES } from '../properties.ts';

export interface Mutant {
  /** What the bug is. */
  readonly bug: string;
  /** Below src. */
  readonly file: string;
  /** Text that stands there just once. */
  readonly find: string;
  readonly replace: string;
  readonly caughtBy: keyof typeof PROPERTIES;
  /** Seeds that are tried. @default 12 */
  readonly seeds?: number;
}

export const MUTANTS: readonly Mutant[] = [
  {
    bug: 'a pid of an earlier life is taken for one of this life',
    file: 'process/system.ts',
    find: 'if (pid.node !== this.node || pid.creation !== this.creation) return undefined;',
    replace: 'if (pid.node !== this.node) return undefined;',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'no rest between two attempts to connect',
    file: 'discovery/connect-queue.ts',
    find: 'entry.restUntilMs = nowMs + drawnMs;',
    replace: 'entry.restUntilMs = nowMs + 1;',
    caughtBy: 'strangersStayOut',
  },
  {
    bug: 'a node is given up for ever after four failures',
    file: 'discovery/connect-queue.ts',
    find: 'entry.restUntilMs = nowMs + drawnMs;',
    replace: 'entry.restUntilMs = entry.failures > 3 ? Number.MAX_SAFE_INTEGER : nowMs + drawnMs;',
    caughtBy: 'theMapperReturns',
  },
  {
    bug: 'a node that is dead is dialled for ever, though nobody names it any more',
    file: 'discovery/connect-queue.ts',
    find: "entry.phase = 'resting';",
    replace: "entry.phase = 'resting'; entry.heard = 1;",
    caughtBy: 'theDeadStayOut',
  },
  {
    bug: 'a silent peer is never given up',
    file: 'dist/ticker.ts',
    find: "if (!heard && this.#lastHeard === check) return 'net_tick_timeout';",
    replace: '',
    caughtBy: 'theDeadStayOut',
  },
  {
    bug: 'a peer is given up at the first check that heard nothing',
    file: 'dist/ticker.ts',
    find: 'if (!heard && this.#lastHeard === check)',
    replace: 'if (!heard)',
    caughtBy: 'theFrozenAreNotGivenUp',
  },
  {
    bug: 'no ticks on a quiet link',
    file: 'dist/ticker.ts',
    find: "return silent || (this.#hidden && !heard) ? 'tick' : 'nothing';",
    replace: "return 'nothing';",
    caughtBy: 'theFrozenAreNotGivenUp',
  },
  {
    bug: 'any digest proves the cookie',
    file: 'handshake/digest.ts',
    find: 'return a.length === b.length && timingSafeEqual(a, b);',
    replace: 'return a.length === b.length;',
    caughtBy: 'strangersStayOut',
  },
  {
    bug: 'plain heartbeats are taken where a secret is set',
    file: 'gossip/encrypted.ts',
    find: "if (hasPrelude(datagram)) return { ignored: 'unencrypted' };",
    replace: 'if (hasPrelude(datagram)) return decodeHeartbeat(datagram);',
    caughtBy: 'strangersStayOut',
  },
  {
    bug: 'sealed datagrams are taken again',
    file: 'gossip/freshness.ts',
    find: "if (bit === 0 || creation !== sender.creation || (sender.taken & bit) !== 0) return 'replayed';",
    replace: '',
    caughtBy: 'replaysChangeNothing',
  },
  {
    bug: 'one message in fifty is lost',
    file: 'kernel/inbound.ts',
    find: 'else this.#processes.deliver(to, message);',
    replace: 'else if (this.received % 50 !== 0) this.#processes.deliver(to, message);',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'one message in fifty comes twice',
    file: 'kernel/inbound.ts',
    find: 'else this.#processes.deliver(to, message);',
    replace:
      'else { this.#processes.deliver(to, message); if (this.received % 50 === 0) this.#processes.deliver(to, message); }',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'one message in fifty is overtaken by the next',
    file: 'kernel/inbound.ts',
    find: 'else this.#processes.deliver(to, message);',
    replace:
      'else { const late = (this as unknown as { late?: () => void }).late; if (this.received % 50 === 0) { (this as unknown as { late: () => void }).late = () => this.#processes.deliver(to, message); return; } this.#processes.deliver(to, message); if (late) { (this as unknown as { late?: () => void }).late = undefined; late(); } }',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'a lost connection tells no monitor',
    file: 'process/signals.ts',
    find: 'watcher.post(new Down(monitor.ref, monitor.by, NOCONNECTION));',
    replace: '',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'a process that ends tells its monitors twice',
    file: 'process/signals.ts',
    find: 'if (watcher.state !== DEAD) watcher.post(new Down(ref, monitor.by, reason));',
    replace:
      'for (let twice = 0; twice < 2; twice++) if (watcher.state !== DEAD) watcher.post(new Down(ref, monitor.by, reason));',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'watchers on a lost node stay on the books',
    file: 'process/signals.ts',
    find: 'for (const monitor of ties.watchers.values()) leaveWatcher(monitor.target as Process, monitor);',
    replace: '',
    caughtBy: 'promisesAreKept',
    seeds: 30,
  },
  {
    bug: 'a transient child that was killed is not started again',
    file: 'actor/supervision.ts',
    find: "(restart === 'transient' && !isCleanExit(reason))",
    replace: 'false',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'a link that was replaced stays open',
    file: 'kernel/connections.ts',
    find: "old?.close(undefined, 'replaced');",
    replace: '',
    caughtBy: 'membershipConverges',
  },
  {
    bug: 'heartbeats ten times as often',
    file: 'gossip/machine.ts',
    find: 'export const MAX_HEARTBEAT_PAUSE_MS = 5_000;',
    replace: 'export const MAX_HEARTBEAT_PAUSE_MS = 500;',
    caughtBy: 'costsAreBounded',
    seeds: 1,
  },
  {
    bug: 'what was heard is kept for ever',
    file: 'discovery/gossip.ts',
    find: '  #hear(datagram: Uint8Array, from: RemoteInfo): void {',
    replace: `  readonly #told: Uint8Array[] = [];
  #hear(datagram: Uint8Array, from: RemoteInfo): void {
    this.#told.push(Uint8Array.from(datagram));`,
    caughtBy: 'costsAreBounded',
    seeds: 1,
  },
  {
    bug: 'of two that dial each other at once both give way',
    file: 'kernel/connections.ts',
    find: "if (peerName < own) return 'nok';",
    replace: '',
    caughtBy: 'callsThatCrossMeet',
  },
  {
    bug: 'of two that dial each other at once neither gives way',
    file: 'kernel/connections.ts',
    find: "if (peerName < own) return 'nok';",
    replace: "return 'nok';",
    caughtBy: 'callsThatCrossMeet',
  },
  {
    bug: 'a temporary child is started again with its siblings',
    file: 'actor/supervision.ts',
    find: "if (other.spec.restart === 'temporary') {",
    replace: 'if (false) {',
    caughtBy: 'promisesAreKept',
  },
  {
    bug: 'when two parts meet, each keeps its holder of a name',
    file: 'registry/global/joins.ts',
    find: 'if (entry !== undefined && entry.pid !== pid)',
    replace: 'if (false)',
    caughtBy: 'namesAndGroupsAgree',
  },
  {
    bug: 'when two parts meet, both of them decide who loses a name',
    file: 'registry/global/joins.ts',
    find: 'const isOurs = compareTerms(atom(members.self), atom(join.node)) < 0;',
    replace: 'const isOurs = true;',
    caughtBy: 'namesAndGroupsAgree',
  },
  {
    bug: 'the name of a process that is gone stays',
    file: 'registry/global/replica.ts',
    find: 'for (const { name } of [...this.#table.of(pid)]) this.delete(name);',
    replace: '',
    caughtBy: 'namesAndGroupsAgree',
  },
  {
    bug: 'the members of a lost node stay in their groups',
    file: 'registry/groups/scope-machine.ts',
    find: 'for (const [group, members] of [...peer.groups]) this.#remoteLeave(peer, group, members.toArray());',
    replace: '',
    caughtBy: 'namesAndGroupsAgree',
  },
  {
    bug: 'other nodes are not told that a member has ended',
    file: 'registry/groups/scope-machine.ts',
    find: 'this.#tellPeers((self) => [leaveMessage(self, [pid], terms)]);',
    replace: '',
    caughtBy: 'namesAndGroupsAgree',
  },
];
