/** The other implementations of Erlang distribution that OTP brings: Jinterface, and `ei` for C. Where they are, if they are. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Those of the commands that this machine does not have. */
export const without = (...commands: readonly string[]): string[] =>
  commands.filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0);

/** The folder of an application of the installed OTP; '' when there is no OTP. */
function library(name: string): string {
  // One that holds no modules is not known to the code server: it lies beside the others all the same.
  const words = `case code:lib_dir(${name}) of {error, _} -> io:format("~s/lib/${name}", [code:root_dir()]); D -> io:format("~s", [D]) end, halt().`;
  const { stdout } = spawnSync('erl', ['-noshell', '-eval', words], { encoding: 'utf8' });
  return stdout ?? '';
}

export interface Jinterface {
  /** What is not installed, by the names of commands and packages. */
  readonly missing: readonly string[];
  /** Compiles a program of one class into `folder`; gives the arguments of `java` up to those of the program. */
  compile(source: string, folder: string): Promise<readonly string[]>;
}

export function jinterface(): Jinterface {
  const jar = join(library('jinterface'), 'priv', 'OtpErlang.jar');
  return {
    missing: [...without('java', 'javac'), ...(existsSync(jar) ? [] : ['erlang-jinterface'])],
    async compile(source, folder) {
      await run('javac', ['-cp', jar, '-d', folder, source], { timeout: 60_000 });
      const name = source.replace(/^.*\/|\.java$/g, '');
      return ['-cp', `${jar}:${folder}`, name];
    },
  };
}

export interface Ei {
  readonly missing: readonly string[];
  /** Compiles a C program to `program`. */
  compile(source: string, program: string): Promise<void>;
}

export function ei(): Ei {
  const folder = library('erl_interface');
  const header = join(folder, 'include', 'ei.h');
  return {
    missing: [...without('gcc'), ...(existsSync(header) ? [] : ['erlang-dev'])],
    async compile(source, program) {
      const flags = ['-I', join(folder, 'include'), '-L', join(folder, 'lib')];
      const all = ['-O2', '-o', program, source, ...flags, '-D_REENTRANT', '-lei', '-lpthread'];
      await run('gcc', all, { timeout: 60_000 });
    },
  };
}
