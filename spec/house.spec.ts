/**
 * The house rules, read off the source text: who may import whom (STYLE, section 1), that the outside world is
 * named in `platform/` alone, and which names users can see.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SRC = join(ROOT, 'src');

/** Rooms by floor. A room may import itself and lower floors, except where `ALSO` says more. */
const FLOORS: readonly (readonly string[])[] = [
  ['errors.ts', 'option-checks.ts', 'env', 'telemetry'],
  ['term', 'codec'],
  ['payload'],
  ['epmd', 'gossip', 'handshake', 'dist', 'process'],
  ['connection', 'discovery', 'actor'],
  ['kernel', 'registry'],
  ['node.ts', 'rooms.ts', 'node-events.ts', 'options.ts', 'platform', 'testing'],
  ['index.ts'],
  ['cli', 'dashboard'],
];

/** Neighbours that may be used although they live on the same floor. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  // Terms are made of bytes; limits and events may throw and name the errors; the log tells of events.
  term: ['codec'],
  'option-checks.ts': ['errors.ts'],
  env: ['errors.ts'],
  telemetry: ['errors.ts', 'env'],
  'node.ts': ['options.ts', 'platform', 'rooms.ts', 'node-events.ts'],
  'rooms.ts': ['options.ts', 'node-events.ts'],
  // A simulation runs whole nodes; nothing in the house imports it. Whose a rejected promise is, only the platform knows.
  testing: ['node.ts', 'options.ts', 'index.ts', 'platform'],
};

/** Rooms that see less than the floors below them. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  platform: ['errors.ts', 'env'],
  cli: ['index.ts'],
  dashboard: ['index.ts'],
};

/** Rooms that may touch the outside world: the one that implements it, and the guests. */
const OUTSIDE = ['platform', 'cli', 'dashboard'];

/**
 * Files that may, each for one purpose: to watch what leaves a simulation, to tell how it is run again, to write its
 * report, and to find the library that draws test data where there is one.
 */
const OUTSIDE_FILES = [
  'testing/escapes.ts',
  'testing/replay.ts',
  'testing/report.ts',
  'testing/arbitrary/library.ts',
];

const OUTSIDE_MODULES = [
  'net',
  'dgram',
  'dns',
  'dns/promises',
  'timers',
  'timers/promises',
  'fs',
  'fs/promises',
  'os',
  'tls',
  'http',
  'child_process',
  'worker_threads',
  'perf_hooks',
];

