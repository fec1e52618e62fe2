
// Deflate (RFC 1951), in the order of its sections: bytes that were deflated become the bytes that they were. Browsers inflate by
// themselves only while others wait, and what is printed cannot wait.

// 3.2.5: where lengths and distances begin, and how many bits follow.
const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577];
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
// 3.2.7: the order in which the lengths of the codes for lengths come.
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
// 3.2.6
const FIXED = () => [codes([...Array(288).keys()].map((symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8))),
  codes(Array(30).fill(5))];

/** The bytes again; throws where these were not deflated. */
function inflate(bytes) {
  const from = { bytes, at: 0, held: 0, bits: 0 };
  let out = { bytes: new Uint8Array(Math.max(1024, bytes.length * 8)), length: 0 };
  for (let isLast = 0; !isLast;) {
    isLast = take(from, 1);
    const kind = take(from, 2);
    if (kind === 0) stored(from, out);
    else if (kind === 3) throw new Error("not deflated");
    else coded(from, out, ...(kind === 1 ? FIXED() : dynamic(from)));
  }
  return out.bytes.subarray(0, out.length);
}

function hold(from, wanted) {
  while (from.bits < wanted) {
    // A code may be shorter than what is held for it: beyond the end there are zeros.
    if (from.at > from.bytes.length + 4) throw new Error("cut off");
    from.held |= (from.bytes[from.at] ?? 0) << from.bits;
    from.at += 1;
    from.bits += 8;
  }
}

function take(from, wanted) {
  if (wanted === 0) return 0;
  hold(from, wanted);
  const value = from.held & ((1 << wanted) - 1);
  from.held >>>= wanted;
  from.bits -= wanted;
  return value;
}

function room(out, wanted) {
  if (out.length + wanted <= out.bytes.length) return;
  const larger = new Uint8Array((out.length + wanted) * 2);
  larger.set(out.bytes);
  out.bytes = larger;
}

/** 3.2.4 */
function stored(from, out) {
  from.at -= from.bits >> 3;
  from.held = from.bits = 0;
  const length = from.bytes[from.at] | from.bytes[from.at + 1] << 8;
  from.at += 4;
  room(out, length);
  out.bytes.set(from.bytes.subarray(from.at, from.at + length), out.length);
  out.length += length;
  from.at += length;
}

/** 3.2.7: the codes of this block. */
function dynamic(from) {
  const [literals, distances, lengths] = [take(from, 5) + 257, take(from, 5) + 1, take(from, 4) + 4];
  const first = Array(19).fill(0);
  for (const symbol of ORDER.slice(0, lengths)) first[symbol] = take(from, 3);
  const table = codes(first);
  const all = [];
  while (all.length < literals + distances) {
    const symbol = next(from, table);
    if (symbol < 16) all.push(symbol);
    else if (symbol === 16) repeat(all, all.at(-1) ?? 0, 3 + take(from, 2));
    else repeat(all, 0, symbol === 17 ? 3 + take(from, 3) : 11 + take(from, 7));
  }
  return [codes(all.slice(0, literals)), codes(all.slice(literals))];
}

function repeat(list, value, times) {
  for (let time = 0; time < times; time += 1) list.push(value);
}

/** 3.2.2: for all bits that can come next, the symbol and, in the low four bits, how many of the bits are its. */
function codes(lengths) {
  const longest = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << longest);
  let code = 0;
  for (let length = 1; length <= longest; length += 1, code <<= 1) {
    lengths.forEach((itsLength, symbol) => {
      if (itsLength !== length) return;
      let turned = 0;
      for (let bit = 0; bit < length; bit += 1) turned |= (code >> bit & 1) << (length - 1 - bit);
      for (let at = turned; at < table.length; at += 1 << length) table[at] = symbol << 4 | length;
      code += 1;
    });
  }
  return { table, longest };
}

function next(from, { table, longest }) {
  hold(from, longest);
  const entry = table[from.held & (table.length - 1)];
  const length = entry & 15;
  if (length === 0) throw new Error("no such code");
  from.held >>>= length;
  from.bits -= length;
  return entry >> 4;
}

/** 3.2.3: literals, and copies of what came before. */
function coded(from, out, literals, distances) {
  for (;;) {
    const symbol = next(from, literals);
    if (symbol === 256) return;
    room(out, 258);
    if (symbol < 256) {
      out.bytes[out.length] = symbol;
      out.length += 1;
    } else {
      const length = LENGTH_BASE[symbol - 257] + take(from, LENGTH_BITS[symbol - 257]);
      const far = next(from, distances);
      const distance = DISTANCE_BASE[far] + take(from, DISTANCE_BITS[far]);
      for (let end = out.length + length; out.length < end; out.length += 1) out.bytes[out.length] = out.bytes[out.length - distance];
    }
  }
}
