import type { Stream, Streams } from '../../src/env/streams.ts';

/**
 * Streams that tell of every chunk that comes, before it is handed on.
 * @param isHeld while it answers true, the node cannot resume a stream
 */
export function watchedStreams(
  streams: Streams,
  heard: (bytes: number, stream: Stream) => void,
  isHeld: () => boolean = () => false,
): Streams {
  const watch = (stream: Stream): Stream =>
    new Proxy(stream, {
      get(target, key) {
        if (key === 'start')
          return (handlers: Parameters<Stream['start']>[0]) =>
            target.start({
              ...handlers,
              data: (chunk) => {
                heard(chunk.length, stream);
                handlers.data(chunk);
              },
            });
        if (key === 'resume') return () => void (isHeld() || target.resume());
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return {
    ...streams,
    listen: (options, onStream) => streams.listen(options, (stream) => onStream(watch(stream))),
    connect: async (options) => watch(await streams.connect(options)),
  };
}
