import { OptionsError } from '../errors.ts';
import { checkKnown } from '../option-checks.ts';
import { inspectTerm } from '../term/print.ts';
import { Global } from './destination.ts';
import { Mfa } from './mfa.ts';
import type { MailboxOptions } from './protocol.ts';

/** What `spawn` of a node takes, and what `spawn` of a process takes besides. */
const SPAWN_OPTIONS = ['name', 'mailbox'];
const TIES = ['link', 'monitor'];

/** Shows what came instead of what was expected. */
export function show(value: unknown): string {
  return typeof value === 'function'
    ? 'a function'
    : typeof value === 'symbol'
      ? String(value)
      : inspectTerm(value);
}

/** What is left of the kinds of destinations. @throws OptionsError for what is none */
export function checkGlobal(to: unknown): Global {
  if (to instanceof Global) return to;
  throw new OptionsError(
    'to',
    `expected a pid, a local name as text, at(node, name) or global(name) to send to, got ${show(to)}`,
  );
}

/** @throws OptionsError for what cannot be run as a process */
export function checkRunnable(what: unknown, args: unknown): void {
  if (typeof what !== 'function' && !isActor(what))
    throw new OptionsError('actor', `expected an actor or a function to run, got ${show(what)}`);
  checkArgs(args);
}

/**
 * @param known - the options that are taken
 * @throws OptionsError for what cannot be run on another node, and for options that are unknown
 */
export function checkSpawnOn(what: unknown, args: unknown, options: unknown, known: readonly string[]): void {
  if (what instanceof Mfa) checkArgs(what.args);
  else if (!isActor(what))
    throw new OptionsError('actor', `expected an actor or mfa(...) to run on a node, got ${show(what)}`);
  checkArgs(args);
  checkKnown(options, '', known);
}

function isActor(what: unknown): boolean {
  return typeof (what as { readonly behave?: unknown } | null | undefined)?.behave === 'function';
}

/** @throws OptionsError */
export function checkArgs(args: unknown): void {
  if (!Array.isArray(args))
    throw new OptionsError('args', `args: expected an array of arguments, as in [1, "a"], got ${show(args)}`);
}

/**
 * @param ties - whether there is a process to tie the new one to
 * @throws OptionsError for options of `spawn` that are unknown or mean nothing
 */
export function checkSpawnOptions(options: object, ties: boolean): void {
  checkKnown(options, '', ties ? [...SPAWN_OPTIONS, ...TIES] : SPAWN_OPTIONS);
  const { name, mailbox } = options as { readonly name?: unknown; readonly mailbox?: unknown };
  if (name !== undefined && typeof name !== 'string')
    throw new OptionsError('name', `name: expected text, got ${show(name)}`);
  for (const tie of TIES) {
    const value = (options as Record<string, unknown>)[tie];
    if (value !== undefined && typeof value !== 'boolean')
      throw new OptionsError(tie, `${tie}: expected true or false, got ${show(value)}`);
  }
  if (mailbox !== undefined) checkMailbox(mailbox);
}

function checkMailbox(mailbox: unknown): asserts mailbox is MailboxOptions {
  checkKnown(mailbox, 'mailbox', ['max', 'onFull']);
  const { max, onFull } = mailbox as { readonly max?: unknown; readonly onFull?: unknown };
  if (!Number.isInteger(max) || (max as number) < 1)
    throw new OptionsError('mailbox.max', `mailbox.max: expected a whole number from 1, got ${show(max)}`);
  if (onFull !== undefined && onFull !== 'drop' && onFull !== 'exit')
    throw new OptionsError(
      'mailbox.onFull',
      `mailbox.onFull: expected "drop" or "exit", got ${show(onFull)}`,
    );
}

/** @throws OptionsError unless a kind of process has a name and a function to begin with */
export function checkNamed(kind: string, name: unknown, setup: unknown): void {
  checkName(kind, name);
  if (typeof setup !== 'function')
    throw new OptionsError(
      'setup',
      `${kind} ${name}: expected a function behind its name, got ${show(setup)}`,
    );
}

/** @throws OptionsError unless a kind of process has a name */
export function checkName(kind: string, name: unknown): void {
  if (typeof name !== 'string' || name === '')
    throw new OptionsError('name', `${kind}: expected a name as text, got ${show(name)}`);
}

/** Options of whatever waits for an answer. */
const WAITING = ['timeout', 'signal'];

/** @throws OptionsError unless these say how long to wait, and nothing else */
export function checkWaiting(options: unknown): void {
  checkKnown(options, '', WAITING);
  const { timeout, signal } = options as { readonly timeout?: unknown; readonly signal?: unknown };
  if (timeout !== undefined) checkMs('timeout', timeout, true);
  checkSignal(signal);
}

/** @throws OptionsError unless these say what may end a wait that has no time-out, and nothing else */
export function checkEndless(options: unknown): void {
  checkKnown(options, '', ['signal']);
  checkSignal((options as { readonly signal?: unknown }).signal);
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function')
    throw new OptionsError('signal', `signal: expected an AbortSignal, got ${show(signal)}`);
}

/** @throws OptionsError unless `ms` is a number from 0 (or `Infinity`, where that is allowed) */
export function checkMs(option: string, ms: unknown, endless: boolean): void {
  if (typeof ms === 'number' && ms >= 0 && (endless || ms !== Number.POSITIVE_INFINITY)) return;
  throw new OptionsError(option, `${option}: expected a number of ms from 0, got ${show(ms)}`);
}
