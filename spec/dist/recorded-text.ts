import { createHash } from 'node:crypto';
import type { Tagged } from '../term/etf/tagged.ts';

/** Elements shown of a long list, and the length from which a list is long. */
const SHOWN = 4;
const LONG = 50;

/** A term in the text form of the recordings, as far as it is known from its tagged form. */
export function recordedText(json: Tagged): string {
  const kind = Object.keys(json)[0]!;
  const value = json[kind];
  switch (kind) {
    case 'atom':
      return /^[a-z][\w@]*$/.test(value) ? value : `'${value}'`;
    case 'int':
      return value;
    case 'bits':
      return String(Buffer.from(value, 'hex').readDoubleBE());
    case 'binary':
      return binaryText(Buffer.from(value, 'hex'));
    case 'list':
      return listText(value, json.tail);
    case 'tuple':
      return `{${value.map(recordedText).join()}}`;
    case 'map':
      return `#{${value.map(([k, v]: [Tagged, Tagged]) => `${recordedText(k)}=>${recordedText(v)}`).join()}}`;
    case 'pid':
      return `#pid<${value.node},${value.id},${value.serial},creation=${value.creation}>`;
    case 'port':
      return `#port<${value.node},${value.id},creation=${value.creation}>`;
    case 'ref':
      return `#ref<${value.node},creation=${value.creation},words=[${value.words.join(', ')}]>`;
    case 'export':
      return `fun ${value.module}:${value.function}/${value.arity}`;
    default:
      throw new Error(`no text for ${kind}`);
  }
}

function binaryText(bytes: Buffer): string {
  if (bytes.length > 200)
    return `<<${bytes.length} bytes sha256:${createHash('sha256').update(bytes).digest('hex')}>>`;
  return bytes.every((byte) => byte >= 32 && byte < 127) ? `<<"${bytes}">>` : `<<${[...bytes].join()}>>`;
}

function listText(list: readonly Tagged[], tail: Tagged): string {
  if (tail !== undefined) return `[${list.map(recordedText).join()}|${recordedText(tail)}]`;
  const codes = list.map((element) => Number(element.int ?? Number.NaN));
  if (list.length > 0 && codes.every((code) => code >= 32 && code < 127))
    return `"${String.fromCharCode(...codes)}"`;
  if (list.length >= LONG)
    return `[${list.length} elements: ${list.slice(0, SHOWN).map(recordedText).join()}, ...]`;
  return `[${list.map(recordedText).join()}]`;
}
