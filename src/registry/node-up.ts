import type { NodeUp } from '../process/system-messages.ts';

/** Whether the node that came up is one that takes part in names and groups. */
export function isVisible({ info }: NodeUp): boolean {
  return (info as { readonly hidden?: boolean } | undefined)?.hidden !== true;
}
