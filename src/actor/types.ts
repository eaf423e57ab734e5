/** The types of the public front: what actors are, and what their callers may say. */
export type { Deferred } from '../process/deferred.ts';
export type { Destination, GlobalName } from '../process/destination.ts';
export type { GlobalNames } from '../process/global-names.ts';
export type {
  Actor,
  AnyActor,
  ArgsOf,
  Body,
  CallOptions,
  Client,
  MailboxOptions,
  MethodArgs,
  MethodName,
  MethodResult,
  MethodsOf,
  ReceiveOptions,
  SpawnFromSelfOptions,
  SpawnOptions,
  SpawnRest,
} from '../process/protocol.ts';
export type { Self } from '../process/self.ts';
export type { ActorSelf } from './actor-self.ts';
