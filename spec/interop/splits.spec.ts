/**
 * A cluster of two of ours and two BEAMs on two networks whose cable is pulled and put back at any moment, while names are
 * registered on all of them. By default once, and the cable is put back once everybody has noticed; with BEAMISH_SPLITS so
 * often, and at any moment (BEAMISH_SEED says which). With BEAMISH_SPLITS_CONTROL=1 all four are BEAMs: what OTP does without us.
 */
import { spawn } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Beam, describeBeam, startBeam } from '../support/beam.ts';
import { describeNetns, type Host, type Names, NetLab, type Trunk } from '../support/netns/lab.ts';

const AT_ANY_MOMENT = process.env.BEAMISH_SPLITS !== undefined;
const SPLITS = Number(process.env.BEAMISH_SPLITS ?? 1);
const IS_CONTROL = process.env.BEAMISH_SPLITS_CONTROL === '1';
const EPMD_PORT = 5_369;
const COOKIE = 'netns';
/** Who falls silent is missed within this and a quarter. */
const TICK_SECONDS = 2;
const GOSSIP = { port: 45_893 };

/** Ours, or a BEAM. */
interface Member {
  names(): Promise<Names>;
  /** Gives the name to a new process; false when it was taken. */
  register(name: string): Promise<boolean>;
}

/** Until everybody is everybody's member again, on a loaded machine. */
const WHOLE = { timeout: 30_000, interval: 100 };
/** `global:sync()`, which by itself waits for ever. */
const SYNC = `element(2, {spawn_monitor(fun() -> exit(global:sync()) end),
  receive {'DOWN', _, process, _, Reason} -> Reason after ${WHOLE.timeout} -> never end})`;
/**
 * What OTP's name server has seen since it was asked last, the newest first; before it, between quotes, the names that it has
 * entered for a process of another BEAM while nobody had the lock on names.
 */
const TRACE = (others: string) => `Trace = gen_server:call(global_name_server, high_level_trace_get),
  {_, Late} = lists:foldr(fun
    ({_, _, {ins_lock, _}, _, _}, {Locks, Names}) -> {Locks + 1, Names};
    ({_, _, {rem_lock, _}, _, _}, {Locks, Names}) -> {Locks - 1, Names};
    ({_, _, {ins_name, Node}, _, [Name | _]}, {0, Names}) ->
      case lists:member(Node, [${others}]) of true -> {0, [Name | Names]}; false -> {0, Names} end;
    (_, Counts) -> Counts end, {0, []}, Trace),
  {iolist_to_binary(lists:join($,, Late)), [{Time, What, X} || {_, Time, What, _, X} <- Trace]}`;

/** The names of which the two say different things, and whose they are to each. */
function differences(a: Names, b: Names) {
  return [...new Set([...Object.keys(a.holders), ...Object.keys(b.holders)])]
    .map((name) => ({ name, holders: [a.holders[name], b.holders[name]] }))
    .filter(({ holders: [one, other] }) => one !== other);
}

