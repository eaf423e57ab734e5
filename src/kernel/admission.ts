import type { Random } from '../env/random.ts';
import { isLongName, isNodeName } from '../handshake/name.ts';

/** Creations below 4 have had other meanings. */
const LOWEST_CREATION = 4;

export interface AdmissionOptions {
  /** This node. Its name changes once, when it is given one. */
  readonly self: { readonly name: string };
  readonly longNames: boolean;
  /** Entries of the option `allow`; undefined: everybody. */
  readonly allow: readonly string[] | undefined;
}

/** Who this node has to do with, by name: its own kind of names, and those that the option `allow` lists. */
export class Admission {
  readonly #o: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /** Why this node does not call that one; undefined: it may. */
  refusal(nodeName: string): string | undefined {
    const { self, longNames } = this.#o;
    const { name } = self;
    if (nodeName === name) return `${nodeName} is this node itself`;
    if (!isNodeName(nodeName))
      return `expected a node name "name@host", got ${JSON.stringify(nodeName.slice(0, 260))}`;
    const isLong = isLongName(nodeName);
    if (isLong !== longNames)
      return (
        `${nodeName} has a ${isLong ? 'long' : 'short'} name and this node (${name}) a ` +
        `${longNames ? 'long' : 'short'} one; the two kinds cannot connect`
      );
    if (!this.allows(nodeName)) return `${nodeName} is not in the list of allowed nodes (option allow)`;
    return undefined;
  }

  /**
   * A name for a node that asks for one, as net_kernel invents it: 64 random bits at its host; undefined: it gets none.
   * Names are not given twice, so what was known under one is never taken for another node.
   */
  invent(host: string, random: Random): { readonly name: string; readonly creation: number } | undefined {
    if (!this.allows(host)) return undefined;
    const bits = Buffer.from(random.bytes(8)).readBigUInt64BE();
    const name = `${bits.toString(36).toUpperCase()}@${host}`;
    return isNodeName(name) ? { name, creation: Math.max(random.u32(), LOWEST_CREATION) } : undefined;
  }

  /**
   * Whether the list has a place for this one: an entry is a node's whole name, a host, or a name at any host
   * (`name@`), as in `net_kernel:allow/1`.
   * @param peer a node name, or the host of a node that asks for a name
   */
  allows(peer: string): boolean {
    const { allow } = this.#o;
    if (allow === undefined) return true;
    const at = peer.indexOf('@');
    return allow.some(
      (entry) =>
        entry === peer || entry === peer.slice(at + 1) || (at > 0 && entry === peer.slice(0, at + 1)),
    );
  }
}
