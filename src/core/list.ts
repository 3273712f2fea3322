// Lists made in functions that become hot. `Array.prototype.map` does the same, but its results have one hidden class before V8 has compiled
// the caller and another one after, so that whatever was compiled to read such lists is thrown away once for every caller. These have that
// of a literal. Nor do they come from `new Array(length)`, whose hidden class is that of a list with holes.

/** What a function gives for each item. */
export function mapped<T, U>(list: readonly T[], give: (item: T, index: number) => U): U[] {
  const all: unknown[] = list.slice();
  for (let i = 0; i < list.length; i++) all[i] = give(list[i]!, i);
  return all as U[];
}

/** The same for numbers: compiled for objects as well, it would give numbers the hidden class of objects. */
export function mappedNumbers(
  list: readonly number[],
  give: (item: number, index: number) => number,
): number[] {
  const all = list.slice();
  for (let i = 0; i < list.length; i++) all[i] = give(list[i]!, i);
  return all;
}

const blanks: number[][] = [[]];

/** So many zeros, to be written over: without room to spare, which lists that grow by `push` have. */
export function zeros(length: number): number[] {
  for (let longest = blanks.length - 1; longest < length; longest++)
    blanks.push([...blanks[longest]!, 0]);
  return blanks[length]!.slice();
}

/** One list behind another. */
export function joined(first: readonly number[], second: readonly number[]): number[] {
  const all = zeros(first.length + second.length);
  for (let i = 0; i < first.length; i++) all[i] = first[i]!;
  for (let i = 0; i < second.length; i++) all[first.length + i] = second[i]!;
  return all;
}
