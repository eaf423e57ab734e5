import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/errors.ts';
import { accountCookie } from '../../src/platform/cookie-file.ts';

describe("the account's cookie", () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'beamish-cookie-'));
  });

  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  const cookie = (variables: Record<string, string> = {}) =>
    accountCookie((name) => ({ HOME: home, ...variables })[name]);

  function write(content: string, mode = 0o400, directory = home): string {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, '.erlang.cookie');
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  it('is read from the home directory', () => {
    write('MONSTER');
    expect(cookie()).toBe('MONSTER');
  });

  it.each([
    ['abc\n', 'abc'],
    ['abc\r\n \n', 'abc'],
    ['abc \n', 'abc '],
    ['a b~!', 'a b~!'],
  ])('is trimmed as OTP does: %j is %j', (content, expected) => {
    write(content);
    expect(cookie()).toBe(expected);
  });

  it.each(['', '\n', 'abc\ndef', 'ab\tc', 'é'])('is refused when it is malformed: %j', (content) => {
    write(content);
    expect(() => cookie()).toThrow(OptionsError);
  });

  it('is refused when others may read it, without telling it', () => {
    write('MONSTER', 0o440);
    expect(() => cookie()).toThrow(/accessible by its owner only/);
    expect(() => cookie()).not.toThrow(/MONSTER/);
  });

  it('is refused when it is no file', () => {
    mkdirSync(join(home, '.erlang.cookie'));
    expect(() => cookie()).toThrow(/not a regular file/);
  });

  it.runIf(process.platform === 'linux')('may live in the configuration directory', () => {
    write('CONFIGURED', 0o400, join(home, '.config', 'erlang'));
    expect(cookie()).toBe('CONFIGURED');
    write('ELSEWHERE', 0o400, join(home, 'xdg', 'erlang'));
    expect(cookie({ XDG_CONFIG_HOME: join(home, 'xdg') })).toBe('ELSEWHERE');
    expect(cookie({ XDG_CONFIG_HOME: join(home, 'xdg'), HOME: '' })).toBe('ELSEWHERE');
    expect(existsSync(join(home, '.erlang.cookie'))).toBe(false);
  });

  it('is made when there is none: twenty capitals, for the owner only', () => {
    const made = cookie();
    expect(made).toMatch(/^[A-Z]{20}$/);
    expect(cookie()).toBe(made);
    const path = join(home, '.erlang.cookie');
    expect(readFileSync(path, 'latin1')).toBe(made);
    expect(statSync(path).mode & 0o777).toBe(0o400);
    expect(readdirSync(home)).toEqual(['.erlang.cookie']);
  });

  it('needs a home', () => {
    expect(() => accountCookie(() => undefined)).toThrow(/HOME is not set/);
  });
});
