import { DistFlag, type DistFlagName, type DistFlags, hasFlag } from '../../src/handshake/flags.ts';

/** Every known bit by name. */
export function flagSet(flags: DistFlags): Readonly<Record<DistFlagName, boolean>> {
  const names = Object.keys(DistFlag) as DistFlagName[];
  return Object.fromEntries(names.map((name) => [name, hasFlag(flags, DistFlag[name])])) as Record<
    DistFlagName,
    boolean
  >;
}
