import { actor } from '../actor/actor.ts';
import { LOG_AREAS, type LogArea } from '../env/log.ts';
import { Atom, atom } from '../term/atom.ts';
import { inspectTerm } from '../term/print.ts';
import { tuple } from '../term/tuple.ts';

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
  /** Switches debug lines, at run time. */
  debug(area: LogArea, on: boolean): void;
}

const OK = atom('ok');

/**
 * What other nodes may ask of this one, and the only things they may switch: the methods of the process `beamish`,
 * which Beamish nodes and the command line call, and the functions of the module `beamish`, for `rpc:call` of a BEAM.
 */
export function remoteView(view: NodeView) {
  return {
    nodes: () => view.nodes(),
    registered: () => view.registered(),
    info: () => view.info(),
    /** `ok`, or `{error, Text}` for an area or a switch that there is none. */
    debug: (area: unknown, on: unknown) => {
      const name = area instanceof Atom ? area.name : area;
      const known = LOG_AREAS.find((candidate) => candidate === name);
      if (known === undefined || typeof on !== 'boolean')
        return tuple(
          atom('error'),
          `expected an area (${LOG_AREAS.join(', ')}) and true or false, got ${inspectTerm(area)} and ${inspectTerm(on)}`,
        );
      view.debug(known, on);
      return OK;
    },
  };
}

/** The process that Beamish nodes and the command line ask about a node. */
export const beamishProcess = actor('beamish', (_self, view: NodeView) => remoteView(view));
