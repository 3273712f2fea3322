// Differences, derivatives and integrals of values along a dimension.
import { bool } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { formatSizes, wrapDimension, wrapDimensions } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";

/** Elements a..b along a dimension. */
const part = (t: Tensor, dim: number, from: number, to: number): Tensor =>
  t.narrow(dim, from, Math.max(to - from, 0));

/** What lies before and what lies behind each gap between neighbours along a dimension. */
const neighbours = (t: Tensor, dim: number): readonly [before: Tensor, behind: Tensor] => {
  const size = t.sizes[dim]!;
  const gaps = Math.max(size - 1, 0);
  return [part(t, dim, 0, gaps), part(t, dim, size - gaps, size)];
};

/**
 * The differences of neighbours along `dim`, taken `n` times; `prepend` and `append` are joined on first.
 * @example
 * ```ts
 * torch.tensor([1, 4, 9]).diff() // => tensor([3., 5.])
 * ```
 */
export const diff: Method<
  Trailing<
    [n: number, dim: number, prepend: Tensor | null, append: Tensor | null],
    {
      readonly n?: number;
      readonly dim?: number;
      readonly prepend?: Tensor | null;
      readonly append?: Tensor | null;
    }
  >
> = composite({
  name: "diff",
  parameters: {
    self: p.tensor,
    n: p.optional(p.integer, 1),
    dim: p.optional(p.integer, -1),
    prepend: p.optional(p.tensor, null),
    append: p.optional(p.tensor, null),
  },
  compute: ({ self, n, dim, prepend, append }) => {
    if (n < 0) throw new ArgumentError(`diff: n must not be negative, got ${n}`);
    const rank = self.sizes.length;
    if (rank === 0) throw new ShapeError("diff: takes at least 1 dimension, got a scalar");
    const d = wrapDimension("diff", dim, rank);
    const ends = [prepend, self, append].filter((t) => t !== null);
    for (const t of ends)
      if (t.sizes.length !== rank || t.sizes.some((size, i) => i !== d && size !== self.sizes[i]))
        throw new ShapeError(
          `diff: prepend and append must have the shape ${formatSizes(self.sizes)} but for dimension ${d}, got ${formatSizes(t.sizes)}`,
        );
    let out = ends.length === 1 ? self : concatenate("diff", ends, d);
    if (n === 0) return out;
    for (let i = 0; i < n && out.sizes[d]! > 0; i++) {
      const [left, right] = neighbours(out, d);
      out = out.dtype === bool ? right.ne(left) : right.sub(left);
    }
    return out;
  },
});

type Integral = Method<
  Trailing<
    [x: Tensor | null],
    { readonly x?: Tensor | null; readonly dx?: number; readonly dim?: number }
  >
>;
const integralParameters = {
  self: p.tensor,
  x: p.optional(p.tensor, null),
  dx: p.optional(p.number, 1),
  dim: p.optional(p.integer, -1),
};

/** The areas between neighbours: the mean of their heights times their distance. */
function areas(name: string, y: Tensor, x: Tensor | null, dx: number, dim: number): Tensor {
  if (y.sizes.length === 0)
    throw new ShapeError(`${name}: takes at least 1 dimension, got a scalar`);
  const d = wrapDimension(name, dim, y.sizes.length);
  const size = y.sizes[d]!;
  const [before, behind] = neighbours(y, d);
  const heights = before.add(behind);
  if (x === null) return heights.mul(dx / 2);
  if (x.sizes.length === 0)
    throw new ShapeError(`${name}: the sample points must have at least 1 dimension`);
  let points = x;
  if (x.sizes.length === 1) {
    if (x.count !== size)
      throw new ShapeError(
        `${name}: ${x.count} sample points for ${size} values along dimension ${d}; give as many`,
      );
    points = x.view(mappedNumbers(y.sizes, (_, i) => (i === d ? size : 1)));
  } else if (x.sizes.length < y.sizes.length)
    points = x.reshape([...new Array<number>(y.sizes.length - x.sizes.length).fill(1), ...x.sizes]);
  const along = points.sizes.length - y.sizes.length + d;
  const [from, to] = neighbours(points, along);
  return heights.mul(to.sub(from)).mul(0.5);
}

/**
 * The integral along `dim` by the trapezoidal rule, for values at the points `x` or at distance `dx`.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).trapezoid() // => tensor(4.)
 * ```
 */
export const trapezoid: Integral = composite({
  name: "trapezoid",
  parameters: integralParameters,
  compute: ({ self, x, dx, dim }) => areas("trapezoid", self, x, dx, dim).sum(dim),
});

/** The same as `trapezoid`. */
export const trapz: Integral = composite({
  name: "trapz",
  parameters: integralParameters,
  compute: ({ self, x, dx, dim }) => areas("trapz", self, x, dx, dim).sum(dim),
});

/**
 * The integral up to each point along `dim` by the trapezoidal rule.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).cumulativeTrapezoid() // => tensor([1.5000, 4.0000])
 * ```
 */
