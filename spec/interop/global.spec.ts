import { afterAll, beforeAll, expect, it } from 'vitest';
import { atom, global, type Node, type Pid, type Self, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { Lab } from './lab.ts';

/** Lives until it is killed, and hands each message to `heard`. */
const idle = (node: Node, heard: (message: unknown) => void = () => {}): Pid =>
  node.spawn(async (self: Self) => {
    for await (const message of self) heard(message);
  });

/** In Erlang: a process that lives until it is told, or killed. */
const alive = 'spawn(fun() -> receive stop -> ok end end)';

describeBeam('global names shared with a BEAM', () => {
  let lab: Lab;
  let a: Node;
  let b: Node;
  let beam: Beam;
  let other: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    [a, b, beam, other] = await Promise.all([
      lab.node('a'),
      lab.node('b'),
      lab.beam('beam'),
      lab.beam('other'),
    ]);
    // One connection after the other: members that are told of new ones connect by themselves.
    await a.connect(beam.name);
    await a.global.sync();
    await b.connect(a.name);
    await b.global.sync();
    await other.eval(`true = net_kernel:connect_node('${b.name}'), ok = global:sync()`);
  });

  afterAll(() => lab.close());

  const namesOf = (nodes: readonly { readonly name: string }[]) => nodes.map(({ name }) => name).sort();

  const found = (text: string) => Promise.all([beam, other].map((node) => node.eval(text)));

  it('makes one mesh of all members, whoever was connected to whom', async () => {
    // Members hear of each other from a third, and connect.
    for (const node of [a, b]) await expect.poll(() => node.nodes().length).toBe(3);
    for (const node of [beam, other]) await expect.poll(() => node.eval('length(nodes())')).toBe('3');
    for (const node of [a, b]) {
      const others = namesOf([a, b, beam, other]).filter((name) => name !== node.name);
      expect(node.nodes().sort()).toEqual(others);
      expect(node.global.members().sort()).toEqual(others);
    }
    expect((await beam.eval('lists:sort(nodes())')).replaceAll("'", '')).toBe(
      `[${namesOf([a, b, other]).join(',')}]`,
    );
  });

  it('finds everywhere what was registered here, by the time register resolves', async () => {
    const heard: unknown[] = [];
    const pid = idle(a, (message) => heard.push(message));
    expect(await a.global.register('tally', pid)).toBe(true);
    expect(b.global.whereis('tally')).toBe(pid);
    expect(await found('node(global:whereis_name(<<"tally">>))')).toEqual([`'${a.name}'`, `'${a.name}'`]);
    await beam.eval('global:send(<<"tally">>, from_beam)');
    b.global.send('tally', 'from_b');
    b.send(global('tally'), 'by destination');
    await expect.poll(() => heard.length).toBe(3);
    expect(heard).toContain(atom('from_beam'));
    expect(await a.global.unregister('tally')).toBe(true);
    expect(await a.global.unregister('tally')).toBe(false);
    expect(b.global.whereis('tally')).toBeUndefined();
    expect(await found('global:whereis_name(<<"tally">>)')).toEqual(['undefined', 'undefined']);
  });

  it('finds here what was registered there', async () => {
    expect(await beam.eval(`yes = global:register_name(theirs, ${alive})`)).toBe('yes');
    const pid = a.global.whereis(atom('theirs'));
    expect(pid?.node).toBe(beam.name);
    expect(b.global.whereis(atom('theirs'))).toBe(pid);
    expect(a.global.whereis('theirs')).toBeUndefined();
    expect(await other.eval('global:unregister_name(theirs)')).toBe('ok');
    expect(a.global.whereis(atom('theirs'))).toBeUndefined();
  });

  it('takes any term for a name', async () => {
    const pid = idle(b);
    const names = [
      tuple('room', 7),
      ['a', 1],
      { key: 'value' },
      42,
      2n ** 80n,
      null,
      Uint8Array.of(255),
      tuple(pid),
    ];
    for (const name of names) {
      expect(await b.global.register(name, pid)).toBe(true);
      expect(a.global.whereis(name)).toBe(pid);
    }
    expect(await beam.eval('node(global:whereis_name({<<"room">>,7}))')).toBe(`'${b.name}'`);
    expect(await beam.eval('node(global:whereis_name(#{<<"key">> => <<"value">>}))')).toBe(`'${b.name}'`);
    expect(await beam.eval('node(global:whereis_name(nil))')).toBe(`'${b.name}'`);
    expect(await other.eval('length(global:registered_names())')).toBe(String(names.length));
    b.exit(pid, 'kill');
    await expect.poll(() => a.global.registered()).toEqual([]);
    await expect.poll(() => other.eval('global:registered_names()')).toBe('[]');
  });

  it('says who has a name that is taken, on both sides', async () => {
    const pid = idle(a);
    await a.global.register('taken', pid);
    await expect(b.global.register('taken', idle(b))).rejects.toMatchObject({
      code: 'NameTakenError',
      taken: 'taken',
      message: expect.stringContaining(a.name),
    });
    expect(await b.global.register('taken', idle(b), { ifTaken: 'false' })).toBe(false);
    expect(await a.global.register('taken', pid, { ifTaken: 'false' })).toBe(false);
    expect(await beam.eval('global:register_name(<<"taken">>, self())')).toBe('no');
    await beam.eval(`yes = global:register_name(beams, ${alive})`);
    await expect(a.global.register(atom('beams'), pid)).rejects.toMatchObject({ code: 'NameTakenError' });
    await a.global.unregister('taken');
    await a.global.unregister(atom('beams'));
  });

  it('gives a name to another process by re-registration, both ways', async () => {
    const [one, two] = [idle(a), idle(b)];
    await a.global.register('moved', one);
    expect(await b.global.reRegister('moved', two)).toBe(true);
    expect(a.global.whereis('moved')).toBe(two);
    expect(await found('node(global:whereis_name(<<"moved">>))')).toEqual([`'${b.name}'`, `'${b.name}'`]);
    expect(await beam.eval(`global:re_register_name(<<"moved">>, ${alive})`)).toBe('yes');
    expect(a.global.whereis('moved')?.node).toBe(beam.name);
    a.exit(one, 'kill');
    b.exit(two, 'kill');
    expect(await a.global.unregister('moved')).toBe(true);
    expect(await found('global:whereis_name(<<"moved">>)')).toEqual(['undefined', 'undefined']);
  });

  it('ends a registration with its process, whichever node it was on', async () => {
    const pid = idle(a);
    await b.global.register('mortal', pid);
    a.exit(pid, 'kill');
    expect(a.global.whereis('mortal')).toBeUndefined();
    await expect.poll(() => b.global.whereis('mortal')).toBeUndefined();
    await expect.poll(() => found('global:whereis_name(<<"mortal">>)')).toEqual(['undefined', 'undefined']);
    await beam.eval(`P = ${alive}, yes = global:register_name(mortal, P), exit(P, kill)`);
    await expect.poll(() => a.global.whereis(atom('mortal'))).toBeUndefined();
    await expect.poll(() => b.global.whereis(atom('mortal'))).toBeUndefined();
  });

  it('shares locks with set_lock, del_lock and trans', async () => {
    expect(await beam.eval('global:set_lock({resource, beam})')).toBe('true');
    expect(await a.global.setLock(tuple(atom('resource'), 'a'), { retries: 0 })).toBe(false);
    await expect(a.global.trans(atom('resource'), () => 1, { retries: 1 })).rejects.toMatchObject({
      code: 'NameTakenError',
      message: expect.stringContaining('resource'),
    });
    // Its holder is the process that evaluated the line above, and lives; the same requester is another holder.
    expect(await a.global.setLock(tuple(atom('resource'), atom('beam')), { retries: 0 })).toBe(true);
    await a.global.delLock(tuple(atom('resource'), atom('beam')));
    await beam.eval(
      '[exit(P, kill) || {resource, beam, Holders} <- ets:tab2list(global_locks), {P, _} <- Holders]',
    );
    const inside = await b.global.trans(atom('resource'), async (signal) => {
      expect(signal.aborted).toBe(false);
      return [
        await beam.eval('global:set_lock({resource, beam}, [node() | nodes()], 0)'),
        await other.eval('global:trans({resource, self()}, fun() -> done end, [node()], 0)'),
        await a.global.setLock(atom('resource'), { retries: 0 }),
      ];
    });
    expect(inside).toEqual(['false', 'aborted', false]);
    expect(await other.eval('global:trans({resource, self()}, fun() -> done end)')).toBe('done');
  });

  it('lets a lock go when its holder ends', async () => {
    const holder = idle(a);
    expect(await a.global.setLock('held', { holder })).toBe(true);
    expect(await beam.eval('global:set_lock({<<"held">>, x}, [node() | nodes()], 0)')).toBe('false');
    a.exit(holder, 'kill');
    expect(await beam.eval('global:trans({<<"held">>, self()}, fun() -> free end)')).toBe('free');
  });

  it('tells of names that come and go, and waits for one', async () => {
    const told: unknown[] = [];
    const ends = [
      b.global.on('registered', (name, pid) => told.push(['registered', name, pid])),
      b.global.on('unregistered', (name, pid) => told.push(['unregistered', name, pid])),
    ];
    const waiting = b.global.whenRegistered(atom('awaited'), { timeout: 10_000 });
    await beam.eval(`yes = global:register_name(awaited, ${alive})`);
    const pid = await waiting;
    expect(pid).toBe(b.global.whereis(atom('awaited')));
    expect(await b.global.whenRegistered(atom('awaited'))).toBe(pid);
    await beam.eval('global:unregister_name(awaited)');
    for (const end of ends) end();
    expect(told).toEqual([
      ['registered', atom('awaited'), pid],
      ['unregistered', atom('awaited'), pid],
    ]);
    await expect(b.global.whenRegistered('never', { timeout: 1 })).rejects.toMatchObject({
      code: 'CallTimeoutError',
    });
    await expect(b.global.whenRegistered('never', { signal: AbortSignal.abort('enough') })).rejects.toBe(
      'enough',
    );
  });

  it('leaves one winner of many registrations of one name at once, from all nodes', async () => {
    const ours = [a, b].flatMap((node) =>
      Array.from({ length: 50 }, () =>
        node.global.register(atom('wanted'), idle(node), { ifTaken: 'false' }),
      ),
    );
    const theirs = [beam, other].map((node) =>
      node.eval(`Self = self(),
        [spawn(fun() -> P = ${alive}, Self ! {said, global:register_name(wanted, P)} end) || _ <- lists:seq(1, 50)],
        length([yes || _ <- lists:seq(1, 50), receive {said, yes} -> true; {said, no} -> false end])`),
    );
    const wins = [
      (await Promise.all(ours)).filter((won) => won).length,
      ...(await Promise.all(theirs)).map(Number),
    ];
    expect(wins.reduce((sum, won) => sum + won)).toBe(1);
    const holder = a.global.whereis(atom('wanted'));
    expect(holder).toBeDefined();
    expect(b.global.whereis(atom('wanted'))).toBe(holder);
    expect(await found('node(global:whereis_name(wanted))')).toEqual([
      `'${holder!.node}'`,
      `'${holder!.node}'`,
    ]);
  });

  it('loses the names of a node that goes, everywhere', async () => {
    const gone = await lab.node('gone');
    await gone.connect(other.name);
    await gone.global.sync();
    await gone.global.register('fleeting', idle(gone));
    expect(a.global.whereis('fleeting')?.node).toBe(gone.name);
    expect(await beam.eval('node(global:whereis_name(<<"fleeting">>))')).toBe(`'${gone.name}'`);
    await gone.stop();
    await expect.poll(() => a.global.whereis('fleeting')).toBeUndefined();
    await expect.poll(() => found('global:whereis_name(<<"fleeting">>)')).toEqual(['undefined', 'undefined']);
    // The others stay together: nobody parts with who is there.
    expect(a.global.members().sort()).toEqual(namesOf([b, beam, other]));
  });

  it('does not wait for one of ours that is visible and keeps no names, nor for a hidden one', async () => {
    const silent = await lab.node('silent', { registry: false });
    await silent.connect(beam.name);
    await silent.connect(a.name);
    const hidden = await lab.node('hidden', { hidden: true });
    await hidden.connect(beam.name);
    expect(await beam.eval(`lists:member('${silent.name}', nodes())`)).toBe('true');
    expect(await beam.eval('global:sync()')).toBe('ok');
    await a.global.sync();
    expect(await beam.eval(`global:register_name(unsaid, ${alive})`)).toBe('yes');
    expect(await a.global.register('unsaid', idle(a))).toBe(true);
    for (const node of [silent, hidden]) {
      expect(node.global.registered()).toEqual([]);
      await expect(node.global.register('x', idle(node))).rejects.toMatchObject({ code: 'OptionsError' });
    }
    // It is nobody's member, and so nobody parts with anybody when it goes.
    expect(a.global.members().sort()).toEqual(namesOf([b, beam, other]));
    await silent.stop();
    expect(await beam.eval('global:sync(), length(nodes())')).toBe('3');
  });
});
