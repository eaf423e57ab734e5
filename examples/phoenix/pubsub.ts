import { actor, at, atom, child, type Node, supervisor, Tuple, text, tuple } from '../../src/index.ts';

/** What Elixir calls Phoenix.PubSub: an atom with a prefix. */
const module = (name: string) => atom(`Elixir.${name}`);
const FORWARD = atom('forward_to_local');

/**
 * Makes a node a member of a Phoenix.PubSub (2.0 and later) that uses its default adapter, `Phoenix.PubSub.PG2`.
 *
 * On the wire that is a scope of groups, `Phoenix.PubSub`, in which one process of each node is a member of the group
 * `<name>.Adapter`, registered under the same name. To broadcast is to send each of the others
 * `{:forward_to_local, Topic, Message, Dispatcher}`; who gets it tells the subscribers of its node, through the
 * function `dispatch/3` of the module Dispatcher.
 *
 * @param name as in `{Phoenix.PubSub, name: MyApp.PubSub}`
 * @param poolSize as in `pool_size:`; there are as many groups, the further ones with `_2`, `_3`, … behind their names
 */
export function joinPubSub(node: Node, name: string, poolSize = 1) {
  const scope = node.groups.scope('Elixir.Phoenix.PubSub');
  const adapter = `Elixir.${name}.Adapter`;
  const groups = Array.from({ length: poolSize }, (_, i) => (i === 0 ? adapter : `${adapter}_${i + 1}`));
  const subscribers = new Map<string, Set<(message: unknown) => void>>();
  const dispatch = (topic: string, message: unknown) => {
    for (const tell of subscribers.get(topic) ?? []) tell(message);
  };

  // Joins anew whenever it is started anew.
  const worker = actor('phoenix_pubsub', async (self, group: string) => {
    self.onMessage((message) => {
      if (!(message instanceof Tuple) || message.at(0) !== FORWARD || message.length !== 4) return;
      dispatch(text(message.at(1)), message.at(2));
    });
    await scope.join(atom(group), self.pid);
    return {};
  });
  const pool = supervisor(`${adapter}_supervisor`, {}, () =>
    groups.map((group) => child(worker, [group], { id: group, name: group })),
  );
  node.spawn(pool, [], { name: `${adapter}_supervisor` });

  const forward = (topic: string, message: unknown, dispatcher: string) =>
    tuple(FORWARD, topic, message, module(dispatcher));
  return {
    /** Calls `listener` with each message that is broadcast on the topic, from any node. Returns the way out. */
    subscribe(topic: string, listener: (message: unknown) => void): () => void {
      const listeners = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) subscribers.delete(topic);
      };
    },
    /** To the subscribers of all nodes. What `MyAppWeb.Endpoint.broadcast` sends has the dispatcher `Phoenix.Channel.Server`. */
    broadcast(topic: string, message: unknown, dispatcher = 'Phoenix.PubSub'): void {
      for (const pid of scope.members(atom(adapter)))
        if (pid.node !== node.name) node.send(pid, forward(topic, message, dispatcher));
      dispatch(topic, message);
    },
    /** To the subscribers of one node. */
    directBroadcast(to: string, topic: string, message: unknown, dispatcher = 'Phoenix.PubSub'): void {
      if (to === node.name) dispatch(topic, message);
      else node.send(at(to, adapter), forward(topic, message, dispatcher));
    },
    /** Nodes that take part, this one among them. */
    nodes: (): string[] => scope.members(atom(adapter)).map((pid) => pid.node),
  };
}
