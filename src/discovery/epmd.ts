import { messageOf } from '../errors.ts';
import { hostOf } from '../handshake/name.ts';
import type { Strategy, StrategyContext } from './strategy.ts';
import { checkInterval, checkKeys } from './strategy-options.ts';

export interface EpmdStrategyOptions {
  /** Pause between two looks, in ms. @default 5000 */
  readonly interval?: number;
}

/**
 * All nodes of this machine: every name that the node's own port mapper knows, asked again and again. They are taken
 * to have this node's host in their names. A port mapper that does not answer is counted (`epmd.failed`) and asked again.
 *
 * @throws OptionsError naming the option, its value and what would do
 */
export function epmd(options: EpmdStrategyOptions = {}): Strategy {
  checkKeys('epmd', options, ['interval']);
  const intervalMs = checkInterval('epmd', options.interval);

  const look = async (context: StrategyContext): Promise<void> => {
    const { env, self, telemetry, logger, found, names } = context;
    try {
      const host = hostOf(self.name);
      for (const { name, port } of await names()) found(`${name}@${host}`, { port });
    } catch (error) {
      telemetry.count('epmd.failed');
      const reason = messageOf(error);
      logger.oncePerMinute('discovery', `epmd.${context.topology}`, `epmd: no answer: ${reason}`);
    }
    env.clock.setTimeout(() => void look(context), intervalMs);
  };

  return {
    kind: 'epmd',
    start(context) {
      void look(context);
      // The timer ends with the context.
      return { stop() {} };
    },
  };
}
