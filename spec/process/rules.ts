/**
 * The rules of the Erlang reference manual on processes, links, monitors and exits (Processes; Links, Monitors and
 * Signals; exit/1,2, link/1, monitor/2, demonitor/2 and process_flag/2 of the module erlang), each as a small program and
 * what comes of it. The same rows run within a node, between nodes of ours, and against a real BEAM both ways; and a
 * real BEAM alone runs them too, so that what stands here is what OTP does, not what we think it does: every row
 * is held against it (spec/interop/signals.spec.ts).
 *
 * The cast: `a` and `c` live `here`, `b` lives `there`. A step is `who op; op; ...`, done in one go, and the next begins
 * when it has reached everybody. Operations: `link x`, `unlink x`, `monitor x`, `monitor name@there`, `demonitor n` and
 * `flush n` (of that process's nth monitor), `trap`, `untrap`, `exit R`, `return`, `signal x R` (exit/2), `send x term`,
 * `send name@there term`, `register name`, `unregister name`, `spawn_link R` and `spawn_monitor R` (a child that ends
 * with R at once), `await n` (leaves n messages in the mailbox). The step `disconnect` loses the link between the nodes,
 * `x heard n` waits until n things have reached x.
 *
 * The outcome: `x ended R` for those that ended, the others live; `x hears ...` for what reached a living one, in order
 * (`hears*`: in any order among its neighbours with a star): `exit who R`, `down n who R`, or a plain message.
 */
export interface Rule {
  readonly title: string;
  readonly steps: readonly string[];
  readonly outcome: readonly string[];
  /** What comes of it where OTP departs from its own rule: both processes on one BEAM. */
  readonly withinBeam?: readonly string[];
  /** Makes no sense when all live on one node. */
  readonly apart?: true;
}

function rule(
  title: string,
  steps: readonly string[],
  outcome: readonly string[],
  options: Pick<Rule, 'apart' | 'withinBeam'> = {},
): Rule {
  return { title, steps, outcome, ...options };
}

const apart = { apart: true } as const;

