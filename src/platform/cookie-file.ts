import { linkSync, mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { OptionsError } from '../errors.ts';
import { random } from './random.ts';

/** Letters of a cookie that Erlang makes by itself. */
const COOKIE_LETTERS = 20;
const LETTER_A = 65;

/**
 * The account's cookie, found and made as OTP does: `~/.erlang.cookie`, else the one in the user's
 * configuration directory (`$XDG_CONFIG_HOME/erlang/.erlang.cookie`), else a new `~/.erlang.cookie`.
 *
 * @param variable - reads an environment variable
 * @throws OptionsError when the file is open to others, malformed, unreadable, or cannot be made
 * @see auth.erl of OTP, read_cookie/0
 */
export function accountCookie(variable: (name: string) => string | undefined): string {
  const home = homeDirectory(variable);
  const configuration = configurationDirectory(variable, home);
  const places = [home, configuration && join(configuration, 'erlang')]
    .filter((directory) => directory !== undefined)
    .map((directory) => join(directory, '.erlang.cookie'));
  for (const path of places) {
    const cookie = readCookie(path);
    if (cookie !== undefined) return cookie;
  }
  const [path] = places;
  if (path === undefined)
    throw new OptionsError(
      'cookie',
      'no cookie was given, and HOME is not set: there is no ~/.erlang.cookie',
    );
  createCookie(path);
  const cookie = readCookie(path);
  if (cookie === undefined) throw new OptionsError('cookie', `the cookie file ${path} vanished`);
  return cookie;
}

function homeDirectory(variable: (name: string) => string | undefined): string | undefined {
  if (process.platform === 'win32') return homedir();
  return variable('HOME') || undefined;
}

/** filename:basedir(user_config, ...) of OTP. */
function configurationDirectory(
  variable: (name: string) => string | undefined,
  home: string | undefined,
): string | undefined {
  if (process.platform === 'win32') return variable('APPDATA');
  if (process.platform === 'darwin') return home && join(home, 'Library', 'Application Support');
  return variable('XDG_CONFIG_HOME') || (home && join(home, '.config'));
}

function readCookie(path: string): string | undefined {
  let content: string;
  try {
    const { mode, isFile } = fileFacts(path);
    if (!isFile) throw new OptionsError('cookie', `the cookie file ${path} is not a regular file`);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new OptionsError(
        'cookie',
        `the cookie file ${path} must be accessible by its owner only (chmod 400)`,
      );
    content = readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof OptionsError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw failure(`the cookie file ${path} cannot be read`, error);
  }
  return checkedCookie(path, content);
}

function fileFacts(path: string): { mode: number; isFile: boolean } {
  const stat = statSync(path);
  return { mode: stat.mode, isFile: stat.isFile() };
}

/** Printable characters, then line ends or spaces. Spaces in front of the first line end belong to the cookie. */
function checkedCookie(path: string, content: string): string {
  const cookie = /^([ -~]*)[\n\r ]*$/.exec(content)?.[1];
  if (cookie === undefined)
    throw new OptionsError('cookie', `the cookie file ${path} holds characters that a cookie cannot have`);
  if (cookie === '') throw new OptionsError('cookie', `the cookie file ${path} is empty`);
  return cookie;
}

/** Twenty random capitals, mode 0400. Nodes that start at the same moment agree on one file. */
function createCookie(path: string): void {
  const letters = Array.from({ length: COOKIE_LETTERS }, () => LETTER_A + random.between(0, 25));
  const cookie = String.fromCharCode(...letters);
  const draft = `${path}.${process.pid}.${random.u32()}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(draft, cookie, { mode: 0o400, flag: 'wx' });
    // Linking is atomic and never overwrites: whoever comes second reads the first one's cookie.
    try {
      const midnight = new Date();
      midnight.setHours(0, 0, 0, 0);
      utimesSync(draft, midnight, midnight);
      linkSync(draft, path);
    } finally {
      unlinkSync(draft);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw failure(`the cookie file ${path} cannot be made`, error);
  }
}

function failure(what: string, cause: unknown): OptionsError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new OptionsError('cookie', `${what}: ${reason}`, { cause });
}