/** Names of the outside world that need no import; declaring a method of that name (as a clock does) is no use of it. */
const OUTSIDE_NAMES: readonly (readonly [name: string, use: RegExp])[] = [
  ['Date.now', /\bDate\.now\b/],
  ['new Date()', /\bnew Date\(\s*\)/],
  ['Math.random', /\bMath\.random\b/],
  ['setTimeout', /(?<![.\w])(?:globalThis\.)?setTimeout\s*\((?!\s*\w+\s*:)/],
  ['setInterval', /(?<![.\w])(?:globalThis\.)?setInterval\s*\((?!\s*\w+\s*:)/],
  ['setImmediate', /(?<![.\w])(?:globalThis\.)?setImmediate\s*\((?!\s*\w+\s*:)/],
  ['performance.now', /\bperformance\.now\b/],
  // A variable of that name is one of our own processes; what it has in common with the platform's is not called.
  [
    'process.env and its kind',
    /(?<![.\w])process\.(?:env|argv|hrtime|stdin|stdout|stderr|nextTick|memoryUsage)\b/,
  ],
  ['process.exit() and its kind', /(?<![.\w])process\.(?:exit|kill|on|once|cwd|uptime)\s*\(/],
  ['console', /(?<![.\w])console\.\w+\s*\(/],
  ['crypto.getRandomValues', /\b(?:getRandomValues|randomBytes|randomUUID|randomInt|randomFillSync)\b/],
];

/** Comments, quoted strings, templates, and regular expressions where one can stand: whatever may hide a word. */
const TOKEN =
  /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|(`(?:\\.|[^`\\])*`)|(\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\/[dgimsuvy]*(?=\s*[.,;)\]]))/g;

interface Source {
  /** Path below src, with forward slashes: `term/atom.ts`. */
  readonly path: string;
  readonly room: string;
  /** Without comments; strings stay. */
  readonly code: string;
  readonly imports: readonly string[];
  /** Those that are still there at run time. */
  readonly valueImports: readonly string[];
}

const sources = readSources();
const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room));

describe('the house', () => {
  it('has no room that the plan does not know', () => {
    const rooms = new Set(sources.map((source) => source.room));
    expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([]);
  });

  it('imports look down', () => {
    const wrong: string[] = [];
    for (const { path, room, imports } of sources) {
      for (const target of imports.map(roomOf)) {
        if (target === room) continue;
        const only = ONLY[room];
        const allowed =
          ALSO[room]?.includes(target) === true ||
          (only !== undefined ? only.includes(target) : floorOf(target) < floorOf(room));
        if (!allowed) wrong.push(`${path} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no circles: of files by what runs, of rooms not even by types', () => {
    const files = new Map(sources.map(({ path, valueImports }) => [path, valueImports]));
    expect(findCircle(files)).toEqual([]);
    const rooms = new Map<string, string[]>();
    for (const { room, imports } of sources) {
      const others = imports.map(roomOf).filter((target) => target !== room);
      rooms.set(room, [...(rooms.get(room) ?? []), ...others]);
    }
    expect(findCircle(rooms)).toEqual([]);
  });

  it('imports files by their whole name, and files that exist', () => {
    const wrong: string[] = [];
    for (const { path, code } of sources) {
      for (const specifier of specifiers(code)) {
        if (!specifier.startsWith('.')) continue;
        const target = resolve(path, specifier);
        if (!specifier.endsWith('.ts') || !existsSync(join(SRC, target))) wrong.push(`${path}: ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('names the outside world in platform/ alone, guests excepted', () => {
    const wrong: string[] = [];
    for (const { path, room, code } of sources) {
      if (OUTSIDE.includes(room) || OUTSIDE_FILES.includes(path)) continue;
      for (const specifier of specifiers(code)) {
        if (OUTSIDE_MODULES.includes(specifier.replace(/^node:/, '')))
          wrong.push(`${path} imports ${specifier}`);
      }
      const bare = withoutStrings(code);
      for (const [name, use] of OUTSIDE_NAMES) if (use.test(bare)) wrong.push(`${path} uses ${name}`);
    }
    expect(wrong).toEqual([]);
  });

  it('depends on the three packages it says, and on nothing else', () => {
    const manifest = readManifest();
    const known = Object.keys(manifest.dependencies ?? {});
    const wrong: string[] = [];
    for (const { path, room, code } of sources) {
      for (const specifier of specifiers(code)) {
        if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        // What draws test data is found at run time, where it is installed; its types name it.
        if (path === 'testing/arbitrary/library.ts' && Object.hasOwn(manifest.peerDependencies ?? {}, name))
          continue;
        if (!known.includes(name)) wrong.push(`${path} imports ${specifier}`);
        const core = ['@msgpack/msgpack', 'tweetnacl', 'xstate'];
        if (!OUTSIDE.includes(room) && !core.includes(name)) wrong.push(`${path} imports ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the front door', () => {
  it('lists these names', async () => {
    const index = await import('../src/index.ts');
    expect(Object.keys(index).sort()).toMatchSnapshot();
    expect(typesOf('index.ts')).toMatchSnapshot();
  });

  it('lists names one by one', () => {
    const starred = ['index.ts', 'testing/index.ts'].filter((path) =>
      /export\s+(?:type\s+)?\*/.test(sources.find((source) => source.path === path)?.code ?? ''),
    );
    expect(starred).toEqual([]);
  });

  it('has a second entry for simulations, with these names', async () => {
    const testing = await import('../src/testing/index.ts');
    expect(Object.keys(testing).sort()).toMatchSnapshot();
    expect(typesOf('testing/index.ts')).toMatchSnapshot();
  });

  it('is built from a source that exists, types included', () => {
    const manifest = readManifest();
    const built = [
      ...Object.values(manifest.exports).flatMap((entry) =>
        typeof entry === 'string' ? [entry] : Object.values(entry),
      ),
      ...Object.values(manifest.bin),
    ].filter((file) => file !== './package.json');
    const missing = built.filter((file) => {
      const source = file.replace(/^(?:\.\/)?dist\//, '').replace(/(?:\.d\.ts|\.js)$/, '.ts');
      return !/^(?:\.\/)?dist\//.test(file) || !existsSync(join(SRC, source));
    });
    expect(missing).toEqual([]);
    expect(manifest.files).toContain('dist');
  });
});

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
}

function readSources(): readonly Source[] {
  return (readdirSync(SRC, { recursive: true }) as string[])
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .sort()
    .map((path) => {
      const code = withoutComments(readFileSync(join(SRC, path), 'utf8'));
      const local = (text: string) =>
        specifiers(text)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => resolve(path, specifier));
      const imports = local(code);
      const valueImports = local(code.replace(/^\s*(?:import|export)\s+type\b[^;]*;/gm, ''));
      return { path, room: roomOf(path), code, imports, valueImports };
    });
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function resolve(from: string, specifier: string): string {
  return normalize(join(dirname(from), specifier))
    .split(sep)
    .join('/');
}

/** What `import`, `export … from`, `import()` and `import type` name. */
function specifiers(code: string): readonly string[] {
  const found: string[] = [];
  for (const match of code.matchAll(/^\s*(?:import|export)\b[^'"`;()=]*\bfrom\s*(['"])([^'"\n]+)\1/gm)) {
    found.push(match[2] as string);
  }
  for (const match of code.matchAll(/\bimport\s*\(?\s*(['"])([^'"\n]+)\1/g)) found.push(match[2] as string);
  return found;
}

/** Types that a file exports by list, which leave no trace at run time. */
function typesOf(path: string): readonly string[] {
  const code = sources.find((source) => source.path === path)?.code ?? '';
  const names: string[] = [];
  for (const match of code.matchAll(/export\s+type\s*\{([^}]*)\}/g)) {
    for (const name of (match[1] as string).split(',')) names.push(name.trim().replace(/^.*\sas\s+/, ''));
  }
  for (const match of code.matchAll(/export\s+\{([^}]*)\}/g)) {
    for (const name of (match[1] as string).split(',')) {
      const listed = /^type\s+(.*)$/.exec(name.trim());
      if (listed !== null) names.push((listed[1] as string).replace(/^.*\sas\s+/, ''));
    }
  }
  for (const match of code.matchAll(/export\s+(?:interface|type)\s+(\w+)/g)) names.push(match[1] as string);
  return names.filter((name) => name !== '').sort();
}

function withoutComments(code: string): string {
  return code.replace(TOKEN, (all, comment: string | undefined) => (comment === undefined ? all : ' '));
}

/** Quoted text out; templates stay, since code may stand in them. */
function withoutStrings(code: string): string {
  return code.replace(
    TOKEN,
    (all, _comment, quoted: string | undefined, _template, regex: string | undefined) =>
      quoted !== undefined || regex !== undefined ? "''" : all,
  );
}

/** The members of one circle, or nothing. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): readonly string[] => {
    const at = path.indexOf(name);
    if (at >= 0) return [...path.slice(at), name];
    if (done.has(name)) return [];
    path.push(name);
    for (const next of graph.get(name) ?? []) {
      const circle = visit(next);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(name);
    return [];
  };
  for (const name of graph.keys()) {
    const circle = visit(name);
    if (circle.length > 0) return circle;
  }
  return [];
}
