// Arithmetic on sizes, strides and dimension numbers. Nothing here touches elements.
import { ArgumentError, IndexError, ShapeError } from "./errors.ts";
import { mappedNumbers } from "./list.ts";

/**
 * One number for each dimension. Lists that tensors share are not frozen, and lists are not made from those that users gave but number by
 * number: V8 compiles what reads them better, and less often anew, where nearly all are of the kind that literals are.
 */
export type Sizes = readonly number[];

/** More dimensions than this are refused: kernels keep a counter for each on their stack. */
export const maximumDimensions = 64;

export const noSizes: Sizes = [];

/** Number of elements: the product of the sizes. Throws ShapeError where it exceeds 2^53. */
export function elementCount(sizes: Sizes): number {
  let count = 1;
  for (let i = 0; i < sizes.length; i++) count *= sizes[i]!;
  if (count > Number.MAX_SAFE_INTEGER)
    throw new ShapeError(`${formatSizes(sizes)} has more elements than can be counted`);
  return count;
}

export function formatSizes(sizes: Sizes): string {
  return `[${sizes.length > maximumDimensions ? `${sizes.slice(0, 4).join(", ")}, ... ${sizes.length} dimensions` : sizes.join(", ")}]`;
}

/** Refuses sizes that are not whole, negative, or too many. */
export function checkSizes(operation: string, sizes: Sizes): void {
  if (sizes.length > maximumDimensions)
    throw new ShapeError(
      `${operation}: ${sizes.length} dimensions; at most ${maximumDimensions} are supported`,
    );
  for (const size of sizes) {
    if (typeof size !== "number" || !Number.isInteger(size))
      throw new ArgumentError(`${operation}: size ${String(size)} is not a whole number`);
    if (size < 0)
      throw new ShapeError(`${operation}: size ${size} in ${formatSizes(sizes)} is negative`);
  }
  elementCount(sizes);
}

const unitStride: Sizes = [1];

/** Strides of the row-major layout. */
export function contiguousStrides(sizes: Sizes): Sizes {
  if (sizes.length < 2) return sizes.length === 0 ? noSizes : unitStride;
  if (sizes.length === 2) return [sizes[1] || 1, 1];
  const strides = sizes.slice();
  let step = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= sizes[i] || 1;
  }
  return strides;
}

/** Whether elements lie in row-major order without gaps. Dimensions of size 1 do not count. */
export function isContiguous(sizes: Sizes, strides: Sizes): boolean {
  let step = 1;
  for (let i = sizes.length - 1; i >= 0; i--) {
    const size = sizes[i]!;
    if (size === 0) return true;
    if (size !== 1 && strides[i] !== step) return isEmpty(sizes);
    step *= size;
  }
  return true;
}

function isEmpty(sizes: Sizes): boolean {
  for (let i = 0; i < sizes.length; i++) if (sizes[i] === 0) return true;
  return false;
}

