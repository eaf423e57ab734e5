import { connect } from 'node:net';

/** A node as the port mapper lists it: the part before the `@`, and where it listens. */
export interface EpmdName {
  readonly name: string;
  readonly port: number;
}

/** NAMES_REQ: 16-bit length, then `n`. */
const NAMES_REQ = Uint8Array.of(0, 1, 110);
/** More than a port mapper with thousands of nodes has to say; past it, what answers is no port mapper. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * What the port mapper at this address knows. Asked directly, since naming nodes needs no node of one's own and no
 * cookie.
 *
 * The answer is the mapper's port as 32 bits, then a line `name NAME at port PORT` per node, until it closes.
 */
export function epmdNames(host: string, port: number, timeoutMs: number): Promise<EpmdName[]> {
  const where = `the port mapper at ${host}:${port}`;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const socket = connect({ host, port });
    const fail = (message: string, cause?: unknown): void => {
      socket.destroy();
      reject(new Error(message, { cause }));
    };
    socket.setTimeout(timeoutMs, () => fail(`${where} did not answer within ${timeoutMs} ms`));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ECONNREFUSED'
          ? `nobody answers as ${where}`
          : `cannot ask ${where}: ${error.message}`,
      ),
    );
    socket.on('connect', () => socket.write(NAMES_REQ));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_ANSWER_BYTES) fail(`${where} says too much to be a port mapper`);
    });
    socket.on('end', () => {
      const answer = Buffer.concat(chunks);
      socket.destroy();
      const names = parseNames(answer);
      if (names === undefined) reject(new Error(`what answers as ${where} is no port mapper`));
      else resolve(names);
    });
  });
}

/** The entries of a NAMES_RESP, or undefined when it is none. */
export function parseNames(answer: Buffer): EpmdName[] | undefined {
  if (answer.length < 4) return undefined;
  const names: EpmdName[] = [];
  for (const line of answer.toString('utf8', 4).split('\n')) {
    if (line === '') continue;
    const match = /^name (.*) at port (\d+)$/.exec(line);
    if (match === null) return undefined;
    names.push({ name: match[1] ?? '', port: Number(match[2]) });
  }
  return names;
}
