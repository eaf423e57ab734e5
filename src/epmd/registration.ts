/**
 * What one node tells the port mapper about itself. The name is the part before the `@` of the node's name,
 * UTF-8 on the wire; the host part is never sent, a port mapper knows its own machine only.
 *
 * @see erl_dist_protocol, EPMD Protocol, Register a Node in EPMD
 */
export interface Registration {
  readonly name: string;
  /** TCP port where the node accepts distribution connections. Kept as it comes, 0 included. */
  readonly port: number;
  /** `NODE_TYPE_NORMAL` or `NODE_TYPE_HIDDEN`. Nodes of OTP 23 to 29 send normal also when they are hidden. */
  readonly nodeType: number;
  /** 0: TCP over IPv4 (or IPv6; nothing distinguishes them). Kept as it comes. */
  readonly protocol: number;
  readonly highestVersion: number;
  readonly lowestVersion: number;
  readonly extra: Uint8Array;
}

export const NODE_TYPE_NORMAL = 77;
export const NODE_TYPE_HIDDEN = 72;
export const PROTOCOL_TCP = 0;
/** Distribution protocol versions that this release speaks: 5 (OTP 5 to 22) and 6 (OTP 23 and later). */
export const HIGHEST_VERSION = 6;
export const LOWEST_VERSION = 5;
/** Port of the port mapper unless `ERL_EPMD_PORT` says otherwise. */
export const EPMD_PORT = 4369;
/** Longest name that can be registered, in bytes. The daemon cannot find a name of exactly this length again. */
export const MAX_NAME_BYTES = 255;
