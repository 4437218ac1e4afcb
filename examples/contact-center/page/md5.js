// MD5 (RFC 1321) of a text as UTF-8, in hex: digest authentication wants it, and browsers do not have it.

const S = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const K = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) >>> 0);

export function md5(text) {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(((bytes.length + 8) >> 6 << 6) + 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length * 8, true);
  view.setUint32(padded.length - 4, Math.floor(bytes.length / 2 ** 29), true);
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < padded.length; block += 64) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const [f, g] = [
        [(b & c) | (~b & d), i],
        [(d & b) | (~d & c), (5 * i + 1) % 16],
        [b ^ c ^ d, (3 * i + 5) % 16],
        [c ^ (b | ~d), (7 * i) % 16],
      ][round];
      const sum = (a + f + K[i] + view.getUint32(block + g * 4, true)) >>> 0;
      const turn = S[round * 4 + (i % 4)];
      [a, d, c, b] = [d, c, b, (b + ((sum << turn) | (sum >>> (32 - turn)))) >>> 0];
    }
    state = [state[0] + a, state[1] + b, state[2] + c, state[3] + d].map((n) => n >>> 0);
  }
  const out = new DataView(new ArrayBuffer(16));
  state.forEach((n, i) => out.setUint32(i * 4, n, true));
  return Array.from(new Uint8Array(out.buffer), (b) => b.toString(16).padStart(2, "0")).join("");
}
