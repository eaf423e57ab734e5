import { actor } from '../actor/actor.ts';
import type { ActorSelf } from '../actor/actor-self.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple } from '../term/tuple.ts';
import { FormatError, ioFormat } from './io-format.ts';

const LOG = atom('log');
/** Longest text of one record that is written. */
const MAX_TEXT = 10_000;

/** Severities of OTP's logger by those of ours. */
const LEVELS: Readonly<Record<string, 'error' | 'warning' | 'info' | 'debug'>> = {
  emergency: 'error',
  alert: 'error',
  critical: 'error',
  error: 'error',
  warning: 'warning',
  notice: 'info',
  info: 'info',
  debug: 'debug',
};

/**
 * The processes `logger_proxy` and `logger`: what is logged on other nodes by processes whose group leader is one of
 * ours comes here, the crashes of those that we spawned there above all. Each event is one line of this node's log:
 * `{log, Level, Format, Args, Meta}` or `{log, Level, Report, Meta}`.
 */
export const loggerProxy = actor('logger_proxy', (self: ActorSelf, logger: Logger) => {
  self.onMessage(isEvent, (event) => {
    const { elements } = event;
    const level = elements[1] instanceof Atom ? LEVELS[elements[1].name] : undefined;
    if (level === undefined) return;
    const said = event.length === 5 ? formatted(elements[2], elements[3]) : reported(elements[2]);
    const pid = pidOf(elements.at(-1));
    const where = pid === undefined ? 'another node' : `${pid.node} (${inspectTerm(pid)})`;
    const message = `logged on ${where}: ${said.trim().slice(0, MAX_TEXT)}`;
    if (level === 'debug') logger.debug('kernel', message);
    else logger[level]('kernel', message);
  });
  return {};
});

function isEvent(message: unknown): message is Tuple {
  return (
    message instanceof Tuple && message.elements[0] === LOG && (message.length === 4 || message.length === 5)
  );
}

/** A format that does not fit its arguments is shown as it is, with them. */
function formatted(format: unknown, args: unknown): string {
  try {
    return ioFormat(format, args);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return `${inspectTerm(format)} ${inspectTerm(args)}`;
  }
}

/** `{string, Text}`, or `{report, Map}` and the like. */
function reported(report: unknown): string {
  if (report instanceof Tuple && report.length === 2 && report.elements[0] === atom('string'))
    return formatted('~ts', [report.elements[1]]);
  return inspectTerm(report instanceof Tuple && report.length === 2 ? report.elements[1] : report);
}

/** Who logged it: the event's metadata says so. */
function pidOf(meta: unknown): Pid | undefined {
  if (typeof meta !== 'object' || meta === null) return undefined;
  const pid = meta instanceof Map ? meta.get(atom('pid')) : (meta as { pid?: unknown }).pid;
  return pid instanceof Pid ? pid : undefined;
}
