/**
 * The error family. Ask first whose fault it is; that decides the class:
 *
 * - the caller's: `OptionsError`, `EncodeError`, `NotSpawnableError`, `NameTakenError`; thrown at once, nothing has changed
 * - the peer's: `DecodeError`, `LimitError`, `HandshakeError`; that connection ends, the node lives
 * - the world's: `ConnectionError`, `CallTimeoutError`; retry, or expect a nodedown
 * - a process's: `ExitError`, which carries the exit reason as a term
 *
 * Messages name what was expected, what came and where. No cookie or secret is ever part of one.
 */

/** Stable, comparable name of an error's class; equal to `error.name`. */
export type ErrorCode =
  | 'OptionsError'
  | 'EncodeError'
  | 'DecodeError'
  | 'LimitError'
  | 'HandshakeError'
  | 'ConnectionError'
  | 'NameTakenError'
  | 'CallTimeoutError'
  | 'ExitError'
  | 'NotSpawnableError';

/** Base of every error that Beamish throws on purpose. Compare `code`, or use `instanceof`. */
export abstract class BeamishError extends Error {
  abstract readonly code: ErrorCode;

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option is unknown, of the wrong shape, or impossible on this machine. Nothing was started. */
export class OptionsError extends BeamishError {
  readonly code = 'OptionsError';
  /** The option, as a path: `epmd.port`. */
  readonly option: string;

  constructor(option: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.option = option;
  }
}

/** A value cannot become a term. Nothing of the message was sent. */
export class EncodeError extends BeamishError {
  readonly code = 'EncodeError';
  /** Where in the value, as a JavaScript path: `value.users[3].name`. */
  readonly path: string;

  constructor(message: string, path = 'value', options?: { readonly cause?: unknown }) {
    super(`${message} (at ${path})`, options);
    this.path = path;
  }
}

/** Bytes cannot be read. From a peer: its connection ends, other state is untouched. */
export class DecodeError extends BeamishError {
  readonly code = 'DecodeError';
  /** Bytes from the start of the frame, datagram or buffer that was being read. */
  readonly offset: number;

  constructor(message: string, offset: number, options?: { readonly cause?: unknown }) {
    super(`${message} (at offset ${offset})`, options);
    this.offset = offset;
  }
}

/** A declared size or a count is past its limit. Where the peer caused it, its connection ends. */
export class LimitError extends BeamishError {
  readonly code = 'LimitError';
  /** The option under `limits` that was reached. */
  readonly limit: string;

  constructor(limit: string, message: string) {
    super(message);
    this.limit = limit;
  }
}

/** A handshake did not end in a connection. The socket is closed, the node is as it was. */
export class HandshakeError extends BeamishError {
  readonly code = 'HandshakeError';
  /** The step that failed, in the manual's words: `send_name`, `recv_challenge`, ... */
  readonly stage: string;
  /** Name or address of the peer, as far as it is known. */
  readonly peer: string;

  constructor(stage: string, peer: string, message: string, options?: { readonly cause?: unknown }) {
    super(`handshake with ${peer} failed at ${stage}: ${message}`, options);
    this.stage = stage;
    this.peer = peer;
  }
}

/** A peer, a port mapper or a socket cannot be reached, or was lost. */
export class ConnectionError extends BeamishError {
  readonly code = 'ConnectionError';
}

/** The name is in use. Nothing was registered. */
export class NameTakenError extends BeamishError {
  readonly code = 'NameTakenError';
  readonly taken: unknown;

  constructor(taken: unknown, message: string) {
    super(message);
    this.taken = taken;
  }
}

/** No answer came in time. The request may still be carried out. */
export class CallTimeoutError extends BeamishError {
  readonly code = 'CallTimeoutError';
  readonly timeoutMs: number;

  constructor(message: string, timeoutMs: number) {
    super(message);
    this.timeoutMs = timeoutMs;
  }
}

/** A process ended, or never was: `reason` is the exit reason as a term (`noproc`, `noconnection`, ...). */
export class ExitError extends BeamishError {
  readonly code = 'ExitError';
  readonly reason: unknown;
  /** What was called or awaited, printed for people. */
  readonly destination: string;

  constructor(reason: unknown, destination: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
    this.destination = destination;
  }
}

/** The other node does not list this actor in its `actors`, or cannot be asked to spawn. */
export class NotSpawnableError extends BeamishError {
  readonly code = 'NotSpawnableError';
}

/*
 * What was thrown, for people. Anything may be: an error whose properties throw when they are read, or hold what tools have put
 * there instead of text, an object that has no text, half of a surrogate pair. None of it is a reason to fail once more.
 */

/** The message of an error, anything else as text; it can be sent anywhere. */
export function messageOf(thrown: unknown): string {
  return textOf(() => (thrown instanceof Error ? thrown.message : thrown));
}

/** The same with where it was thrown, in several lines, as far as that is told. */
export function stackOf(thrown: unknown): string {
  return textOf(() => {
    if (!(thrown instanceof Error)) return thrown;
    const { stack } = thrown as { readonly stack?: unknown };
    return typeof stack === 'string' ? stack : `${nameOf(thrown)}: ${messageOf(thrown)}`;
  });
}

/** The name of an error's class. */
export function nameOf(thrown: Error): string {
  return textOf(() => thrown.name);
}

function textOf(read: () => unknown): string {
  try {
    return String(read()).toWellFormed();
  } catch {
    return 'something that cannot be shown';
  }
}
