/** The command line cannot be carried out as given. One line for people; nothing was started. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/**
 * What an error looks like on stderr: exactly one line, whatever was thrown. Causes are told after the message where
 * they add something; stacks are not, since the reader is somebody at a prompt.
 */
export function errorLine(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && current !== null && depth < 4; depth += 1) {
    const text = current instanceof Error ? current.message || current.name : String(current);
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return `beamish: ${parts.join(': ').replace(/\s*[\r\n]+\s*/g, ' ') || 'unknown error'}`;
}
