/**
 * A real Erlang node calls an actor written in TypeScript, with nothing but `gen_server:call`.
 *
 *   node --import tsx examples/from-erlang.ts
 *
 * You will see (the second half only where `erl` is installed):
 *
 *   renderer@127.0.0.1 is up; Erlang, your turn
 *   erl says: pong
 *   erl says: <<"<h1>Hello, Joe &amp; Robert</h1>">>
 *   erl says: {error,undef}
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { actor, startNode } from '../src/index.ts';

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

const Renderer = actor('renderer', () => ({
  // A binary comes as a string and goes back as a binary.
  render: (title: string) => `<h1>${title.replace(/[&<>]/g, (c) => escapes[c] ?? c)}</h1>`,
}));

const node = await startNode({ name: 'renderer@127.0.0.1', cookie: 'a secret that both know' });
node.spawn(Renderer, [], { name: 'renderer' });
console.log(`${node.name} is up; Erlang, your turn`);

// What an Erlang or Elixir team would write; here it runs once and ends.
const erlang = `
  Say = fun(Term) -> io:format("erl says: ~p~n", [Term]) end,
  Renderer = {renderer, '${node.name}'},
  Say(net_adm:ping('${node.name}')),
  Say(gen_server:call(Renderer, {render, <<"Hello, Joe & Robert">>})),
  Say(try gen_server:call(Renderer, {dance, 1}) catch exit:{{undef, _}, _} -> {error, undef} end),
  halt().`;
const args = ['-noshell', '-name', 'joe@127.0.0.1', '-setcookie', 'a secret that both know', '-eval', erlang];
const erl = spawn('erl', args, {
  stdio: 'inherit',
  env: { ...process.env, ERL_EPMD_PORT: String(node.epmdPort) },
});
await once(erl, 'close').catch(() => console.log('there is no erl on this machine'));

await node.stop();
