import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Key } from './input.ts';
import { paint } from './text.ts';
import type { View } from './view.ts';

const ENTER = '\x1b[?1049h\x1b[2J';
const LEAVE = '\x1b[0m\x1b[?25h\x1b[?1049l';
/** The terminal shows nothing between these two, so that a frame appears at once. */
const BEGIN_FRAME = '\x1b[?2026h\x1b[?25l';
const END_FRAME = '\x1b[?25h\x1b[?2026l';

export interface ScreenHandlers {
  draw(columns: number, rows: number): View;
  key(typed: string | undefined, key: Key): void;
}

/**
 * The terminal, taken over for as long as it is open: other screen buffer, keys one by one. `close()` gives it back
 * as it was, and may be called at any time, also from an exit handler.
 */
export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #handlers: ScreenHandlers;
  readonly #colour: boolean;
  #shown: string[] = [];
  #open = false;

  constructor(input: ReadStream, output: WriteStream, colour: boolean, handlers: ScreenHandlers) {
    this.#input = input;
    this.#output = output;
    this.#colour = colour;
    this.#handlers = handlers;
  }

  open(): void {
    this.#open = true;
    emitKeypressEvents(this.#input);
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#input.on('keypress', this.#onKey);
    this.#output.on('resize', this.#onResize);
    this.#output.write(ENTER);
    this.refresh();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#input.off('keypress', this.#onKey);
    this.#output.off('resize', this.#onResize);
    this.#input.setRawMode(false);
    this.#input.pause();
    this.#output.write(LEAVE);
  }

  /** Draws again; only rows that have changed are sent. */
  refresh(): void {
    if (!this.#open) return;
    const columns = Math.max(20, this.#output.columns);
    const view = this.#handlers.draw(columns, this.#output.rows);
    const painted = view.rows.map((row) => paint(row, this.#colour));
    let frame = BEGIN_FRAME;
    let joined = false;
    painted.forEach((text, y) => {
      const continues = view.continued.has(y);
      const changed = this.#shown[y] !== text;
      // A continued row is written together with the next one, with nothing in between: the terminal's own wrapping
      // then makes them one line, which is copied as one.
      if (changed || joined || continues) frame += joined ? text : `\x1b[${y + 1};1H${text}`;
      joined = continues;
    });
    for (let y = painted.length; y < this.#shown.length; y += 1) frame += `\x1b[${y + 1};1H\x1b[K`;
    this.#shown = painted;
    this.#output.write(`${frame}\x1b[${view.cursor.row + 1};${view.cursor.column + 1}H${END_FRAME}`);
  }

  readonly #onKey = (typed: string | undefined, key: Key): void => this.#handlers.key(typed, key);

  readonly #onResize = (): void => {
    // The terminal may have moved what was there: start from nothing.
    this.#shown = [];
    this.#output.write('\x1b[2J');
    this.refresh();
  };
}
