import { describe, expect, it } from 'vitest';
import { type Editor, EMPTY_EDITOR, edit, type Key, readWish } from '../../../examples/cluster/input.ts';

function type(editor: Editor, ...keys: (string | Key)[]): Editor {
  return keys.reduce<Editor>(
    (line, key) => (typeof key === 'string' ? edit(line, key, { name: key }) : edit(line, undefined, key)),
    editor,
  );
}

describe('the input line', () => {
  it('takes characters where the cursor is', () => {
    const line = type(EMPTY_EDITOR, 'a', 'c', { name: 'left' }, 'b', { name: 'end' }, 'd');
    expect(line).toEqual({ before: 'abcd', after: '' });
  });

  it('never stands inside a character', () => {
    const line = type(EMPTY_EDITOR, '👋', { name: 'left' }, { name: 'right' }, { name: 'backspace' });
    expect(line).toEqual(EMPTY_EDITOR);
  });

  it('knows the keys of a shell', () => {
    const line: Editor = { before: 'one two ', after: 'three' };
    expect(edit(line, undefined, { name: 'w', ctrl: true })).toEqual({ before: 'one ', after: 'three' });
    expect(edit(line, undefined, { name: 'u', ctrl: true })).toEqual({ before: '', after: 'three' });
    expect(edit(line, undefined, { name: 'k', ctrl: true })).toEqual({ before: 'one two ', after: '' });
    expect(edit(line, undefined, { name: 'a', ctrl: true })).toEqual({ before: '', after: 'one two three' });
    expect(edit(line, undefined, { name: 'e', ctrl: true })).toEqual({ before: 'one two three', after: '' });
    expect(edit(line, undefined, { name: 'delete' })).toEqual({ before: 'one two ', after: 'hree' });
  });

  it('ignores keys that are no text', () => {
    expect(edit(EMPTY_EDITOR, '\x1b[15~', { name: 'f5' })).toEqual(EMPTY_EDITOR);
    expect(edit(EMPTY_EDITOR, undefined, { name: 'up' })).toEqual(EMPTY_EDITOR);
    expect(edit(EMPTY_EDITOR, 'b', { name: 'b', meta: true })).toEqual(EMPTY_EDITOR);
  });
});

describe('a finished line', () => {
  it('is text for whoever is next, or for the one it is addressed to', () => {
    expect(readWish('  hello you ')).toEqual({ type: 'say', to: undefined, text: 'hello you' });
    expect(readWish('@ben hello you')).toEqual({ type: 'say', to: 'ben', text: 'hello you' });
    expect(readWish('me@home.org wrote')).toEqual({ type: 'say', to: undefined, text: 'me@home.org wrote' });
    expect(readWish('   ')).toEqual({ type: 'nothing' });
  });

  it('is a command when it starts with a slash', () => {
    expect(readWish('/kill cyd')).toEqual({ type: 'kill', node: 'cyd' });
    expect(readWish('/start cyd')).toEqual({ type: 'start', node: 'cyd' });
    expect(readWish('/quit')).toEqual({ type: 'quit' });
  });

  it('is answered with what would do when it cannot be understood', () => {
    expect(readWish('@zed hi')).toEqual({ type: 'unclear', why: 'nobody here is called zed' });
    expect(readWish('/kill zed')).toEqual({ type: 'unclear', why: '/kill wants one of ada, ben, cyd' });
    expect(readWish('/dance')).toMatchObject({ type: 'unclear' });
  });
});
