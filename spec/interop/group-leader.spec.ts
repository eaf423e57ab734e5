import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  actor,
  atom,
  charlist,
  decodeTerm,
  encodeTerm,
  mfa,
  type Node,
  type Pid,
  type Self,
  type Tuple,
  tuple,
} from '../../src/index.ts';
import { ioFormat } from '../../src/kernel/io-format.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { inProcess, Lab } from './lab.ts';

const base64 = (value: unknown) => Buffer.from(encodeTerm(value)).toString('base64');

/** Speaks when it is started, and when it is asked. */
const Speaker = actor('speaker', (self, words: string) => {
  void self.io.write(`${words}\n`);
  return { say: (more: string) => self.io.write(more) };
});

/** A group leader of a BEAM that keeps what it is given, and tells it to whoever asks `{told, Pid}`. */
const KEEPER = `
  Keeper = fun Loop(Told) -> receive
    {io_request, From, As, {put_chars, unicode, Chars}} ->
      From ! {io_reply, As, ok}, Loop([unicode:characters_to_binary(Chars) | Told]);
    {told, Pid} -> Pid ! {told, iolist_to_binary(lists:reverse(Told))}, Loop(Told)
  end end,
  Leader = spawn(fun() -> Keeper([]) end),
  Told = fun() -> Leader ! {told, self()}, receive {told, T} -> T end end,
  group_leader(Leader, self())`;

