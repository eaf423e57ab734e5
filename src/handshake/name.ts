/** Longest node name, in characters: it must fit an atom. Fixed by the specification. */
export const MAX_NODE_NAME_CHARACTERS = 255;

/** Short enough, and fit to stand in a log line: OTP 25 takes control characters too, but no node has such a name. */
const fits = (text: string): boolean =>
  (text.length <= MAX_NODE_NAME_CHARACTERS || [...text].length <= MAX_NODE_NAME_CHARACTERS) &&
  !/\p{Cc}/u.test(text);

/** Whether this is `name@host`: exactly one @, both parts filled, at most 255 characters, none a control character. */
export function isNodeName(text: string): boolean {
  const at = text.indexOf('@');
  return at > 0 && at < text.length - 1 && text.indexOf('@', at + 1) < 0 && fits(text);
}

/** Whether this can stand for the host of a node that asks for its name: filled, no @. */
export function isHost(text: string): boolean {
  return text !== '' && !text.includes('@') && fits(text);
}

/** The part after the @ of a node name. */
export function hostOf(nodeName: string): string {
  return nodeName.slice(nodeName.indexOf('@') + 1);
}

/** The part before the @ of a node name. */
export function aliveOf(nodeName: string): string {
  return nodeName.slice(0, nodeName.indexOf('@'));
}

/** Long names have a dot or an IP address in their host; the two kinds do not connect to each other. */
export function isLongName(nodeName: string): boolean {
  return /[.:]/.test(hostOf(nodeName));
}
