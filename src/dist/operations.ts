/**
 * Control operations: element 0 of the control tuple. `_TT` forms carry a trace token more.
 *
 * @see erl_dist_protocol, Protocol between Connected Nodes
 */
export const LINK = 1;
export const SEND = 2;
export const EXIT = 3;
export const UNLINK = 4;
export const REG_SEND = 6;
export const GROUP_LEADER = 7;
export const EXIT2 = 8;
export const SEND_TT = 12;
export const EXIT_TT = 13;
export const REG_SEND_TT = 16;
export const EXIT2_TT = 18;
export const MONITOR_P = 19;
export const DEMONITOR_P = 20;
export const MONITOR_P_EXIT = 21;
export const SEND_SENDER = 22;
export const SEND_SENDER_TT = 23;
export const PAYLOAD_EXIT = 24;
export const PAYLOAD_EXIT_TT = 25;
export const PAYLOAD_EXIT2 = 26;
export const PAYLOAD_EXIT2_TT = 27;
export const PAYLOAD_MONITOR_P_EXIT = 28;
export const SPAWN_REQUEST = 29;
export const SPAWN_REQUEST_TT = 30;
export const SPAWN_REPLY = 31;
export const SPAWN_REPLY_TT = 32;
export const ALIAS_SEND = 33;
export const ALIAS_SEND_TT = 34;
export const UNLINK_ID = 35;
export const UNLINK_ID_ACK = 36;
export const ALTACT_SIG_SEND = 37;

/** Flags of ALTACT_SIG_SEND (OTP 28 and newer), as erts' dist.h has them. */
export const ALTACT_TOKEN = 2;
export const ALTACT_ALIAS = 4;
export const ALTACT_NAME = 8;
export const ALTACT_EXIT = 16;

/** First byte of a pass-through frame. Fixed by the specification. */
export const PASS_THROUGH = 112;
/** First byte of every term, and of frames with a distribution header. */
export const VERSION_MAGIC = 131;
