/**
 * What supervisors are put through, here and in OTP (spec/interop/supervisors.spec.ts). A scenario is a supervisor with
 * children and a list of steps:
 *
 *   leave id R      the child ends itself with reason R          kill id       exit/2 with kill
 *   fail id         it cannot start from now on                  mend id       it can again
 *   terminate, restart, delete, start id                         the requests of OTP's supervisor
 *   shutdown        its parent ends the supervisor
 *
 * After each step there is a line: what happened in order (`+id` started, `-id R` told to end or ended with R, `!id` could
 * not start), what a request came to, where every child stands (`same`, `new` process, `down`), whose specs there are, and
 * whether the supervisor lives.
 */
export interface Scenario {
  readonly title: string;
  readonly strategy: 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';
  readonly intensity: number;
  readonly children: readonly ScenarioChild[];
  readonly steps: readonly string[];
}

export interface ScenarioChild {
  readonly id: string;
  readonly restart: 'permanent' | 'transient' | 'temporary';
  readonly shutdown: number | 'brutal_kill' | 'infinity';
  /** `stubborn` does not end when told; `supervisor` has one worker, `<id>_leaf`, and no patience with it. */
  readonly kind: 'worker' | 'stubborn' | 'supervisor';
}

type Restart = ScenarioChild['restart'];

const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one'] as const;
const RESTARTS = ['permanent', 'transient', 'temporary'] as const;
const ENDS = [
  'leave b normal',
  'leave b shutdown',
  'leave b {shutdown,1}',
  'leave b boom',
  'kill b',
] as const;

function one(
  id: string,
  restart: Restart = 'permanent',
  options: Partial<ScenarioChild> = {},
): ScenarioChild {
  return { id, restart, shutdown: 1_000, kind: 'worker', ...options };
}

function scenario(
  strategy: Scenario['strategy'],
  intensity: number,
  children: readonly ScenarioChild[],
  steps: readonly string[],
): Scenario {
  const who = children.map(
    ({ id, restart, kind }) => `${id} ${kind === 'worker' ? '' : `${kind} `}${restart}`,
  );
  return {
    title: `${strategy}, intensity ${intensity}, ${who.join(', ')}: ${steps.join('; ')}`,
    strategy,
    intensity,
    children,
    steps,
  };
}

const permanent = [one('a'), one('b'), one('c')];

/** Every strategy, restart type and end, with what else stands beside it. */
const matrix = STRATEGIES.flatMap((strategy) =>
  RESTARTS.flatMap((restart) =>
    ENDS.map((end) => scenario(strategy, 3, [one('a'), one('b', restart), one('c')], [end])),
  ),
);

const pools = RESTARTS.flatMap((restart) =>
  ENDS.map((end) =>
    scenario('simple_one_for_one', 3, [one('a', restart)], ['start a', 'start b', 'start c', end]),
  ),
);

const mixed = (['one_for_all', 'rest_for_one'] as const).flatMap((strategy) => [
  scenario(
    strategy,
    3,
    [one('a', 'transient'), one('b'), one('c', 'transient')],
    ['leave a normal', 'leave b boom'],
  ),
  scenario(
    strategy,
    3,
    [one('a', 'temporary'), one('b'), one('c', 'temporary')],
    ['leave b boom', 'leave b boom'],
  ),
  scenario(
    strategy,
    3,
    [one('a'), one('b', 'temporary'), one('c')],
    ['leave b boom', 'leave a boom', 'leave c boom'],
  ),
  scenario(strategy, 3, permanent, ['terminate c', 'leave b boom']),
  scenario(strategy, 3, permanent, ['fail c', 'leave b boom']),
]);

export const scenarios: readonly Scenario[] = [
  ...matrix,
  ...pools,
  ...mixed,
  // How often is too often.
  ...STRATEGIES.flatMap((strategy) => [
    scenario(strategy, 0, permanent, ['leave b boom']),
    scenario(strategy, 1, permanent, ['leave b boom', 'leave a boom']),
    scenario(strategy, 2, permanent, ['kill a', 'kill b', 'kill c']),
    scenario(
      strategy,
      0,
      [one('a'), one('b', 'transient'), one('c', 'temporary')],
      ['leave b normal', 'leave c boom', 'leave a normal'],
    ),
    scenario(strategy, 3, permanent, ['shutdown']),
    scenario(strategy, 3, permanent, ['fail b', 'leave b boom']),
  ]),
  scenario('simple_one_for_one', 1, [one('x')], ['start a', 'start b', 'leave a boom', 'leave b boom']),
  scenario('simple_one_for_one', 1, [one('x')], ['shutdown']),
  scenario(
    'simple_one_for_one',
    1,
    [one('x')],
    ['start a', 'restart a', 'delete a', 'restart z', 'delete z'],
  ),
  scenario(
    'simple_one_for_one',
    1,
    [one('x')],
    ['fail a', 'start a', 'mend a', 'start a', 'fail a', 'leave a boom'],
  ),
  // Requests.
  ...STRATEGIES.map((strategy) =>
    scenario(strategy, 3, permanent, [
      'terminate b',
      'terminate b',
      'delete a',
      'restart a',
      'restart b',
      'terminate b',
      'delete b',
      'delete b',
      'restart b',
      'start b',
      'start b',
      'terminate z',
      'leave b boom',
      'fail d',
      'start d',
      'mend d',
      'start d',
      'terminate a',
      'start a',
      'fail a',
      'restart a',
      'shutdown',
    ]),
  ),
  scenario(
    'one_for_one',
    3,
    [one('a', 'temporary'), one('b', 'transient')],
    ['terminate a', 'restart a', 'leave b normal', 'restart b', 'terminate b', 'delete b'],
  ),
  // Ends that take their time, or are given none.
  scenario(
    'one_for_one',
    3,
    [one('a'), one('b', 'permanent', { kind: 'stubborn', shutdown: 30 }), one('c')],
    ['shutdown'],
  ),
  scenario(
    'one_for_all',
    3,
    [one('a'), one('b', 'permanent', { kind: 'stubborn', shutdown: 30 }), one('c')],
    ['leave c boom'],
  ),
  scenario(
    'one_for_all',
    3,
    [one('a', 'permanent', { shutdown: 'brutal_kill' }), one('b'), one('c')],
    ['leave b boom', 'terminate a', 'shutdown'],
  ),
  scenario('rest_for_one', 3, [one('a'), one('b', 'permanent', { shutdown: 'infinity' })], ['leave a boom']),
  // Trees.
  ...RESTARTS.map((restart) =>
    scenario(
      'one_for_one',
      1,
      [one('a'), one('b', restart, { kind: 'supervisor', shutdown: 'infinity' }), one('c')],
      ['leave b_leaf boom', 'kill b_leaf'],
    ),
  ),
  ...STRATEGIES.map((strategy) =>
    scenario(
      strategy,
      3,
      [one('a'), one('b', 'permanent', { kind: 'supervisor', shutdown: 'infinity' }), one('c')],
      ['leave a boom', 'leave b_leaf boom', 'leave c boom', 'shutdown'],
    ),
  ),
];