describeBeam('a mixed cluster', () => {
  describeNetns('on two networks with one cable between them', () => {
    let lab: NetLab;
    let cable: Trunk;
    let host: (side: 0 | 1, number: number) => Host;
    let hosts: Host[];
    let beams: Beam[];
    let members: Member[];
    let names: string[];
    /** Rounds after which two BEAMs, and nobody else, did not agree. */
    const excused: string[] = [];
    const mappers: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      lab = new NetLab();
      const bridges = [lab.bridge('west'), lab.bridge('east')] as const;
      cable = lab.trunk(...bridges);
      host = (side, number) =>
        lab.host(`s${number}`, { bridge: bridges[side], address: `10.79.0.${number}` });
      // The order of names decides who decides: ours is the smallest, a BEAM the greatest.
      const [smallest, greatest] = [host(0, 1), host(1, 4)];
      const middle = [host(0, 2), host(1, 3)];
      hosts = IS_CONTROL ? [] : [smallest, greatest];
      const started = Promise.all(
        hosts.map((one) => one.start('a', { gossip: GOSSIP, netTickTime: TICK_SECONDS * 1_000 })),
      );
      const more = IS_CONTROL ? [startBeamOn(smallest, 'a'), startBeamOn(greatest, 'a')] : [];
      beams = await Promise.all([...middle.map((one) => startBeamOn(one)), ...more]);
      names = await started;
      members = [...hosts, ...beams.map(memberOf)];
      const all = [...names, ...beams.map(({ name }) => name)].map((name) => `'${name}'`);
      await Promise.all(beams.map((beam) => beam.eval(keepConnected(all))));
    });

    afterAll(async () => {
      await Promise.all((beams ?? []).map((beam) => beam.kill()));
      await Promise.all(mappers.map((end) => end()));
      await lab?.close();
    });

    /** What libcluster does for a BEAM: it dials whoever is not there. Nothing in OTP meets again by itself. */
    const keepConnected = (all: readonly string[]) => `spawn(fun() ->
      (fun Again() ->
        [net_kernel:connect_node(Node) || Node <- [${all}] -- [node() | nodes()]],
        timer:sleep(200), Again()
      end)() end)`;

    /** A BEAM, and a port mapper for it, on that host. */
    async function startBeamOn(host: Host, alive = 'b'): Promise<Beam> {
      const { namespace, address } = host;
      const mapper = spawn('ip', ['netns', 'exec', namespace, 'epmd', '-port', String(EPMD_PORT)], {
        stdio: 'ignore',
      });
      const ended = new Promise<void>((resolve) => mapper.once('close', () => resolve()));
      mappers.push(() => {
        mapper.kill('SIGKILL');
        return ended;
      });
      for (let attempt = 0; ; attempt++) {
        try {
          return await startBeam({
            name: `${alive}@${address}`,
            cookie: COOKIE,
            epmdPort: EPMD_PORT,
            namespace,
            listen: '{0,0,0,0}',
            variables: { GLOBAL_HIGH_LEVEL_TRACE: 'TRUE' },
            flags: ['-kernel', 'net_ticktime', String(TICK_SECONDS), 'net_setuptime', '2'],
          });
        } catch (error) {
          // The port mapper was not up yet.
          if (attempt === 3) throw error;
        }
      }
    }

    async function ofBeam(beam: Beam): Promise<Names> {
      const text =
        await beam.eval(`L = fun(X) -> "\\"" ++ X ++ "\\"" end, J = fun(Xs) -> lists:join(",", Xs) end,
        N = fun(A) -> L(atom_to_list(A)) end,
        iolist_to_binary(["{\\"members\\":[", J([N(X) || X <- gen_server:call(global_name_server, get_known)]), "],\\"holders\\":{",
          J([[L(binary_to_list(X)), ":", N(node(global:whereis_name(X)))] || X <- global:registered_names(), global:whereis_name(X) =/= undefined]), "}}"])`);
      return JSON.parse(JSON.parse(text.slice(2, -2)));
    }

    const registerThere = (beam: Beam, name: string) =>
      beam.eval(`global:register_name(<<"${name}">>, spawn(fun() -> receive stop -> ok end end))`);

    const memberOf = (beam: Beam): Member => ({
      names: () => ofBeam(beam),
      register: async (name) => (await registerThere(beam, name)) === 'yes',
    });

    const tables = (): Promise<Names[]> => Promise.all(members.map((member) => member.names()));

    /** Everybody is everybody's member. */
    async function whole(): Promise<void> {
      await expect
        .poll(async () => (await tables()).map(({ members }) => members.length), WHOLE)
        .toEqual([3, 3, 3, 3]);
      expect(await Promise.all(beams.map((beam) => beam.eval(SYNC)))).toEqual(beams.map(() => 'ok'));
    }

    /** Two and two. */
    async function parted(): Promise<void> {
      await expect
        .poll(async () => (await tables()).map(({ members }) => members.length), WHOLE)
        .toEqual([1, 1, 1, 1]);
    }

    /** What all four know of names, once it is the same. */
    async function agreed(): Promise<Names['holders']> {
      let holders: Names['holders'] = {};
      await expect
        .poll(async () => {
          const all = (await tables()).map((one) => JSON.stringify(Object.entries(one.holders).sort()));
          holders = Object.fromEntries(JSON.parse(all[0]!));
          return new Set(all).size;
        }, WHOLE)
        .toBe(1);
      return holders;
    }

    const otherBeams = (beam: Beam | undefined): string[] =>
      beam === undefined ? [] : beams.filter((one) => one !== beam).map(({ name }) => name);

    const trace = (beam: Beam): Promise<string> =>
      beam.eval(
        TRACE(
          otherBeams(beam)
            .map((name) => `'${name}'`)
            .join(),
        ),
      );

    /**
     * Whatever is missing or different anywhere is one BEAM's view of another BEAM.
     * @param late - for each BEAM the names that it gave to another BEAM without a lock
     */
    function isBetweenBeams(all: readonly Names[], late: readonly (readonly string[])[]): boolean {
      const everybody = [...names, ...beams.map(({ name }) => name)];
      const ours = all.slice(0, hosts.length);
      return all.every((table, i) => {
        const others = otherBeams(beams[i - hosts.length]);
        const isOthers = (node: string | undefined): boolean => node !== undefined && others.includes(node);
        const missing = everybody.filter((name) => name !== everybody[i] && !table.members.includes(name));
        const different = ours.flatMap((one) => differences(one, table));
        return (
          missing.every(isOthers) &&
          different.every(
            ({ name, holders }) => holders.some(isOthers) || late[i - hosts.length]?.includes(name) === true,
          )
        );
      });
    }

    /**
     * What all know of names, once it is the same. OTP 25's BEAMs do not always come to that, also without any node of ours
     * (BEAMISH_SPLITS_CONTROL=1: in three of 130 rounds), for two reasons that its name servers' traces show (global.erl):
     *
     * - A registration under way when the cable is pulled waits for the next connection (gen_server:multi_call), and is entered
     *   there though nobody has the lock any more (lock_still_set): one member takes the name from its holder, another not. The
     *   trace shows it, so that a name of ours that a BEAM has lost to another BEAM's late registration is told from others.
     * - An `in_sync` that waits for a connection (sync_other) reaches a member that has forgotten its sender by then, and ends the
     *   join that the two have just begun (cancel_locker, reset_node_state): one of them does not know the other then.
     *
     * So where one BEAM lacks or has something of another so, and nothing else is different anywhere, the two are parted once
     * more. How often that may be, is limited.
     */
    async function settled(plan: string): Promise<Names['holders']> {
      for (;;) {
        try {
          await whole();
          return await agreed();
        } catch (error) {
          const all = await tables();
          const told = [plan, (error as Error).message, ...all.map((one) => JSON.stringify(one))];
          const traces = await Promise.all(beams.map(trace));
          told.push(...beams.map(({ name, output }, i) => `${name} ${traces[i]}\n${output}`));
          const late = traces.map((one) => (/^{<<"([^"]*)/.exec(one)?.[1] ?? '').split(','));
          const text = told.join('\n');
          if (!AT_ANY_MOMENT || !isBetweenBeams(all, late)) throw new Error(text, { cause: error });
          console.warn(`Two BEAMs do not agree, and are parted: ${text}`);
          excused.push(plan);
          for (const { name } of beams.slice(1)) await beams[0]!.eval(`erlang:disconnect_node('${name}')`);
        }
      }
    }

    const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

    /** The same name servers as ever, nothing of theirs has crashed, and nobody has a lock. */
    async function nothingLeft(): Promise<void> {
      for (const beam of beams) {
        expect(beam.output).not.toMatch(/CRASH REPORT|SUPERVISOR REPORT|Error in process/);
        await expect.poll(() => beam.eval('ets:tab2list(global_locks)'), WHOLE).toBe('[]');
      }
    }

    it(
      `agrees on every name after ${SPLITS} splits`,
      async () => {
        const silenceMs = TICK_SECONDS * 1_250;
        // From before anybody has noticed until long after.
        const moment = fc.integer({ min: 0, max: 2 * silenceMs });
        await whole();
        const plans = fc.sample(fc.tuple(moment, fc.tuple(moment, moment, moment, moment)), SPLITS);
        for (const [round, [healMs, registerMs]] of plans.entries()) {
          const name = `round${round}`;
          const plan = `${name}: healed after ${healMs} ms, registered after ${registerMs.join(', ')} ms`;
          if (AT_ANY_MOMENT) await Promise.all(beams.map(trace));
          cable.unplug();
          const registrations = members.map((member, i) =>
            after(registerMs[i]!).then(() => member.register(name)),
          );
          if (AT_ANY_MOMENT) await after(healMs);
          else {
            await parted();
            await Promise.all(registrations);
          }
          cable.plug();
          const answers = await Promise.all(registrations);
          const won = answers.filter((answer) => answer).length;
          // One in each part: two at first, and up to four where the guard against overlaps parts more of them.
          expect(won, plan).toBeGreaterThan(0);
          expect(won, plan).toBeLessThan(5);
          const holders = await settled(`${plan}: ${answers}`);
          expect(Object.keys(holders), plan).toContain(name);
        }
        // More often it would not be OTP's rare race any more.
        expect(excused.length, excused.join('\n')).toBeLessThanOrEqual(SPLITS / 10);
        await nothingLeft();
      },
      SPLITS * 60_000 + 60_000,
    );

    it.runIf(!IS_CONTROL)(
      'frees what a node of ours, or a BEAM, had named when it was killed in the middle of registering',
      async () => {
        const found = (victim: string) => async () =>
          Object.values((await hosts[0]!.names()).holders).includes(victim);
        const wanted = Array.from({ length: 60 }, (_, i) => `wanted${i}`);
        const ours = host(0, 5);
        const victim = await ours.start('v', { gossip: GOSSIP, netTickTime: TICK_SECONDS * 1_000 });
        await expect
          .poll(async () => (await tables()).map(({ members }) => members.length), WHOLE)
          .toEqual([4, 4, 4, 4]);
        for (const name of wanted) ours.tell(`register ${name}`);
        await expect.poll(found(victim), WHOLE).toBe(true);
        await ours.kill();
        await whole();

        const beam = await startBeamOn(host(1, 6));
        await beam.eval(keepConnected([`'${names[1]}'`]));
        await expect
          .poll(async () => (await tables()).map(({ members }) => members.length), WHOLE)
          .toEqual([4, 4, 4, 4]);
        const list = wanted.map((name) => `<<"${name}">>`).join();
        const cut = beam
          .eval(`[global:register_name(N, self()) || _ <- lists:seq(1, 1000), N <- [${list}]]`)
          .catch(() => 'killed');
        await expect.poll(found(beam.name), WHOLE).toBe(true);
        await beam.kill();
        expect(await cut).toBe('killed');
        await whole();

        const left = Object.values(await agreed());
        expect(left).not.toContain(victim);
        expect(left).not.toContain(beam.name);
        expect(await Promise.all(wanted.map((name) => hosts[1]!.register(name)))).toEqual(
          wanted.map(() => true),
        );
        await agreed();
        await nothingLeft();
      },
    );
  });
});
