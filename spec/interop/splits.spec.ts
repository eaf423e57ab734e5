/**
 * A cluster of two of ours and two BEAMs on two networks whose cable is pulled and put back at any moment, while names are
 * registered on all of them. By default once, and the cable is put back once everybody has noticed; with BEAMISH_SPLITS so
 * often, and at any moment (BEAMISH_SEED says which).
 */
import { spawn } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Beam, describeBeam, startBeam } from '../support/beam.ts';
import { describeNetns, type Host, type Names, NetLab, type Trunk } from '../support/netns/lab.ts';

const AT_ANY_MOMENT = process.env.BEAMISH_SPLITS !== undefined;
const SPLITS = Number(process.env.BEAMISH_SPLITS ?? 1);
const EPMD_PORT = 5_369;
const COOKIE = 'netns';
/** Who falls silent is missed within this and a quarter. */
const TICK_SECONDS = 2;
const GOSSIP = { port: 45_893 };
/** Until everybody is everybody's member again, on a loaded machine. */
const WHOLE = { timeout: 30_000, interval: 100 };
describeBeam('a mixed cluster', () => {
  describeNetns('on two networks with one cable between them', () => {
    let lab: NetLab;
    let cable: Trunk;
    let host: (side: 0 | 1, number: number) => Host;
    let hosts: [Host, Host];
    let beams: [Beam, Beam];
    let names: [string, string];
    const mappers: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      lab = new NetLab();
      const bridges = [lab.bridge('west'), lab.bridge('east')] as const;
      cable = lab.trunk(...bridges);
      host = (side, number) =>
        lab.host(`s${number}`, { bridge: bridges[side], address: `10.79.0.${number}` });
      hosts = [host(0, 1), host(1, 4)];
      // The order of names decides who decides: ours is the smallest, a BEAM the greatest.
      const started = Promise.all(
        hosts.map((one) => one.start('a', { gossip: GOSSIP, netTickTime: TICK_SECONDS * 1_000 })),
      );
      beams = (await Promise.all([host(0, 2), host(1, 3)].map(startBeamOn))) as [Beam, Beam];
      names = (await started) as [string, string];
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
    async function startBeamOn(host: Host): Promise<Beam> {
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
            name: `b@${address}`,
            cookie: COOKIE,
            epmdPort: EPMD_PORT,
            namespace,
            listen: '{0,0,0,0}',
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

    const tables = (): Promise<Names[]> =>
      Promise.all([...hosts.map((host) => host.names()), ...beams.map(ofBeam)]);

    /** Everybody is everybody's member. */
    async function whole(): Promise<void> {
      await expect
        .poll(async () => (await tables()).map(({ members }) => members.length), WHOLE)
        .toEqual([3, 3, 3, 3]);
      await Promise.all(beams.map((beam) => beam.eval('global:sync()')));
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

    const registerThere = (beam: Beam, name: string) =>
      beam.eval(`global:register_name(<<"${name}">>, spawn(fun() -> receive stop -> ok end end))`);

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
          cable.unplug();
          const [one, two, three, four] = registerMs;
          const registrations = [
            after(one).then(() => hosts[0].register(name)),
            after(two).then(() => hosts[1].register(name)),
            after(three).then(() => registerThere(beams[0], name)),
            after(four).then(() => registerThere(beams[1], name)),
          ];
          if (AT_ANY_MOMENT) await after(healMs);
          else {
            await parted();
            await Promise.all(registrations);
          }
          cable.plug();
          const answers = await Promise.all(registrations);
          const won = answers.filter((answer) => answer === true || answer === 'yes').length;
          // One in each part: two at first, and up to four where the guard against overlaps parts more of them.
          expect(won, plan).toBeGreaterThan(0);
          expect(won, plan).toBeLessThan(5);
          await whole();
          const holders = await agreed().catch(async (error: Error) => {
            const told = [...(await tables()), plan, answers].map((one) => JSON.stringify(one));
            throw new Error([...told, ...beams.map(({ output }) => output)].join('\n'), { cause: error });
          });
          expect(Object.keys(holders), plan).toContain(name);
        }
        await nothingLeft();
      },
      SPLITS * 60_000 + 60_000,
    );

    it('frees what a node of ours, or a BEAM, had named when it was killed in the middle of registering', async () => {
      const found = (victim: string) => async () =>
        Object.values((await hosts[0].names()).holders).includes(victim);
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
      expect(await Promise.all(wanted.map((name) => hosts[1].register(name)))).toEqual(
        wanted.map(() => true),
      );
      await agreed();
      await nothingLeft();
    });
  });
});
