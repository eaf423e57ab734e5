import { encodeRequest } from '../../src/epmd/request.ts';
import { platformEnv } from '../../src/platform/index.ts';

/**
 * Registers a name as a node whose highest version of the handshake is 5, as OTP 22 and earlier do.
 * @returns gives the name back
 */
export async function registerOld(epmdPort: number, alive: string, port: number): Promise<() => void> {
  const stream = await platformEnv().streams.connect({ host: '127.0.0.1', port: epmdPort });
  await new Promise<void>((resolve, reject) => {
    stream.start({
      data: () => resolve(),
      closed: () => reject(new Error('the port mapper hung up')),
    });
    stream.write(
      encodeRequest({
        type: 'ALIVE2_REQ',
        registration: {
          name: alive,
          port,
          nodeType: 77,
          protocol: 0,
          highestVersion: 5,
          lowestVersion: 5,
          extra: new Uint8Array(0),
        },
      }),
    );
  });
  return () => stream.destroy();
}
