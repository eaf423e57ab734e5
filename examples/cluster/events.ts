/**
 * What the parts of this example say to each other. The parent process and its members talk over Node.js' own child
 * channel; the members talk to each other as Erlang nodes do, and that is what the example shows.
 */

/** First order to a member: who to be. Sent over the channel, so that the cookie is in no process list. */
export interface BeginOrder {
  readonly type: 'begin';
  readonly name: MemberName;
  readonly cookie: string;
  readonly gossipPort: number;
  readonly epmdPort: number;
}

/** Parent to member. */
export type Order =
  | BeginOrder
  | { readonly type: 'say'; readonly id: number; readonly to: MemberName; readonly text: string }
  | { readonly type: 'stop' };

/** Member to parent. `node` is who tells. */
export type MemberEvent =
  | { readonly type: 'up'; readonly node: MemberName }
  | { readonly type: 'nodeup'; readonly node: MemberName; readonly peer: string }
  | { readonly type: 'nodedown'; readonly node: MemberName; readonly peer: string; readonly reason: string }
  | CallEvent
  | { readonly type: 'greeted'; readonly node: MemberName; readonly text: string };

/** A call of an actor on another node, once it has ended. */
export interface CallEvent {
  readonly type: 'called';
  readonly node: MemberName;
  readonly to: MemberName;
  readonly text: string;
  /** What came back, or why nothing did. */
  readonly reply: string;
  readonly ok: boolean;
  readonly tookMs: number;
  /** The order that asked for it; undefined for calls that members make on their own. */
  readonly id?: number;
}

/** All that happens, as the view hears it. */
export type ClusterEvent =
  | MemberEvent
  | { readonly type: 'starting'; readonly node: MemberName; readonly osPid: number }
  /** A text of the user has its answer. */
  | { readonly type: 'answered'; readonly call: CallEvent }
  | { readonly type: 'killed'; readonly node: MemberName }
  | { readonly type: 'gone'; readonly node: MemberName; readonly how: string }
  | { readonly type: 'stderr'; readonly node: MemberName; readonly text: string }
  | { readonly type: 'note'; readonly text: string }
  | {
      readonly type: 'step';
      readonly title: string;
      readonly outcome: 'running' | 'done' | 'failed';
      readonly detail: string;
    };

export const MEMBER_NAMES = ['ada', 'ben', 'cyd'] as const;
export type MemberName = (typeof MEMBER_NAMES)[number];

/** The registered actor that each member keeps, and what it does with text. */
export const SPEAKERS = {
  ada: { actor: 'crier', does: 'shouts text' },
  ben: { actor: 'mirror', does: 'reverses text' },
  cyd: { actor: 'teller', does: 'counts words' },
} as const satisfies Record<MemberName, { actor: string; does: string }>;

export const HOST = '127.0.0.1';

export function nodeName(member: MemberName): string {
  return `${member}@${HOST}`;
}

/** The member of this node name, or undefined for a guest. */
export function memberOf(node: string): MemberName | undefined {
  return MEMBER_NAMES.find((name) => nodeName(name) === node);
}

export function isMemberName(text: string): text is MemberName {
  return (MEMBER_NAMES as readonly string[]).includes(text);
}
