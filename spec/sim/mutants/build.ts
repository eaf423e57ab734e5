import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Property } from '../properties.ts';
import type { Mutant } from './list.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Below the packages, so that they are found from there. */
const OUT = join(ROOT, 'node_modules', '.cache', 'beamish-mutants');

/** The properties, and the house with one bug in it beneath them; none for comparison. */
export async function propertiesWith(
  mutant: Mutant | undefined,
  id: string,
): Promise<Readonly<Record<string, Property>>> {
  mkdirSync(OUT, { recursive: true });
  const outfile = join(OUT, `${process.pid}-${id}.mjs`);
  let replaced = 0;
  await build({
    entryPoints: [join(ROOT, 'spec/sim/properties.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutant',
        setup({ onLoad }) {
          if (mutant === undefined) return;
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (path !== join(ROOT, 'src', mutant.file)) return undefined;
            const parts = readFileSync(path, 'utf8').split(mutant.find);
            replaced = parts.length - 1;
            return { contents: parts.join(mutant.replace), loader: 'ts' };
          });
        },
      },
    ],
  });
  if (mutant !== undefined && replaced !== 1)
    throw new Error(
      `"${mutant.bug}": expected the text once in src/${mutant.file}, found it ${replaced} times: ${mutant.find}`,
    );
  const module = (await import(pathToFileURL(outfile).href)) as { PROPERTIES: Record<string, Property> };
  return module.PROPERTIES;
}

/** The first seed at which a property fails, with what it said; undefined: the bug was not caught. */
export async function firstFailure(
  property: Property,
  seeds: number,
): Promise<{ readonly seed: number; readonly message: string } | undefined> {
  for (let seed = 1; seed <= seeds; seed++)
    try {
      await property(seed);
    } catch (error) {
      return { seed, message: error instanceof Error ? error.message : String(error) };
    }
  return undefined;
}
