import type { AnyActorLogic, Snapshot, SnapshotFrom } from 'xstate';
import { reasonOf } from '../process/reasons.ts';

/** What `snapshot()` answers: the parts of XState's snapshot that are data. Parts that are undefined are left out. */
export type StatechartSnapshot<Logic extends AnyActorLogic = AnyActorLogic> = Readonly<
  Pick<
    SnapshotFrom<Logic>,
    Extract<keyof SnapshotFrom<Logic>, 'status' | 'value' | 'context' | 'output' | 'error'>
  >
> &
  ('tags' extends keyof SnapshotFrom<Logic> ? { readonly tags: readonly string[] } : unknown);

/** References inside a context or output deeper than this are left to the encoder to refuse. */
const MAX_DEPTH = 64;

/**
 * XState's snapshot as plain data: `status`; of a machine `value`, `tags` and `context`; of promises the `output`; of
 * transitions and observables the `context`. References to XState actors become what their `toJSON` says, their id. All
 * the rest stays as it is, shared and not copied.
 */
export function snapshotData(snapshot: Snapshot<unknown>): Readonly<Record<string, unknown>> {
  const { status, error } = snapshot;
  const { value, tags, context, output } = snapshot as {
    readonly value?: unknown;
    readonly tags?: unknown;
    readonly context?: unknown;
    readonly output?: unknown;
  };
  return {
    status,
    ...(value === undefined ? {} : { value }),
    ...(tags instanceof Set ? { tags: [...tags] } : {}),
    ...(context === undefined ? {} : { context: withoutRefs(context, 0) }),
    ...(output === undefined ? {} : { output: withoutRefs(output, 0) }),
    ...(error === undefined ? {} : { error: reasonOf(error) }),
  };
}

/** Copies only what holds a reference. */
function withoutRefs(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i += 1) {
      const item = withoutRefs(value[i], depth + 1);
      if (item === value[i]) continue;
      copy ??= [...value];
      copy[i] = item;
    }
    return copy ?? value;
  }
  if (isActorRef(value)) return value.toJSON();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const plain = withoutRefs(item, depth + 1);
    if (plain === item) continue;
    copy ??= { ...value };
    copy[key] = plain;
  }
  return copy ?? value;
}

function isActorRef(value: object): value is { toJSON(): unknown } {
  const ref = value as { sessionId?: unknown; getSnapshot?: unknown; toJSON?: unknown };
  return (
    typeof ref.sessionId === 'string' &&
    typeof ref.getSnapshot === 'function' &&
    typeof ref.toJSON === 'function'
  );
}
