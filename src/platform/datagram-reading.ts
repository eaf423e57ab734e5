import type { Socket } from 'node:dgram';

/** What the platform's handle of a UDP socket offers, as far as it is used here. Zero means success. */
interface Handle {
  recvStart(): number;
  recvStop(): number;
}

/**
 * The handle of an open socket, by which reading is stopped and started. `node:dgram` has no `pause`, and the handle is no
 * documented property: undefined where it is not found (it is in Node.js 20, 22 and 24).
 */
export function readingOf(socket: Socket): Handle | undefined {
  const state = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  if (state === undefined) return undefined;
  const handle = (socket as unknown as Record<symbol, { readonly handle?: Partial<Handle> | null }>)[state]
    ?.handle;
  const isHandle = typeof handle?.recvStart === 'function' && typeof handle.recvStop === 'function';
  return isHandle ? (handle as Handle) : undefined;
}
