import { actor } from '../actor/actor.ts';
import { atom } from '../term/atom.ts';

const YES = atom('yes');

/** Answers `net_adm:ping/1`: who asks has proven the cookie already. */
export const netKernel = actor('net_kernel', () => ({
  is_auth: (_node: unknown) => YES,
}));

/** What the process `beamish` tells other nodes of this one. */
export interface NodeView {
  /** Names of the connected nodes. */
  nodes(): string[];
  /** Local names. */
  registered(): string[];
  info(): unknown;
}

/**
 * The process that Beamish nodes and the command line ask about a node. Messages of peers that introduce themselves
 * are taken note of; a BEAM has no process of this name and drops them.
 */
export const beamishProcess = actor('beamish', (_self, view: NodeView) => ({
  nodes: () => view.nodes(),
  registered: () => view.registered(),
  info: () => view.info(),
}));
