/** The front door: every public name, one by one. */
export { actor } from './actor/actor.ts';
export type { EventSender, EventsAt } from './actor/actor-ref.ts';
export { actorRef } from './actor/actor-ref.ts';
export type { ChildOptions, ChildSpec, Restart } from './actor/child.ts';
export { child } from './actor/child.ts';
export type { StatechartArgs, StatechartMethods, StatechartOptions } from './actor/statechart.ts';
export { statechart } from './actor/statechart.ts';
export type { StatechartSnapshot } from './actor/statechart-snapshot.ts';
export type { SupervisorOptions } from './actor/supervision.ts';
export type { ChildInfo, SupervisorMethods } from './actor/supervisor.ts';
export { supervisor } from './actor/supervisor.ts';
export type { ActorSelf, Deferred, GlobalName } from './actor/types.ts';
export type { TlsOptions, TlsSideOptions } from './connection/tls.ts';
export type {
  DnsOptions,
  EpmdStrategyOptions,
  GossipOptions,
  HostAt,
  HostsOptions,
  Strategy,
  StrategyContext,
  StrategyHandle,
  Topology,
  Whereabouts,
} from './discovery/index.ts';
export { dns, epmd, gossip, hosts } from './discovery/index.ts';
export type {
  Clock,
  Datagrams,
  Env,
  Host,
  Log,
  LogArea,
  LogLevel,
  LogRecord,
  PeerCertificate,
  Random,
  Resolver,
  Stream,
  Streams,
  TlsClientOptions,
  TlsIdentity,
  TlsMaterial,
  TlsServerOptions,
  TlsVersion,
} from './env/index.ts';
export type { Limits } from './env/limits.ts';
export type { ErrorCode } from './errors.ts';
export {
  BeamishError,
  CallTimeoutError,
  ConnectionError,
  DecodeError,
  EncodeError,
  ExitError,
  HandshakeError,
  LimitError,
  NameTakenError,
  NotSpawnableError,
  OptionsError,
} from './errors.ts';
export type { ExportedModules, ExportOptions } from './kernel/exports.ts';
export type { ConnectOptions, NodeSnapshot, NodesKind } from './node.ts';
export { Node, startNode } from './node.ts';
export type { PeerInfo } from './node-events.ts';
export type { EpmdOptions, ListenOptions, NodeOptions } from './options.ts';
export { DEFAULT_OPTIONS } from './options.ts';
export type { Destination } from './process/destination.ts';
export { at, global } from './process/destination.ts';
export type { GlobalNames } from './process/global-names.ts';
export type { Io } from './process/io.ts';
export type { Mfa } from './process/mfa.ts';
export { mfa } from './process/mfa.ts';
export type {
  Actor,
  CallOptions,
  Client,
  MailboxOptions,
  ReceiveOptions,
  SpawnFromSelfOptions,
  SpawnMonitorOnOptions,
  SpawnMonitorOptions,
  SpawnOnFromSelfOptions,
  SpawnOnOptions,
  SpawnOptions,
} from './process/protocol.ts';
export type { Self } from './process/self.ts';
export { Down, Exit, NodeDown, NodeUp } from './process/system-messages.ts';
export type { WatchOptions } from './process/watch.ts';
export type {
  ChangeOptions,
  GlobalConflict,
  GlobalEvents,
  GlobalRegistry,
  LockOptions,
  RegisterOptions,
  Resolve,
  ResolverFunction,
} from './registry/global/index.ts';
export type { Groups } from './registry/groups/groups.ts';
export type { GroupEvent, GroupListener, GroupMonitor, Scope } from './registry/groups/scope.ts';
export type { DecodeOptions, EncodeOptions } from './term/index.ts';
export {
  Atom,
  AtomMap,
  atom,
  atoms,
  BitString,
  bytes,
  charlist,
  compareTerms,
  decodeTerm,
  ExternalFun,
  encodeTerm,
  equalTerms,
  Float,
  float,
  ImproperList,
  inspectTerm,
  OpaqueFun,
  Pid,
  Port,
  Ref,
  Tuple,
  text,
  tuple,
} from './term/index.ts';