export const cumulativeTrapezoid: Integral = composite({
  name: "cumulativeTrapezoid",
  parameters: integralParameters,
  compute: ({ self, x, dx, dim }) => areas("cumulativeTrapezoid", self, x, dx, dim).cumsum(dim),
});

/** The derivative along one dimension from values at distances `steps` (one number, or a vector of points). */
function slope(self: Tensor, dim: number, spacing: number | Tensor, order: number): Tensor {
  const n = self.sizes[dim]!;
  if (n < order + 1)
    throw new ShapeError(
      `gradient: dimension ${dim} has ${n} values; edgeOrder ${order} needs at least ${order + 1}`,
    );
  const shape = mappedNumbers(self.sizes, (_, i) => (i === dim ? -1 : 1));
  let steps: Tensor | null = null;
  if (typeof spacing !== "number") {
    const [before, behind] = neighbours(spacing, 0);
    steps = behind.sub(before).view(shape);
  }
  const step = (i: number): Tensor | number =>
    steps === null ? (spacing as number) : part(steps, dim, i, i + 1);
  const at = (from: number, to: number): Tensor => part(self, dim, from, to);
  const rise = (i: number): Tensor =>
    at(i + 1, i + 2)
      .sub(at(i, i + 1))
      .div(step(i));
  let inner: Tensor;
  if (steps === null)
    inner = at(2, n)
      .sub(at(0, n - 2))
      .div(2 * (spacing as number));
  else {
    // Weights of the three-point formula for unequal distances (Fornberg 1988).
    const [a, b] = [part(steps, dim, 0, n - 2), part(steps, dim, 1, n - 1)];
    const sum = a.add(b);
    inner = at(0, n - 2)
      .mul(b.neg().div(a.mul(sum)))
      .add(at(1, n - 1).mul(b.sub(a).div(a.mul(b))))
      .add(at(2, n).mul(a.div(b.mul(sum))));
  }
  if (order === 1) return concatenate("gradient", [rise(0), inner, rise(n - 2)], dim);
  const edge = (i: number, j: number, near: Tensor | number, far: Tensor | number): Tensor => {
    // The slope at the end of a parabola through three points.
    const [first, second] = [rise(i), rise(j)];
    if (typeof near === "number" || typeof far === "number")
      return first.mul(1.5).sub(second.mul(0.5));
    const share = near.div(near.add(far));
    return first.mul(share.add(1)).sub(second.mul(share));
  };
  return concatenate(
    "gradient",
    [edge(0, 1, step(0), step(1)), inner, edge(n - 2, n - 3, step(n - 2), step(n - 3))],
    dim,
  );
}

type Spacing = number | readonly number[] | readonly Tensor[] | null;

/**
 * The derivatives along dimensions by central differences, one-sided at the ends (`edgeOrder` 1 or 2): an array of tensors.
 * `spacing` is a distance, one for each dimension, or the points as vectors.
 * @example
 * ```ts
 * torch.gradient(torch.tensor([1, 4, 9, 16]))[0] // => tensor([3., 4., 6., 7.])
 * ```
 */
export const gradient: FunctionOnly<
  (
    input: Tensor,
    options?: {
      readonly spacing?: Spacing;
      readonly dim?: number | readonly number[] | null;
      readonly edgeOrder?: number;
    },
  ) => readonly Tensor[]
> = composite({
  name: "gradient",
  parameters: {
    input: p.tensor,
    spacing: p.optional(p.anything, null),
    dim: p.optional(p.dimensions, null),
    edgeOrder: p.optional(p.integer, 1),
  },
  compute: ({ input: given, spacing, dim, edgeOrder }) => {
    const self = given.dtype.kind === "floating" ? given : given.float();
    if (edgeOrder !== 1 && edgeOrder !== 2)
      throw new ArgumentError(`gradient: edgeOrder must be 1 or 2, got ${edgeOrder}`);
    const rank = self.sizes.length;
    const dims = dim === null ? self.sizes.map((_, i) => i) : wrapDimensions("gradient", dim, rank);
    const list = Array.isArray(spacing) ? (spacing as readonly unknown[]) : null;
    if (list !== null && list.length !== dims.length)
      throw new ArgumentError(
        `gradient: ${list.length} spacings for ${dims.length} dimensions; give one number, or one for each dimension`,
      );
    return dims.map((d, i) => {
      const own = list === null ? (spacing ?? 1) : list[i];
      if (own instanceof Tensor) {
        if (own.sizes.length !== 1 || own.count !== self.sizes[d])
          throw new ShapeError(
            `gradient: the points along dimension ${d} must be a vector of ${self.sizes[d]}, got ${formatSizes(own.sizes)}`,
          );
        return slope(self, d, own, edgeOrder);
      }
      return slope(self, d, p.number.convert(own, "gradient", "spacing"), edgeOrder);
    });
  },
});
