export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** The room that speaks; `node.debug(area, on)` switches its `debug` records at run time. */
export const LOG_AREAS = [
  'node',
  'epmd',
  'discovery',
  'connection',
  'handshake',
  'process',
  'registry',
  'kernel',
] as const;

export type LogArea = (typeof LOG_AREAS)[number];

export interface LogRecord {
  readonly level: LogLevel;
  readonly area: LogArea;
  readonly node: string;
  readonly message: string;
}

/**
 * Where log lines go. Records carry no cookie and no secret. A `write` that throws, or whose promise is rejected, loses
 * that record and harms nobody.
 */
export interface Log {
  write(record: LogRecord): void;
}
