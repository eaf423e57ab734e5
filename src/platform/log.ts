import type { Log, LogRecord } from '../env/log.ts';

/** One line per record on stderr, so that stdout stays the program's own. */
export const log: Log = {
  write: (record) => {
    process.stderr.write(`${logLine(record, new Date())}\n`);
  },
};

/**
 * Text of one record. Control characters are escaped and further lines (of a stack) indented: a peer's text can forge
 * neither records nor colours.
 */
export function logLine(record: LogRecord, at: Date): string {
  const message = record.message.replaceAll('\n', '\n    ').replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `${at.toISOString()} ${record.level} ${record.node} ${record.area}: ${message}`;
}
