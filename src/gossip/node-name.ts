/** Longest node name in characters: it travels as an atom. */
export const MAX_NODE_NAME_CHARACTERS = 255;

/** One `@` with something printable on both sides; no white space, no control or format characters. */
const NODE_NAME = /^[^@\s\p{C}]+@[^@\s\p{C}]+$/u;

/**
 * Whether a name heard from strangers has the form `name@host`. More names pass than a BEAM would start a node with
 * (its rules differ by release); none passes that could break a log line or a port mapper's request.
 */
export function isNodeName(name: string): boolean {
  return name.length <= MAX_NODE_NAME_CHARACTERS && NODE_NAME.test(name);
}