export function sameSizes(a: Sizes, b: Sizes): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The sizes that both broadcast to, aligned at the last dimension. Throws ShapeError naming both. */
export function broadcastSizes(operation: string, a: Sizes, b: Sizes): Sizes {
  if (sameSizes(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = (a.length < b.length ? b : a).slice();
  for (let i = 1; i <= rank; i++) {
    const x = i <= a.length ? a[a.length - i]! : 1;
    const y = i <= b.length ? b[b.length - i]! : 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(
        `${operation}: shapes ${formatSizes(a)} and ${formatSizes(b)} do not broadcast: ${x} against ${y} in dimension ${rank - i}; the sizes must be equal, or one of them 1`,
      );
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}

/** Strides for reading `sizes`/`strides` as if it had the sizes `target`; broadcast dimensions step by 0. */
export function broadcastStrides(
  operation: string,
  sizes: Sizes,
  strides: Sizes,
  target: Sizes,
): number[] {
  const lead = target.length - sizes.length;
  if (lead < 0)
    throw new ShapeError(
      `${operation}: ${formatSizes(sizes)} has more dimensions than ${formatSizes(target)}`,
    );
  const out = target.slice();
  for (let i = 0; i < target.length; i++) {
    const size = i < lead ? 1 : sizes[i - lead]!;
    if (size !== target[i] && size !== 1)
      throw new ShapeError(
        `${operation}: ${formatSizes(sizes)} does not expand to ${formatSizes(target)}: size ${size} against ${target[i]} in dimension ${i}; only a size of 1 expands`,
      );
    out[i] = size === 1 ? 0 : strides[i - lead]!;
  }
  return out;
}

/** Whether `inner` is to lie closer together than `outer` in memory, for operands with these strides: -1 yes, 1 no, 0 if none tells. */
function nesting(sizes: Sizes, operands: readonly Sizes[], inner: number, outer: number): number {
  for (const strides of operands) {
    const [a, b] = [strides[inner]!, strides[outer]!];
    // A broadcast dimension lies nowhere.
    if (a === 0 || b === 0) continue;
    if (a !== b) return a < b ? -1 : 1;
    if (sizes[inner]! > sizes[outer]!) return 1;
  }
  return 0;
}

/**
 * Strides without gaps whose dimensions follow one another in memory as those of the operands do, the first one that tells deciding;
 * row-major where none does. This is PyTorch's rule for the results of pointwise operations: an insertion sort, since "none tells" is not
 * transitive. The operands' strides are those for reading `sizes`.
 */
export function denseStrides(sizes: Sizes, operands: readonly Sizes[]): number[] {
  const order = mappedNumbers(sizes, (_, i) => sizes.length - 1 - i);
  for (let i = 1; i < order.length; i++)
    for (let at = i, before = i - 1; before >= 0; before--) {
      const found = nesting(sizes, operands, order[before]!, order[at]!);
      if (found < 0) break;
      if (found === 0) continue;
      [order[before], order[at]] = [order[at]!, order[before]!];
      at = before;
    }
  const strides = sizes.slice();
  let step = 1;
  for (const dim of order) {
    strides[dim] = step;
    step *= sizes[dim] || 1;
  }
  return strides;
}

/** Whether elements lie without gaps, each in a place of its own, whatever the order of dimensions. */
export function isPacked(sizes: Sizes, strides: Sizes): boolean {
  const packed = denseStrides(sizes, [strides]);
  return isEmpty(sizes) || packed.every((step, i) => step === strides[i] || sizes[i] === 1);
}

/** A dimension number in 0..rank-1, counted from the end when negative. A rank of 0 accepts 0 and -1. */
export function wrapDimension(operation: string, dim: number, rank: number): number {
  if (typeof dim !== "number" || !Number.isInteger(dim))
    throw new ArgumentError(`${operation}: dimension ${String(dim)} is not a whole number`);
  const count = Math.max(rank, 1);
  if (dim < -count || dim >= count)
    throw new IndexError(
      `${operation}: dimension ${dim} is out of range for a tensor of ${rank} dimensions; give ${-count} to ${count - 1}`,
    );
  return dim < 0 ? dim + count : dim;
}

/** Dimension numbers made non-negative, refusing repeats. */
export function wrapDimensions(operation: string, dims: Sizes, rank: number): number[] {
  const out = mappedNumbers(dims, (dim) => wrapDimension(operation, dim, rank));
  for (let i = 0; i < out.length; i++)
    if (out.indexOf(out[i]!) !== i)
      throw new ArgumentError(
        `${operation}: dimension ${dims[i]} appears more than once in [${dims.join(", ")}]`,
      );
  return out;
}

/** Sizes with a single -1 replaced by what the number of elements leaves. */
export function inferSizes(operation: string, sizes: Sizes, count: number): number[] {
  if (sizes.length > maximumDimensions)
    throw new ShapeError(
      `${operation}: ${sizes.length} dimensions; at most ${maximumDimensions} are supported`,
    );
  let inferred = -1;
  let known = 1;
  sizes.forEach((size, i) => {
    if (typeof size !== "number" || !Number.isInteger(size))
      throw new ArgumentError(`${operation}: size ${String(size)} is not a whole number`);
    if (size === -1) {
      if (inferred >= 0)
        throw new ShapeError(
          `${operation}: ${formatSizes(sizes)} has two sizes of -1; only one can be inferred`,
        );
      inferred = i;
    } else if (size < 0)
      throw new ShapeError(`${operation}: size ${size} in ${formatSizes(sizes)} is negative`);
    else known *= size;
  });
  const out = [...sizes];
  if (inferred >= 0) {
    if (known === 0)
      throw new ShapeError(
        `${operation}: the -1 in ${formatSizes(sizes)} cannot be inferred: any size fits beside a size of 0`,
      );
    out[inferred] = count / known;
  }
  if (inferred >= 0 ? !Number.isInteger(out[inferred]) : known !== count)
    throw new ShapeError(
      `${operation}: ${count} elements do not fill the shape ${formatSizes(sizes)}`,
    );
  return out;
}

/** Strides that give the new sizes without moving an element, or null where the layout does not allow it. */
export function viewStrides(sizes: Sizes, strides: Sizes, target: Sizes): Sizes | null {
  const count = elementCount(sizes);
  const out = target.slice();
  if (count === 0) return sameSizes(sizes, target) ? [...strides] : contiguousStrides(target);
  let at = target.length - 1;
  let step = strides.length > 0 ? strides[strides.length - 1]! : 1;
  let block = 1;
  let filled = 1;
  // Old dimensions that lie behind one another form a block; each block is cut into new dimensions.
  for (let i = sizes.length - 1; i >= 0; i--) {
    block *= sizes[i]!;
    const boundary = i === 0 || (sizes[i - 1] !== 1 && strides[i - 1] !== block * step);
    if (!boundary) continue;
    while (at >= 0 && (filled < block || target[at] === 1)) {
      out[at] = filled * step;
      filled *= target[at]!;
      at--;
    }
    if (filled !== block) return null;
    if (i > 0) {
      step = strides[i - 1]!;
      block = 1;
      filled = 1;
    }
  }
  for (; at >= 0; at--) out[at] = filled * step;
  return out;
}

/** Whether the step of every dimension clears what lies inside it, the last being the innermost. */
function nested(sizes: Sizes, strides: Sizes): boolean {
  let reach = 0;
  for (let i = sizes.length - 1; i >= 0; i--) {
    if (sizes[i]! <= 1) continue;
    const stride = Math.abs(strides[i]!);
    if (stride <= reach) return false;
    reach += stride * (sizes[i]! - 1);
  }
  return true;
}

/** Whether two index tuples can name the same element, conservatively: strides of 0, or steps that do not clear what lies inside. */
export function mayOverlap(sizes: Sizes, strides: Sizes): boolean {
  // Most tensors lie in row-major order, and then nothing needs sorting.
  if (nested(sizes, strides)) return false;
  const order = mappedNumbers(sizes, (_, i) => i).sort(
    (a, b) => Math.abs(strides[b]!) - Math.abs(strides[a]!),
  );
  return !nested(
    mappedNumbers(order, (d) => sizes[d]!),
    mappedNumbers(order, (d) => strides[d]!),
  );
}
