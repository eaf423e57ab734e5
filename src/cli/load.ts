import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Node, NodeOptions } from '../index.ts';
import { UsageError } from './usage-error.ts';

/** An actor, of whatever arguments and handlers. */
export type AnyActor = NonNullable<NodeOptions['actors']>[number];

/** What a loaded module brings: actors to make spawnable, and what to run once the node is up. */
export interface LoadedModule {
  readonly file: string;
  readonly actors: readonly AnyActor[];
  readonly setup: ((node: Node) => unknown) | undefined;
}

/**
 * Imports a module for `start --load`. Its actors may be any of its exports, the default one included; a default
 * export that is a function gets the node. A module with neither is refused: it is probably the wrong file.
 */
export async function loadModule(file: string): Promise<LoadedModule> {
  const exports = await importFile(file);
  const actors = [...new Set(Object.values(exports).filter(isActor))];
  const setup =
    typeof exports.default === 'function' ? (exports.default as (node: Node) => unknown) : undefined;
  if (actors.length === 0 && setup === undefined) {
    throw new UsageError(`${file} exports neither a default function (node) => … nor an actor()`);
  }
  return { file, actors, setup };
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts$/.test(file)) {
      throw new UsageError(
        `cannot load ${file}: Node.js ${process.versions.node} does not read TypeScript; ` +
          'use 22.18 or later, set NODE_OPTIONS="--import tsx", or give the compiled file',
      );
    }
    if (code === 'ERR_MODULE_NOT_FOUND' && String((error as Error).message).includes(resolve(file))) {
      throw new UsageError(`cannot load ${file}: there is no such file`);
    }
    throw new Error(`cannot load ${file}`, { cause: error });
  }
}

/** Whether a value was made by `actor()`, also by another copy of this library: told by its shape, not its class. */
function isActor(value: unknown): value is AnyActor {
  if (typeof value !== 'object' || value === null) return false;
  const { name, behave } = value as { name?: unknown; behave?: unknown };
  return typeof name === 'string' && typeof behave === 'function';
}