describeBeam('group leaders', () => {
  let lab: Lab;
  let node: Node;
  let beam: Beam;
  let output = '';
  let onLine: (line: string) => void = () => {};
  const here = () => `'${node.name}'`;

  beforeAll(async () => {
    lab = await Lab.open();
    const env = platformEnv();
    node = await lab.node('printer', {
      env: {
        ...env,
        host: {
          ...env.host,
          output: (text) => {
            output += text;
          },
        },
        log: { write: ({ level, message }) => onLine(`${level} ${message}`) },
      },
      actors: [Speaker],
      exports: {
        own: {
          async print(this: Self, words: string) {
            await this.io.write(words);
            await this.io.print([atom('ok'), words]);
          },
          /** Through a process of its own. */
          delegate(this: Self, words: string) {
            return new Promise<void>((resolve, reject) => {
              this.spawn((self) => self.io.write(words).then(resolve, reject));
            });
          },
          leader(this: Self) {
            return this.groupLeader;
          },
        },
      },
    });
    beam = await lab.beam('speaker');
  });
  afterAll(() => lab?.close());

  /** What was written to our output meanwhile. */
  const printed = async (work: () => Promise<unknown>): Promise<string> => {
    output = '';
    await work();
    return output;
  };

  describe('of ours', () => {
    it('take what a function of a BEAM prints that we called', async () => {
      const text = (fn: string, ...args: unknown[]) => printed(() => node.rpc(beam.name, 'io', fn, args));
      expect(await text('format', charlist('hello ~p ~ts~n'), [atom('you'), 'wörld'])).toBe(
        'hello you wörld\n',
      );
      expect(await text('put_chars', 'plain – text')).toBe('plain – text');
      expect(await text('nl')).toBe('\n');
      expect(await text('write', [1, 'a'])).toBe('[1,<<97>>]');
      expect(await text('fwrite', charlist('~w'), [[1, 2]])).toBe('[1,2]');
      const requests = [
        tuple(atom('put_chars'), atom('unicode'), 'one '),
        tuple(atom('put_chars'), atom('latin1'), [0xe9, new Uint8Array([0xe8])]),
        tuple(atom('put_chars'), atom('unicode'), atom('io_lib'), atom('format'), [charlist(' ~s~n'), ['x']]),
      ];
      expect(await text('requests', requests)).toBe('one éè x\n');
    });

    it('refuse input politely, and what they do not know', async () => {
      const reply = async (fn: string, ...args: unknown[]) =>
        String(await node.rpc(beam.name, 'io', fn, args));
      expect(await reply('get_line', charlist('> '))).toBe('{error,enotsup}');
      expect(await reply('get_chars', charlist('> '), 1)).toBe('{error,enotsup}');
      expect(await reply('read', charlist('> '))).toBe('{error,enotsup}');
      expect(await reply('columns')).toBe('{error,enotsup}');
      expect(await reply('setopts', [tuple(atom('binary'), true)])).toBe('{error,enotsup}');
      expect(await reply('setopts', [tuple(atom('encoding'), atom('latin1'))])).toBe('{error,enotsup}');
      expect(await reply('setopts', [tuple(atom('encoding'), atom('unicode')), atom('list')])).toBe('ok');
      expect(await reply('setopts', [tuple(atom('encoding'), atom('utf8'))])).toBe('ok');
      expect(await reply('setopts', [])).toBe('ok');
      expect(await reply('setopts', [tuple(atom('echo'), false)])).toBe('{error,enotsup}');
      expect(await reply('getopts')).toBe('{binary,false},{encoding,unicode}');
      expect(await reply('request', atom('nonsense'))).toBe('{error,request}');
      // A format that does not fit is the caller's error, as in OTP.
      await expect(node.rpc(beam.name, 'io', 'format', [charlist('~p'), []])).rejects.toThrow('badarg');
    });

    it('take what a process prints that we spawned', async () => {
      output = '';
      await inProcess(node, (self) =>
        self
          .spawnOn(beam.name, mfa('io', 'put_chars', ['from afar\n']), [], { monitor: true })
          .then(() => self.receive()),
      );
      expect(output).toBe('from afar\n');
    });

    it('log the crashes of what we spawned', async () => {
      const crash = new Promise<string>((resolve) => {
        onLine = (line) => line.includes('kaboom') && resolve(line);
      });
      await inProcess(node, async (self) => {
        await self.spawnOn(beam.name, mfa('erlang', 'error', [atom('kaboom')]), [], { monitor: true });
        return self.receive();
      });
      expect(await crash).toMatch(
        /^error logged on speaker@127\.0\.0\.1 \(#Pid<speaker@127\.0\.0\.1\.\d+\.\d+>\): Error in process/,
      );
    });

    it('write what processes here print', async () => {
      expect(
        await printed(() =>
          inProcess(node, async (self) => {
            await self.io.write('mine ');
            await self.io.print(tuple(atom('a'), [1]));
          }),
        ),
      ).toBe('mine {a,[1]}\n');
    });
  });

  describe('of a BEAM', () => {
    it('get what exported functions print, and what those spawn', async () => {
      const told = await beam.eval(`${KEEPER},
        ok = element(1, {ok, erpc:call(${here()}, own, print, [<<"hello ">>])}),
        erpc:call(${here()}, own, delegate, [<<"and more">>]),
        Told()`);
      expect(told).toBe('<<"hello [ok,<<\\"hello \\">>]\\nand more">>');
      const blocked = await beam.eval(`${KEEPER}, rpc:block_call(${here()}, own, print, [<<"b ">>]), Told()`);
      expect(blocked).toBe('<<"b [ok,<<\\"b \\">>]\\n">>');
      expect(await beam.eval(`erpc:call(${here()}, own, leader, []) =:= group_leader()`)).toBe('true');
    });

    it('get what actors print that it spawned', async () => {
      const told = await beam.eval(`${KEEPER},
        Pid = spawn(${here()}, speaker, start, [<<"started">>]),
        gen_server:call(Pid, {say, <<"again">>}),
        Told()`);
      expect(told).toBe('<<"started\\nagain">>');
    });

    it('get it on the console', async () => {
      await beam.eval(`erpc:call(${here()}, own, print, [<<"on the screen ">>])`);
      await beam.printed('on the screen [ok,<<"on the screen ">>]\n');
    });

    it('can be set for our processes, and by ours for theirs', async () => {
      const local = node.spawn(Speaker, ['started here']);
      const told = await beam.eval(`${KEEPER},
        Ours = binary_to_term(base64:decode("${base64(local)}")),
        group_leader(Leader, Ours),
        gen_server:call(Ours, {say, <<"over there">>}),
        Told()`);
      expect(told).toBe('<<"over there">>');
      const theirs = decodeTerm(await beam.evalTerm('spawn(fun() -> receive stop -> ok end end)')) as Pid;
      await inProcess(node, async (self) => self.setGroupLeader(self.groupLeader, theirs));
      const user = node.whereis('user')!;
      expect(await node.rpc(beam.name, 'erlang', 'process_info', [theirs, atom('group_leader')])).toEqual(
        tuple(atom('group_leader'), user),
      );
    });

    it('that refuse, or are gone, are an error to who prints', async () => {
      const refusing = decodeTerm(
        await beam.evalTerm(
          'spawn(fun() -> receive {io_request, F, As, _} -> F ! {io_reply, As, {error, terminated}} end end)',
        ),
      ) as Pid;
      const failure = (leader: Pid) =>
        inProcess(node, async (self) => {
          self.groupLeader = leader;
          return self.io.write('unheard').then(
            () => 'written',
            (error) => [error.code, String(error.reason)],
          );
        });
      expect(await failure(refusing)).toEqual(['ExitError', 'terminated']);
      expect(await failure(refusing)).toEqual(['ExitError', 'noproc']);
    });
  });

  describe('format as io_lib does:', () => {
    it.each([
      ['~p ~w', '[[1,2,3], "text"]'],
      ['~p|~w|~p', '[<<"bin">>, <<"bin">>, <<1,200>>]'],
      ['~p ~p', '[\'an atom\', {a, #{k => <<"v">>}}]'],
      ['~s|~s|~s', '["list", <<"binary">>, atom]'],
      ['~10s|~-10s|~.2s|~10.2s', '["right", "left", "cut", "both"]'],
      ['~3s|~5.5.*s', '["longer", $., "ab"]'],
      ['~ts|~10ts', '[[246, 8364], <<"é"/utf8>>]'],
      ['~c~c|~3c|~5.2c', '[$a, $b, $x, $y]'],
      ['~tc', '[8364]'],
      ['~B ~b ~.16B ~.16b ~.2b', '[-10, 10, 255, 255, 5]'],
      ['~8B|~-8B|~8..0B|~2B', '[42, 42, 42, 12345]'],
      ['~2.16.0b', '[10]'],
      ['~.16X ~.16x', '[255, "0x", -255, "0x"]'],
      ['~.16# ~.16+ ~#', '[255, 255, 10]'],
      ['~f ~.2f ~10.3f', '[1.5, 2.345, 3.14159]'],
      ['~e ~.3e', '[12345.678, 0.00012]'],
      ['~g ~.3g ~g', '[1.5, 123.456, 1.0e10]'],
      ['~w|~10w|~-10w|~3w', '[a, b, c, abcdef]'],
      ['~~ ~n~2n', '[]'],
      ['~i~p', '[skipped, shown]'],
      ['~*s|~-*s|~.*f', '[6, "ab", 6, "cd", 1, 2.25]'],
      ['~W ~P', '[{a, b}, 100, [x, y], 100]'],
      ['~tp ~tw ~kp', '[abc, abc, #{a => 1}]'],
      ['~s', '[["nested", [<<"io">>, $s]]]'],
    ])('%s of %s', async (format, args) => {
      if (
        format.includes('~k') &&
        (await beam.eval('list_to_integer(erlang:system_info(otp_release)) < 26')) === 'true'
      ) {
        format = format.replace('~k', '~');
      }
      const theirs = await beam.evalTerm(
        `{unicode:characters_to_binary(io_lib:format(${JSON.stringify(format)}, ${args})), ${args}}`,
      );
      const [text, given] = decodeTerm(theirs) as Tuple;
      expect(ioFormat(format, given)).toBe(text);
    });

    it.each([
      ['~p', '[]'],
      ['~p', '[1, 2]'],
      ['~q', '[1]'],
      ['~', '[]'],
      ['~s', '[{a}]'],
      ['~c', '[a]'],
      ['~B', '[1.5]'],
      ['~f', '[a]'],
    ])('%s of %s is an error there and here', async (format, args) => {
      const theirs = `try io_lib:format(${JSON.stringify(format)}, ${args}) catch _:_ -> failed end`;
      expect(await beam.eval(theirs)).toBe('failed');
      const given = decodeTerm(await beam.evalTerm(args));
      expect(() => ioFormat(format, given)).toThrow();
    });
  });
});
