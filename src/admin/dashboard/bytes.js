// Bytes as hexadecimal and as text, side by side.
import { h } from './dom.js';

const HEX = /^(?:[0-9a-f]{2})*$/i;

/** The bytes of `01 ff`, whatever stands between them; none where it is no hexadecimal. */
export function fromHex(text) {
  const plain = text.replaceAll(/0x|[\s,:;]/gi, '');
  if (!HEX.test(plain)) return undefined;
  return Uint8Array.from({ length: plain.length / 2 }, (_, at) =>
    parseInt(plain.slice(2 * at, 2 * at + 2), 16),
  );
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export const toHex = (bytes, between = '') =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);

export function toBase64(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Visible ASCII as it is, everything else as a dot. */
export const toText = (bytes) =>
  Array.from(bytes, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');

/** Rows of 16 bytes: where, hexadecimal, text. At most so many bytes. */
export function dump(bytes, most = 1024) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = bytes.slice(at, Math.min(at + 16, most));
    const [left, right] = [row.slice(0, 8), row.slice(8)].map((half) => toHex(half, ' '));
    const place = at.toString(16).padStart(4, '0');
    lines.push(
      h(
        'span',
        { class: 'row' },
        h('span', { class: 'at' }, place),
        h('span', { class: 'hex' }, right ? `${left}  ${right}` : left),
        h('span', { class: 'text' }, toText(row)),
      ),
    );
  }
  if (bytes.length > most) lines.push(h('span', { class: 'row' }, `and ${bytes.length - most} more`));
  return h('code', { class: 'dump' }, lines);
}
