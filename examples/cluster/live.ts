import type { Cluster } from './cluster.ts';
import { type Editor, EMPTY_EDITOR, edit, type Key, readWish } from './input.ts';
import { joinLines } from './join.ts';
import { Screen } from './screen.ts';
import { draw } from './view.ts';
import type { Wishes } from './wishes.ts';

/** Fast enough to look alive, slow enough to cost nothing. */
const FRAME_INTERVAL_MS = 80;

/**
 * Shows the cluster on a terminal and takes lines from it, until the user leaves: `/quit`, Ctrl-C or Ctrl-D.
 * @returns how to give the terminal back; `left` resolves when the user wants to go
 */
export function openLiveView(
  cluster: Cluster,
  wishes: Wishes,
): { readonly left: Promise<void>; close(): void } {
  const join = joinLines(cluster.ports, cluster.cookie);
  const subtitle = `gossip udp ${cluster.ports.gossipPort}, port mapper ${cluster.ports.epmdPort}`;
  let editor: Editor = EMPTY_EDITOR;
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });

  const colour = process.env.NO_COLOR === undefined || process.env.NO_COLOR === '';
  const screen = new Screen(process.stdin, process.stdout, colour, {
    draw: (columns, rows) =>
      draw({ state: cluster.state, nowMs: cluster.nowMs(), columns, rows, join, subtitle, editor }),
    key(typed: string | undefined, key: Key) {
      if (key.ctrl === true && (key.name === 'c' || key.name === 'd')) return leave();
      if (key.name === 'return' || key.name === 'enter') {
        const wish = readWish(editor.before + editor.after);
        editor = EMPTY_EDITOR;
        if (wish.type === 'quit') return leave();
        void wishes.grant(wish);
      } else {
        editor = edit(editor, typed, key);
      }
      screen.refresh();
    },
  });
  screen.open();
  const timer = setInterval(() => screen.refresh(), FRAME_INTERVAL_MS);
  return {
    left,
    close() {
      clearInterval(timer);
      screen.close();
    },
  };
}
