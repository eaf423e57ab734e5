/**
 * Capability bits of the distribution protocol, 64 wide. Each side tells its own; only bits that both told are in
 * force. Unknown bits are ignored.
 *
 * @see erl_dist_protocol, Distribution Flags
 */
export type DistFlags = bigint;

/** Bit by name, as the manual spells them (without `DFLAG_`). */
export const DistFlag = {
  /** The node wants to be listed in `nodes()`; hidden nodes leave it out. */
  PUBLISHED: 1n << 0n,
  ATOM_CACHE: 1n << 1n,
  EXTENDED_REFERENCES: 1n << 2n,
  DIST_MONITOR: 1n << 3n,
  FUN_TAGS: 1n << 4n,
  DIST_MONITOR_NAME: 1n << 5n,
  HIDDEN_ATOM_CACHE: 1n << 6n,
  NEW_FUN_TAGS: 1n << 7n,
  EXTENDED_PIDS_PORTS: 1n << 8n,
  EXPORT_PTR_TAG: 1n << 9n,
  BIT_BINARIES: 1n << 10n,
  NEW_FLOATS: 1n << 11n,
  UNICODE_IO: 1n << 12n,
  /** Frames carry a distribution header with an atom cache. */
  DIST_HDR_ATOM_CACHE: 1n << 13n,
  SMALL_ATOM_TAGS: 1n << 14n,
  ETS_COMPRESSED: 1n << 15n,
  UTF8_ATOMS: 1n << 16n,
  MAP_TAG: 1n << 17n,
  BIG_CREATION: 1n << 18n,
  /** SEND_SENDER instead of SEND. */
  SEND_SENDER: 1n << 19n,
  BIG_SEQTRACE_LABELS: 1n << 20n,
  NO_MAGIC: 1n << 21n,
  /** PAYLOAD_EXIT, PAYLOAD_EXIT2 and PAYLOAD_MONITOR_P_EXIT instead of the forms with the reason inside. */
  EXIT_PAYLOAD: 1n << 22n,
  /** Big messages come in fragments. */
  FRAGMENTS: 1n << 23n,
  /** Version 6 of the handshake is understood. */
  HANDSHAKE_23: 1n << 24n,
  /** UNLINK_ID and UNLINK_ID_ACK instead of UNLINK. */
  UNLINK_ID: 1n << 25n,
  /** Stands for everything that OTP 25 made mandatory. */
  MANDATORY_25_DIGEST: 1n << 26n,
  SPAWN: 1n << 32n,
  /** The caller asks for a node name. */
  NAME_ME: 1n << 33n,
  V4_NC: 1n << 34n,
  ALIAS: 1n << 35n,
  LOCAL_EXT: 1n << 36n,
  ALTACT_SIG: 1n << 37n,
  NATIVE_RECORDS: 1n << 38n,
} as const satisfies Record<string, DistFlags>;

export type DistFlagName = keyof typeof DistFlag;

/** Bits that every peer must tell: what `MANDATORY_25_DIGEST` stands for (0x1070f94). Our terms rely on them. */
export const MANDATORY_FLAGS: DistFlags =
  DistFlag.EXTENDED_REFERENCES |
  DistFlag.FUN_TAGS |
  DistFlag.NEW_FUN_TAGS |
  DistFlag.EXTENDED_PIDS_PORTS |
  DistFlag.EXPORT_PTR_TAG |
  DistFlag.BIT_BINARIES |
  DistFlag.NEW_FLOATS |
  DistFlag.UTF8_ATOMS |
  DistFlag.MAP_TAG |
  DistFlag.BIG_CREATION |
  DistFlag.HANDSHAKE_23;

/** The same for a version 5 message, whose sender cannot know HANDSHAKE_23. */
export const MANDATORY_FLAGS_5: DistFlags = MANDATORY_FLAGS & ~DistFlag.HANDSHAKE_23;

/**
 * What a hidden node of ours offers (0xd07df7fbc): all that OTP 25 does. Which form frames have on a link follows
 * from DIST_HDR_ATOM_CACHE and FRAGMENTS: without both they are pass-through frames.
 */
export const OFFERED_FLAGS: DistFlags =
  MANDATORY_FLAGS |
  DistFlag.DIST_MONITOR |
  DistFlag.DIST_MONITOR_NAME |
  DistFlag.UNICODE_IO |
  DistFlag.DIST_HDR_ATOM_CACHE |
  DistFlag.SMALL_ATOM_TAGS |
  DistFlag.SEND_SENDER |
  DistFlag.BIG_SEQTRACE_LABELS |
  DistFlag.EXIT_PAYLOAD |
  DistFlag.FRAGMENTS |
  DistFlag.UNLINK_ID |
  DistFlag.MANDATORY_25_DIGEST |
  DistFlag.SPAWN |
  DistFlag.V4_NC |
  DistFlag.ALIAS;

/** The flags a node of ours offers: with PUBLISHED (0xd07df7fbd) unless it is hidden. */
export function offeredFlags(hidden: boolean): DistFlags {
  return hidden ? OFFERED_FLAGS : OFFERED_FLAGS | DistFlag.PUBLISHED;
}

export function hasFlag(flags: DistFlags, flag: DistFlags): boolean {
  return (flags & flag) === flag;
}

/** Spells out MANDATORY_25_DIGEST: the one bit may come alone, in place of all that it stands for. */
export function expandMandatory25(flags: DistFlags): DistFlags {
  return hasFlag(flags, DistFlag.MANDATORY_25_DIGEST) ? flags | MANDATORY_FLAGS : flags;
}

/** Names of the bits that are set and known, the lowest bit first. */
export function flagNames(flags: DistFlags): DistFlagName[] {
  return (Object.keys(DistFlag) as DistFlagName[]).filter((name) => hasFlag(flags, DistFlag[name]));
}

/** Names of the mandatory bits that a peer's message leaves out; `flags` with MANDATORY_25_DIGEST spelt out. */
export function missingFlags(flags: DistFlags, version: 5 | 6): DistFlagName[] {
  return flagNames((version === 6 ? MANDATORY_FLAGS : MANDATORY_FLAGS_5) & ~flags);
}