/** Confirmed by OTP 25 (erts 13), and by any other that the interop suite is run with. */
export const rules: readonly Rule[] = [
  // ---- links
  rule(
    'an exit of one side of a link ends the other with the same reason',
    ['a link b', 'b exit {bad,1}'],
    ['b ended {bad,1}', 'a ended {bad,1}'],
  ),
  rule('a link works both ways', ['a link b', 'a exit shutdown'], ['a ended shutdown', 'b ended shutdown']),
  rule(
    'linking twice makes one link, which one unlink takes away',
    ['a link b', 'a link b', 'a unlink b', 'b exit boom'],
    ['b ended boom'],
  ),
  rule(
    'linking from both sides makes one link, which one unlink takes away',
    ['a link b', 'b link a', 'a unlink b', 'b exit boom'],
    ['b ended boom'],
  ),
  rule(
    'two links from both sides bring one exit',
    ['a trap; link b', 'b link a', 'b exit boom'],
    ['b ended boom', 'a hears exit b boom'],
  ),
  rule('either side may unlink', ['a link b', 'b unlink a', 'b exit boom'], ['b ended boom']),
  rule(
    'an unlink takes the link from both sides',
    ['a link b', 'a unlink b', 'a exit boom'],
    ['a ended boom'],
  ),
  rule(
    'a link that was unlinked can be made again',
    ['a link b; unlink b; link b', 'b exit boom'],
    ['b ended boom', 'a ended boom'],
  ),
  rule(
    'the side that was unlinked can link again',
    ['a link b', 'a unlink b', 'b link a', 'a exit boom'],
    ['a ended boom', 'b ended boom'],
  ),
  rule('unlinking a stranger does nothing', ['a unlink b', 'a send b hello'], ['b hears hello']),
  rule(
    'linking to oneself does nothing',
    ['a link a', 'a trap; link a', 'b exit normal'],
    ['b ended normal'],
  ),
  rule(
    'a link that is made and unlinked at once leaves nothing',
    ['a link b; unlink b', 'b exit boom'],
    ['b ended boom'],
  ),
  rule('a normal exit does not end a linked process', ['a link b', 'b exit normal'], ['b ended normal']),
  rule(
    'a function that returns ends normally',
    ['a link b; monitor b', 'b return'],
    ['b ended normal', 'a hears down 1 b normal'],
  ),
  rule(
    'an exit spreads along a chain of links',
    ['a link b', 'b link c', 'c exit boom'],
    ['a ended boom', 'b ended boom', 'c ended boom'],
  ),
  rule(
    'a trapping process in the middle of a chain stops it',
    ['a link b', 'b trap; link c', 'c exit boom'],
    ['c ended boom', 'b hears exit c boom'],
  ),
  rule(
    'exits go round a ring of links once',
    ['a link b', 'b link c', 'c link a', 'c trap', 'b exit boom'],
    ['b ended boom', 'a ended boom', 'c hears* exit b boom', 'c hears* exit a boom'],
  ),
  rule(
    'a link to a process that is gone ends who does not trap',
    ['b exit normal', 'a link b'],
    ['b ended normal', 'a ended noproc'],
    // There link/1 throws, since it is cheap to know: the reason carries the stack.
    { withinBeam: ['b ended normal', 'a ended {noproc,Stack}'] },
  ),
  rule(
    'a link to a process that is gone is a message to who traps',
    ['b exit boom', 'a trap; link b'],
    ['b ended boom', 'a hears exit b noproc'],
  ),
  rule(
    'a link can be made with a trapping process, which then hears its end',
    ['b trap', 'a link b', 'a exit {why,7}'],
    ['a ended {why,7}', 'b hears exit a {why,7}'],
  ),
  rule(
    'after an exit was trapped the link is gone: nothing more comes',
    ['a trap; link b', 'b exit boom', 'a unlink b', 'a send c done'],
    ['b ended boom', 'a hears exit b boom', 'c hears done'],
  ),

  // ---- trapping
  rule(
    'a trapping process gets a normal exit as a message too',
    ['a trap; link b', 'b exit normal'],
    ['b ended normal', 'a hears exit b normal'],
  ),
  rule(
    'trapping can be switched off again',
    ['a trap; untrap; link b', 'b exit boom'],
    ['b ended boom', 'a ended boom'],
  ),
  rule(
    'trapping matters when the exit comes, not when the link is made',
    ['a link b', 'a trap', 'b exit boom'],
    ['b ended boom', 'a hears exit b boom'],
  ),
  rule(
    'a trapping process ends by its own exit',
    ['a trap; link b', 'a exit boom'],
    ['a ended boom', 'b ended boom'],
  ),

  // ---- exit/2
  rule('exit/2 ends a process that does not trap', ['a signal b boom'], ['b ended boom']),
  rule(
    'exit/2 needs no link, and leaves its sender alone',
    ['a trap; signal b {bad,2}'],
    ['b ended {bad,2}'],
  ),
  rule('exit/2 with normal does nothing to another process', ['a signal b normal'], []),
  rule('exit/2 is a message to a trapping process', ['b trap', 'a signal b boom'], ['b hears exit a boom']),
  rule(
    'exit/2 with normal is a message to a trapping process',
    ['b trap', 'a signal b normal'],
    ['b hears exit a normal'],
  ),
  rule('exit/2 to oneself with normal ends', ['a signal a normal'], ['a ended normal']),
  rule('exit/2 to oneself is a message to who traps', ['a trap; signal a boom'], ['a hears exit a boom']),
  rule('exit/2 to oneself with kill is killed', ['a trap; monitor b; signal a kill'], ['a ended killed']),
  rule(
    'exit/2 to a process that is gone is silent',
    ['b exit normal', 'a trap; signal b boom', 'a send c on'],
    ['b ended normal', 'c hears on'],
  ),
  rule(
    'exit/2 to a linked process that traps leaves the link',
    ['b trap', 'a link b', 'a signal b one', 'a exit two'],
    ['a ended two', 'b hears exit a one', 'b hears exit a two'],
  ),
  rule('exit/2 comes back over the link', ['a link b', 'a signal b boom'], ['b ended boom', 'a ended boom']),
  rule('an unlink does not hold exit/2 up', ['a link b', 'b unlink a', 'a signal b boom'], ['b ended boom']),

  // ---- kill
  rule(
    'kill cannot be trapped, and is told as killed',
    ['b trap', 'c trap; link b', 'a signal b kill'],
    ['b ended killed', 'c hears exit b killed'],
  ),
  rule(
    'killed ends link partners that do not trap',
    ['a link b', 'c signal b kill'],
    ['b ended killed', 'a ended killed'],
  ),
  rule(
    'kill stops at the first that traps',
    ['a trap; link b', 'b link c', 'a signal c kill'],
    ['c ended killed', 'b ended killed', 'a hears exit b killed'],
  ),
  rule(
    'a link partner that ended with kill of its own accord can be trapped',
    ['a trap; link b', 'b exit kill'],
    ['b ended kill', 'a hears exit b kill'],
  ),
  rule(
    'a link partner that ended with kill ends who does not trap with kill',
    ['a link b', 'b exit kill'],
    ['b ended kill', 'a ended kill'],
  ),
  rule(
    'exit/2 with killed is an ordinary reason, which can be trapped',
    ['b trap', 'a signal b killed'],
    ['b hears exit a killed'],
  ),

  // ---- monitors
  rule(
    'a monitor tells a normal end, and leaves the watcher alone',
    ['a monitor b', 'b exit normal'],
    ['b ended normal', 'a hears down 1 b normal'],
  ),
  rule(
    'a monitor tells the reason as it is',
    ['a monitor b', 'b exit {bad,3}'],
    ['b ended {bad,3}', 'a hears down 1 b {bad,3}'],
  ),
  rule(
    'a monitor tells killed',
    ['a monitor b', 'c signal b kill'],
    ['b ended killed', 'a hears down 1 b killed'],
  ),
  rule(
    'a monitor tells kill where the process said so itself',
    ['a monitor b', 'b exit kill'],
    ['b ended kill', 'a hears down 1 b kill'],
  ),
  rule(
    'monitors stack: each brings its own message',
    ['a monitor b; monitor b', 'b exit boom'],
    ['b ended boom', 'a hears* down 1 b boom', 'a hears* down 2 b boom'],
  ),
  rule(
    'a monitor is one-way',
    ['a monitor b', 'a exit boom', 'b send c fine'],
    ['a ended boom', 'c hears fine'],
  ),
  rule(
    'two can watch each other',
    ['a monitor b', 'b monitor a', 'b exit boom'],
    ['b ended boom', 'a hears down 1 b boom'],
  ),
  rule(
    'a monitor of a process that is gone is answered with noproc',
    ['b exit boom', 'a monitor b'],
    ['b ended boom', 'a hears down 1 b noproc'],
  ),
  rule(
    'each monitor of a process that is gone is answered',
    ['b exit boom', 'a monitor b; monitor b'],
    ['b ended boom', 'a hears down 1 b noproc', 'a hears down 2 b noproc'],
  ),
  rule(
    'a monitor of oneself says nothing',
    ['a monitor a', 'a send c on', 'a exit boom'],
    ['a ended boom', 'c hears on'],
  ),
  rule('a monitor taken away says nothing', ['a monitor b; demonitor 1', 'b exit boom'], ['b ended boom']),
  rule(
    'of two monitors the other stays',
    ['a monitor b; monitor b', 'a demonitor 1', 'b exit boom'],
    ['b ended boom', 'a hears down 2 b boom'],
  ),
  rule(
    'a monitor can be taken away twice',
    ['a monitor b; demonitor 1; demonitor 1', 'b exit boom'],
    ['b ended boom'],
  ),
  rule(
    'taking a monitor away leaves the message that has come',
    ['a monitor b; signal b kill; await 1; demonitor 1'],
    ['b ended killed', 'a hears down 1 b killed'],
  ),
  rule(
    'demonitor with flush takes out the message that has come',
    ['a monitor b; signal b kill; await 1; flush 1', 'c send a next'],
    ['b ended killed', 'a hears next'],
  ),
  rule(
    'demonitor with flush takes out its own message only',
    ['a monitor b; monitor b; signal b kill; await 2; flush 1'],
    ['b ended killed', 'a hears down 2 b killed'],
  ),
  rule(
    'a monitor and a link both tell',
    ['a trap; link b; monitor b', 'b exit boom'],
    ['b ended boom', 'a hears* exit b boom', 'a hears* down 1 b boom'],
  ),
  rule(
    'an unlink leaves the monitor, a demonitor the link',
    ['a trap; link b; monitor b', 'a unlink b', 'b exit boom'],
    ['b ended boom', 'a hears down 1 b boom'],
  ),
  rule(
    'a demonitor leaves the link',
    ['a trap; link b; monitor b', 'a demonitor 1', 'b exit boom'],
    ['b ended boom', 'a hears exit b boom'],
  ),

  // ---- names
  rule(
    'a monitor by name tells the name',
    ['b register target', 'a monitor target@there', 'b exit boom'],
    ['b ended boom', 'a hears down 1 target@there boom'],
  ),
  rule(
    'a monitor by name outlives the name',
    ['b register target', 'a monitor target@there', 'b unregister target', 'b exit boom'],
    ['b ended boom', 'a hears down 1 target@there boom'],
  ),
  rule(
    'a monitor by an unknown name is answered with noproc',
    ['a monitor nobody@there'],
    ['a hears down 1 nobody@there noproc'],
  ),
  rule(
    'the end of a process frees its name, and a message to it is lost in silence',
    ['b register target', 'b exit normal', 'a send target@there lost; monitor target@there'],
    ['b ended normal', 'a hears down 1 target@there noproc'],
  ),
  rule(
    'a message finds who holds the name',
    ['b register target', 'a send target@there found'],
    ['b hears found'],
  ),
  rule(
    'monitors by name and by pid tell each in its own way',
    ['b register target', 'a monitor b; monitor target@there', 'b exit boom'],
    ['b ended boom', 'a hears* down 1 b boom', 'a hears* down 2 target@there boom'],
  ),

  // ---- starting
  rule(
    'a child that was linked from the start cannot be missed',
    ['a trap; spawn_link boom'],
    ['a hears exit child boom'],
  ),
  rule('a child that was linked takes along who does not trap', ['a spawn_link boom'], ['a ended boom']),
  rule(
    'a child that was watched from the start cannot be missed',
    ['a spawn_monitor boom'],
    ['a hears down 1 child boom'],
  ),

  // ---- order
  rule(
    'messages and signals of one sender arrive in the order of sending',
    ['b trap', 'a send b one; send b two; signal b between; send b three; signal b last; send b four'],
    [
      'b hears one',
      'b hears two',
      'b hears exit a between',
      'b hears three',
      'b hears exit a last',
      'b hears four',
    ],
  ),
  rule(
    'what a process sent before it ended arrives before its end is told',
    ['b trap; link a; monitor a', 'a send b one; send b two; exit boom'],
    ['a ended boom', 'b hears one', 'b hears two', 'b hears* exit a boom', 'b hears* down 1 a boom'],
  ),
  rule(
    'a message by name and one by pid keep their order',
    ['b register target', 'a send b one; send target@there two; send b three'],
    ['b hears one', 'b hears two', 'b hears three'],
  ),
  rule(
    'an exit signal overtakes no message, nor does a link made before',
    ['b trap', 'a link b; send b one; exit boom'],
    ['a ended boom', 'b hears one', 'b hears exit a boom'],
  ),
  rule(
    'sending to a process that is gone is silent',
    ['b exit normal', 'a send b hello; unlink b', 'c send a on'],
    ['b ended normal', 'a hears on'],
  ),

  // ---- lost connections
  rule(
    'a lost connection ends a link with noconnection',
    ['a trap; link b', 'disconnect'],
    ['a hears exit b noconnection', 'b ended noconnection'],
    apart,
  ),
  rule(
    'a lost connection tells both sides of a link',
    ['a trap; link b', 'b trap', 'disconnect'],
    ['a hears exit b noconnection', 'b hears exit a noconnection'],
    apart,
  ),
  rule(
    'a lost connection tells each monitor once',
    ['a monitor b; monitor b', 'disconnect', 'b exit boom'],
    ['b ended boom', 'a hears* down 1 b noconnection', 'a hears* down 2 b noconnection'],
    apart,
  ),
  rule(
    'a lost connection tells a monitor by name',
    ['b register target', 'a monitor target@there', 'disconnect'],
    ['a hears down 1 target@there noconnection'],
    apart,
  ),
  rule(
    'a lost connection does not touch ties within a node',
    ['a link c; monitor c', 'disconnect', 'a send c on'],
    ['c hears on'],
    apart,
  ),
  rule(
    'what was taken back before is not told',
    ['a trap; link b; monitor b', 'a unlink b; demonitor 1', 'disconnect'],
    [],
    apart,
  ),
  rule(
    'the next signal connects again, and new ties hold',
    [
      'a trap; link b',
      'b trap',
      'disconnect',
      'a heard 1',
      'b heard 1',
      'a link b; monitor b',
      'b exit boom',
    ],
    ['b ended boom', 'a hears exit b noconnection', 'a hears* exit b boom', 'a hears* down 1 b boom'],
    apart,
  ),
];
