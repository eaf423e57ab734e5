/**
 * Erlang's terms in JavaScript: the classes for what JavaScript lacks, their order and print, and the external
 * term format (`etf/`). Knows bytes and values, and neither links nor processes.
 */
export { Atom, atom, MAX_ATOM_CHARACTERS } from './atom.ts';
export { AtomMap, atoms } from './atom-map.ts';
export { BitString, bytes, text } from './binary.ts';
export { type DecodeOptions, decodeTerm, type EncodeOptions, encodeTerm } from './etf/codec.ts';
export { TermDecoder, type TermDecoderOptions } from './etf/decode.ts';
export { type AtomIndexes, encodeInto } from './etf/encode.ts';
export { Float, float } from './float.ts';
export { ExternalFun, OpaqueFun } from './fun.ts';
export { internPid, Pid, Port, publishPid, Ref } from './identifiers.ts';
export { charlist, ImproperList } from './list.ts';
export { compareTerms, equalTerms } from './order.ts';
export { inspectTerm } from './print.ts';
export { Tuple, tuple } from './tuple.ts';
