import type { ClusterPorts } from './cluster.ts';
import { nodeName, SPEAKERS } from './events.ts';

/** Shell lines that bring a BEAM node into the cluster and let it call an actor there. Each is one line to paste. */
export interface JoinLines {
  readonly erl: string;
  readonly iex: string;
}

/**
 * The lines need no file and no shell quoting beyond what is shown. The guest takes our port mapper by the
 * environment variable, so that the machine's own, if there is one, is left alone.
 */
export function joinLines({ epmdPort }: ClusterPorts, cookie: string): JoinLines {
  const { actor } = SPEAKERS.ada;
  const ada = nodeName('ada');
  const environment = `ERL_EPMD_PORT=${epmdPort}`;
  const erlCall = `gen_server:call({${actor},'${ada}'},{greet,hello})`;
  const exCall = `GenServer.call({:${actor},:"${ada}"},{:greet,"hello"})`;
  return {
    erl: `${environment} erl -name you@127.0.0.1 -setcookie ${cookie} -eval "erlang:display(${erlCall})."`,
    iex: `${environment} iex --name you@127.0.0.1 --cookie ${cookie} -e 'IO.puts ${exCall}'`,
  };
}
