// Who is measured behind whom. A process does not end its work with its measurement: threads of its garbage collector go on, and what
// it had in the caches is there. So nobody may always come behind the same one.

/**
 * The items in the order of a round: row by row a Williams square (E. J. Williams 1949), 0, 1, n-1, 2, n-2, … and in each round a place
 * further. Of an odd number of items every other row goes backwards. Over a whole number of squares, n rows or 2n where n is
 * odd, everybody comes behind everybody else equally often, and begins equally often.
 */
export function inTurn<Item>(items: readonly Item[], round: number): Item[] {
  const { length } = items;
  const row = items.map((_, index) => {
    const step = index % 2 === 0 ? length - index / 2 : (index + 1) / 2;
    return items[(step + round) % length]!;
  });
  return length % 2 === 1 && round % 2 === 1 ? row.reverse() : row;
}
