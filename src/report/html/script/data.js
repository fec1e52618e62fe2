
// What stands in the page as data: JSON, and blocks of it that are deflated and in base64, one line a connection.

/** The value of a block of plain JSON. */
function plainData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** The lines of a deflated block. */
function lines(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  return new TextDecoder().decode(inflate(bytes)).trimEnd().split("\n");
}

/** All rows of the table, in their order. */
function allRows(blocks) {
  return blocks.rows.flatMap((_, block) => JSON.parse(`[${lines(`data-rows-${block}`).join(",")}]`));
}

/** A function that gives the connection at a place of the table. The block that was read last is kept: the next one is often in it. */
function reader(blocks) {
  let kept = null;
  return (place) => {
    let [block, before] = [0, 0];
    while (place >= before + blocks.details[block]) {
      before += blocks.details[block];
      block += 1;
    }
    if (kept?.block !== block) kept = { block, lines: lines(`data-details-${block}`) };
    return JSON.parse(kept.lines[place - before]);
  };
}
