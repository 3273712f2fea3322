// Dimensions of a tensor split, put in another order and joined as a pattern says.
import { isPlainObject } from "../core/tree.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import { isTensor } from "../ops/access.ts";
import { describe } from "../ops/define/parameters.ts";
import { stack } from "../ops/join.ts";
import type { Tensor } from "../ops/methods.ts";

const ellipsis = "...";

/** The names that make up each dimension; none where it is written as 1. */
type Side = readonly (readonly string[])[];

function refusal(pattern: string, why: string): ArgumentError {
  return new ArgumentError(`func.rearrange: "${pattern}": ${why}`);
}

/** Reads one side of a pattern. */
function sideOf(text: string, pattern: string): Side {
  const dimensions: string[][] = [];
  const seen = new Set<string>();
  let group: string[] | null = null;
  for (const [token] of text.matchAll(/\.\.\.|[()]|[^\s().]+|\./g)) {
    if (token === "(") {
      if (group !== null) throw refusal(pattern, "parentheses do not nest");
      group = [];
      dimensions.push(group);
    } else if (token === ")") {
      if (group === null) throw refusal(pattern, "a parenthesis closes that was not opened");
      group = null;
    } else if (token === "1") {
      if (group === null) dimensions.push([]);
    } else {
      if (token !== ellipsis && !/^\p{ID_Start}\p{ID_Continue}*(?<!_)$/u.test(token))
        throw refusal(
          pattern,
          `"${token}" is not a name of letters, digits and inner underscores, nor "1" nor "..."`,
        );
      if (seen.has(token)) throw refusal(pattern, `"${token}" stands twice on one side`);
      seen.add(token);
      if (group === null) dimensions.push([token]);
      else group.push(token);
    }
  }
  if (group !== null) throw refusal(pattern, "a parenthesis opens that is not closed");
  return dimensions;
}

/** The two sides, which have the same names. */
function sidesOf(pattern: string): readonly [Side, Side] {
  const parts = pattern.split("->");
  if (parts.length !== 2) throw refusal(pattern, 'has to have one "->" between its two sides');
  const [left, right] = [sideOf(parts[0]!, pattern), sideOf(parts[1]!, pattern)];
  if (left.some((names) => names.length > 1 && names.includes(ellipsis)))
    throw refusal(
      pattern,
      '"..." stands in parentheses on the left, where nothing tells its sizes',
    );
  const [before, after] = [left.flat(), right.flat()];
  for (const name of [...before, ...after])
    if (!before.includes(name) || !after.includes(name))
      throw refusal(pattern, `"${name}" has to stand on both sides`);
  return [left, right];
}

/** The pattern's dimensions with names of their own for those that the ellipsis stands for. */
function spelledOut(side: Side, hidden: readonly string[]): Side {
  return side.flatMap((names) => {
    if (names.length === 1 && names[0] === ellipsis) return hidden.map((name) => [name]);
    return [names.flatMap((name) => (name === ellipsis ? hidden : [name]))];
  });
}

/** The size of every name, from the tensor's sizes and the lengths given. */
function sizesOf(
  left: Side,
  sizes: Sizes,
  lengths: Readonly<Record<string, number>>,
  pattern: string,
): Map<string, number> {
  const found = new Map<string, number>(Object.entries(lengths));
  for (const [dim, names] of left.entries()) {
    const size = sizes[dim]!;
    const open = names.filter((name) => !found.has(name));
    const known = names.reduce((product, name) => product * (found.get(name) ?? 1), 1);
    if (open.length > 1)
      throw refusal(pattern, `give the length of "${open[0]}" or of "${open[1]}" as well`);
    const rest = open.length === 0 ? 1 : size / known;
    if (!Number.isInteger(rest) || known * rest !== size)
      throw new ShapeError(
        `func.rearrange: "${pattern}": dimension ${dim} of ${formatSizes(sizes)} ` +
          (names.length === 0
            ? "is written as 1 in the pattern"
            : `does not split into ${names.map((name) => `${name} = ${found.get(name) ?? "?"}`).join(", ")}`),
      );
    if (open.length === 1) found.set(open[0]!, rest);
  }
  return found;
}

/**
 * The tensor with its dimensions named, split, reordered and joined as `pattern` says, "left -> right" in the notation of einops: names
 * in parentheses make up one dimension, the first varying slowest; `1` is a dimension of size 1; `...` stands for any number of dimensions.
 * `lengths` tells sizes that the tensor's do not. An array of tensors is stacked first. The result shares the tensor's memory where
 * strides can express it. Throws ArgumentError for a pattern that cannot be read or names something on one side only, ShapeError where
 * the tensor does not fit it.
 * @example
 * ```ts
 * const images = torch.randn(32, 30, 40, 3);
 * torch.func.rearrange(images, "b h w c -> b (c h w)").shape // => 32,3600
 * torch.func.rearrange(images, "b (h1 h) w c -> (b h1) h w c", { h1: 2 }).shape // => 64,15,40,3
 * ```
 */
export function rearrange(
  tensor: Tensor | readonly Tensor[],
  pattern: string,
  lengths: Readonly<Record<string, number>> = {},
): Tensor {
  if (!isTensor(tensor) && !(Array.isArray(tensor) && tensor.length > 0 && tensor.every(isTensor)))
    throw new ArgumentError(
      `func.rearrange: expected a tensor or an array of them, got ${describe(tensor)}`,
    );
  if (typeof pattern !== "string")
    throw new ArgumentError(`func.rearrange: expected a pattern, got ${describe(pattern)}`);
  if (!isPlainObject(lengths))
    throw new ArgumentError(
      `func.rearrange: expected lengths by name, such as { h: 2 }, got ${describe(lengths)}`,
    );
  const whole = isTensor(tensor) ? tensor : stack(tensor as readonly Tensor[]);
  const { sizes } = whole;
  const [left, right] = sidesOf(pattern);
  const names = left.flat();
  for (const [name, length] of Object.entries(lengths)) {
    if (!names.includes(name)) throw refusal(pattern, `there is no "${name}" to give a length to`);
    if (!Number.isSafeInteger(length) || length < 0)
      throw refusal(pattern, `the length of "${name}" is ${describe(length)}, not a whole number`);
  }
  const hiddenCount = names.includes(ellipsis) ? sizes.length - left.length + 1 : 0;
  if (hiddenCount < 0 || (!names.includes(ellipsis) && left.length !== sizes.length))
    throw new ShapeError(
      `func.rearrange: "${pattern}" names ${left.length - (hiddenCount < 0 ? 1 : 0)} dimensions, but the tensor has the sizes ${formatSizes(sizes)}`,
    );
  const hidden = Array.from({ length: hiddenCount }, (_, i) => `${ellipsis}${i}`);
  const [from, to] = [spelledOut(left, hidden), spelledOut(right, hidden)];
  const lengthOf = sizesOf(from, sizes, lengths, pattern);
  const [before, after] = [from.flat(), to.flat()];
  return whole
    .reshape(before.map((name) => lengthOf.get(name)!))
    .permute(after.map((name) => before.indexOf(name)))
    .reshape(to.map((group) => group.reduce((size, name) => size * lengthOf.get(name)!, 1)));
}
