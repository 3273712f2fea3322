// Linear layers as functions: linear, bilinear, embedding, oneHot.
import { isDifferentiable } from "../autograd/mode.ts";
import { int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../core/errors.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { bilinear as productOf } from "./define/bilinear.ts";
import { checkDevices } from "./define/levels.ts";
import { empty, readElement, relayout, rowMajor } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { reduceRaw, regionOf } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

/** A weight transposed without a copy, outside the graph. */
const swapped = (w: Tensor): Tensor =>
  relayout(w, [w.sizes[1]!, w.sizes[0]!], [w.strides[1]!, w.strides[0]!], w.offset);

/** All dimensions but the last as rows. Recorded where recording is on; copies only where the layout asks for it. */
function rowsOf(t: Tensor): Tensor {
  if (t.sizes.length === 2) return t;
  const last = t.sizes[t.sizes.length - 1]!;
  const rows = t.sizes.slice(0, -1).reduce((n, size) => n * size, 1);
  return t.dense && !isDifferentiable()
    ? relayout(t, [rows, last], [last, 1], t.offset)
    : t.reshape([rows, last]);
}

function checkLinear(input: Tensor, weight: Tensor, bias: Tensor | null): void {
  const tensors = bias === null ? [input, weight] : [input, weight, bias];
  for (const t of tensors)
    if (t.dtype !== input.dtype)
      throw new DTypeError(
        `linear: input is ${input.dtype.name}, but weight or bias is ${t.dtype.name}; convert them to one type`,
      );
  checkDevices("linear", tensors);
  const features = input.sizes[input.sizes.length - 1];
  if (weight.sizes.length !== 2 || features === undefined || features !== weight.sizes[1])
    throw new ShapeError(
      `linear: input ${formatSizes(input.sizes)} and weight ${formatSizes(weight.sizes)} cannot be multiplied; weight must be [out, in], with in the input's last dimension`,
    );
  if (bias !== null && (bias.sizes.length > 1 || (bias.sizes[0] ?? 1) !== weight.sizes[0]))
    if (bias.count !== 1)
      throw new ShapeError(
        `linear: bias ${formatSizes(bias.sizes)} does not fit a weight of ${formatSizes(weight.sizes)}; it must be [${weight.sizes[0]}]`,
      );
}

function transform(input: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  checkLinear(input, weight, bias);
  const rows = rowsOf(input);
  const count = rows.sizes[0]!;
  const out = weight.sizes[0]!;
  const whole = empty([count, out], input.dtype, input.device);
  const addend =
    bias === null
      ? null
      : relayout(bias, [count, out], [0, bias.count === 1 ? 0 : bias.strides[0]!], bias.offset);
  if (rows.sizes[1] === 0 && addend === null) fillWith(whole, 0);
  else
    whole.storage.device.backend.matmul(
      whole,
      rows,
      swapped(weight),
      1,
      addend === null ? 0 : 1,
      addend,
    );
  if (input.sizes.length === 2) return whole;
  return rowMajor(whole, [...input.sizes.slice(0, -1), out]);
}

const inputRule = (g: Tensor, weight: Tensor): Tensor =>
  g.sizes.length === 1 ? transposed(weight).mv(g) : g.matmul(weight);
const weightRule = (g: Tensor, input: Tensor): Tensor => transposed(rowsOf(g)).mm(rowsOf(input));
const transposed = (t: Tensor): Tensor => (isDifferentiable() ? t.transpose(0, 1) : swapped(t));

const withBias: (input: Tensor, weight: Tensor, bias: Tensor) => Tensor = operation({
  name: "linear",
  multilinear: ["input", "weight"],
  node: "Addmm",
  parameters: { input: p.tensor, weight: p.tensor, bias: p.tensor },
  saves: { input: ["weight"], weight: ["input"] },
  forward: ({ input, weight, bias }) => transform(input, weight, bias),
  backward: {
    input: (g, { weight }) => inputRule(g, weight),
    weight: (g, { input }) => weightRule(g, input),
    bias: (g) => g,
  },
});
const withoutBias: (input: Tensor, weight: Tensor) => Tensor = productOf({
  name: "linear",
  node: "Mm",
  operands: ["input", "weight"],
  product: (input, weight) => transform(input, weight, null),
  first: inputRule,
  second: weightRule,
});

/**
 * input @ weight^T + bias, for an input [..., in], a weight [out, in] and a bias [out]. A weight [in] gives one number per row.
 * @example
 * ```ts
 * torch.nn.functional.linear(torch.tensor([[1, 2]]), torch.eye(2), torch.tensor([10, 20])) // => tensor([[11., 22.]])
 * ```
 */
export const linear: FunctionOnly<(input: Tensor, weight: Tensor, bias?: Tensor | null) => Tensor> =
  composite({
    name: "linear",
    parameters: { input: p.tensor, weight: p.tensor, bias: p.optional(p.tensor, null) },
    compute: ({ input, weight, bias }) => {
      if (weight.sizes.length === 1) {
        const out = input.matmul(weight);
        return bias === null ? out : out.add(bias);
      }
      return bias === null ? withoutBias(input, weight) : withBias(input, weight, bias);
    },
  });

/**
 * out[..., k] = input1[..., :]^T @ weight[k] @ input2[..., :] + bias[k], for a weight [out, in1, in2].
 * @example
 * ```ts
 * const [a, b] = [torch.ones(4, 2), torch.ones(4, 3)];
 * torch.nn.functional.bilinear(a, b, torch.ones(5, 2, 3)).shape // => 4,5
 * ```
 */
export const bilinear: FunctionOnly<
  (input1: Tensor, input2: Tensor, weight: Tensor, bias?: Tensor | null) => Tensor
> = composite({
  name: "bilinear",
  parameters: {
    input1: p.tensor,
    input2: p.tensor,
    weight: p.tensor,
    bias: p.optional(p.tensor, null),
  },
  compute: ({ input1, input2, weight, bias }) => {
    const [out, in1, in2] = weight.sizes;
    const lead = input1.sizes.slice(0, -1);
    const fits =
      weight.sizes.length === 3 &&
      input1.sizes.length === input2.sizes.length &&
      input1.sizes[lead.length] === in1 &&
      input2.sizes[lead.length] === in2 &&
      lead.every((n, i) => n === input2.sizes[i]);
    if (!fits || out === undefined || in1 === undefined || in2 === undefined)
      throw new ShapeError(
        `bilinear: inputs ${formatSizes(input1.sizes)} and ${formatSizes(input2.sizes)} do not fit a weight of ${formatSizes(weight.sizes)}; they must be [..., in1], [..., in2] and [out, in1, in2]`,
      );
    if (bias !== null && (bias.sizes.length !== 1 || bias.sizes[0] !== out))
      throw new ShapeError(`bilinear: bias must be [${out}], got ${formatSizes(bias.sizes)}`);
    const rows = lead.reduce((n, size) => n * size, 1);
    // input1 against all of the weight at once, then row by row against input2.
    const half = input1.reshape([rows, in1]).mm(weight.transpose(0, 1).reshape([in1, out * in2]));
    const value = half
      .view([rows, out, in2])
      .matmul(input2.reshape([rows, in2, 1]))
      .view([...lead, out]);
    return bias === null ? value : value.add(bias);
  },
});

const lookup: (
  weight: Tensor,
  indices: Tensor,
  paddingIdx: number,
  scaleGradByFreq: boolean,
) => Tensor = operation({
  name: "embedding",
  linear: true,
  parameters: {
    weight: p.tensor,
    indices: p.tensor,
    paddingIdx: p.optional(p.integer, -1),
    scaleGradByFreq: p.optional(p.boolean, false),
  },
  saves: ["indices"],
  forward: ({ weight, indices }) => {
    const out = empty([...indices.sizes, weight.sizes[1]!], weight.dtype, weight.device);
    checkRange(indices, weight.sizes[0]!);
    out.storage.device.backend.index(out, weight, [indices]);
    return out;
  },
  backward: {
    weight: (g, { indices, paddingIdx, scaleGradByFreq, sizesOf }) =>
      gathered(g, indices, sizesOf["weight"]![0]!, paddingIdx, scaleGradByFreq),
  },
});

/** The gradients of all rows that one entry of the table was looked up for, summed; the entry at `padding` gets none. */
const gathered: (
  self: Tensor,
  indices: Tensor,
  rows: number,
  paddingIdx: number,
  scaleGradByFreq: boolean,
) => Tensor = operation({
  name: "embeddingDenseBackward",
  linear: true,
  parameters: {
    self: p.tensor,
    indices: p.tensor,
    rows: p.integer,
    paddingIdx: p.integer,
    scaleGradByFreq: p.boolean,
  },
  saves: ["indices"],
  forward: ({ self, indices, rows, paddingIdx, scaleGradByFreq }) => {
    const width = self.sizes[self.sizes.length - 1]!;
    const out = empty([rows, width], self.dtype, self.device);
    fillWith(out, 0);
    const { backend } = out.storage.device;
    backend.indexPut(out, [indices], self, true);
    if (paddingIdx >= 0) fillWith(out.select(0, paddingIdx), 0);
    if (scaleGradByFreq) {
      const counts = empty([rows], self.dtype, self.device);
      fillWith(counts, 0);
      const ones = empty(indices.sizes, self.dtype, self.device);
      fillWith(ones, 1);
      backend.indexPut(counts, [indices], ones, true);
      const each = empty([...indices.sizes], self.dtype, self.device);
      backend.index(each, counts, [indices]);
      fillWith(out, 0);
      backend.indexPut(out, [indices], self.div(each.reshape([...each.sizes, 1])), true);
      if (paddingIdx >= 0) fillWith(out.select(0, paddingIdx), 0);
    }
    return out;
  },
  backward: {
    self: (g, { indices, paddingIdx }) => lookup(masked(g, paddingIdx), indices, -1, false),
  },
});

/** The table's gradient without the row of the padding. */
function masked(g: Tensor, padding: number): Tensor {
  if (padding < 0) return g;
  const mask = empty([g.sizes[0]!, 1], g.dtype, g.device);
  fillWith(mask, 1);
  fillWith(mask.select(0, padding), 0);
  return g.mul(mask);
}

function checkRange(indices: Tensor, rows: number): void {
  if (indices.count === 0 || indices.device.backend.valueless === true) return;
  const all = regionOf("embedding", indices.sizes, null);
  const read = (kind: "minimum" | "maximum"): number =>
    Number(readElement(reduceRaw(kind, [indices], indices.sizes, all, false, indices.dtype), 0));
  const [least, most] = [read("minimum"), read("maximum")];
  if (least < 0 || most >= rows)
    throw new IndexError(
      `embedding: index ${least < 0 ? least : most} is out of range for a table of ${rows} rows; give 0 to ${rows - 1}`,
    );
}

/**
 * The rows of a table [rows, width] at the given positions: out[i..., :] = weight[input[i...], :]. The row at `paddingIdx` gets no gradient.
 * @example
 * ```ts
 * torch.nn.functional.embedding(torch.tensor([1], { dtype: torch.int64 }), torch.eye(2)) // => tensor([[0., 1.]])
 * ```
 */
export const embedding: FunctionOnly<
  (
    input: Tensor,
    weight: Tensor,
    ...rest: Trailing<
      [
        paddingIdx: number | null,
        maxNorm: number | null,
        normType: number,
        scaleGradByFreq: boolean,
        sparse: boolean,
      ],
      {
        readonly paddingIdx?: number | null;
        readonly maxNorm?: number | null;
        readonly normType?: number;
        readonly scaleGradByFreq?: boolean;
        readonly sparse?: boolean;
      }
    >
  ) => Tensor
> = composite({
  name: "embedding",
  parameters: {
    input: p.indexTensor,
    weight: p.tensor,
    paddingIdx: p.optional(p.integer, null),
    maxNorm: p.optional(p.number, null),
    normType: p.optional(p.number, 2),
    scaleGradByFreq: p.optional(p.boolean, false),
    sparse: p.optional(p.boolean, false),
  },
  compute: ({ input, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse }) => {
    if (weight.sizes.length !== 2)
      throw new ShapeError(
        `embedding: weight must be [rows, width], got ${formatSizes(weight.sizes)}`,
      );
    if (sparse)
      throw new ArgumentError("embedding: sparse gradients are not offered; leave sparse out");
    const rows = weight.sizes[0]!;
    if (paddingIdx !== null && (paddingIdx < -rows || paddingIdx >= rows))
      throw new ArgumentError(
        `embedding: paddingIdx ${paddingIdx} is out of range for a table of ${rows} rows`,
      );
    const indices = input.dtype === int64 ? input : input.to(int64);
    if (maxNorm !== null) shorten(weight, indices, maxNorm, normType);
    const padding = paddingIdx === null ? -1 : paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
    return lookup(weight, indices, padding, scaleGradByFreq);
  },
});

/** Scales, in place and outside the graph, the looked-up rows whose norm exceeds the limit. */
function shorten(weight: Tensor, indices: Tensor, maxNorm: number, normType: number): void {
  checkRange(indices, weight.sizes[0]!);
  const rows = new Set(indices.reshape([-1]).tolist() as number[]);
  for (const row of rows) {
    const own = weight.detach().select(0, Number(row));
    const norm = Number(own.norm(normType).item());
    if (norm > maxNorm) own.mul_(maxNorm / (norm + 1e-7));
  }
}

/**
 * Rows of zeros with a 1 at each class number, int64: shape [..., classes]. -1 classes stands for the largest number plus 1.
 * @example
 * ```ts
 * torch.nn.functional.oneHot(torch.tensor([1, 0], { dtype: torch.int64 })) // => tensor([[0, 1],\n        [1, 0]])
 * ```
 */
export const oneHot: FunctionOnly<
  (
    tensor: Tensor,
    ...rest: Trailing<[numClasses: number], { readonly numClasses?: number }>
  ) => Tensor
> = composite({
  name: "oneHot",
  parameters: { tensor: p.tensor, numClasses: p.optional(p.integer, -1) },
  compute: ({ tensor, numClasses }) => {
    if (tensor.dtype !== int64)
      throw new DTypeError(
        `oneHot: takes class numbers of type int64, got ${tensor.dtype.name}; convert them with .to(torch.int64)`,
      );
    if (tensor.count === 0 && numClasses <= 0)
      throw new ArgumentError(
        "oneHot: the number of classes cannot be read from no elements; give numClasses",
      );
    const classes = numClasses === -1 ? largest(tensor) + 1 : numClasses;
    if (classes < 1)
      throw new ArgumentError(`oneHot: numClasses must be positive or -1, got ${numClasses}`);
    const sizes: Sizes = [...tensor.sizes, classes];
    const out = empty(sizes, int64, tensor.device);
    fillWith(out, 0);
    const index = relayout(tensor, [...tensor.sizes, 1], [...tensor.strides, 1], tensor.offset);
    const ones = empty(index.sizes, int64, tensor.device);
    fillWith(ones, 1);
    out.storage.device.backend.scatter("set", out, tensor.sizes.length, index, ones);
    return out;
  },
});

function largest(tensor: Tensor): number {
  const all = regionOf("oneHot", tensor.sizes, null);
  return Number(readElement(reduceRaw("maximum", [tensor], tensor.sizes, all, false, int64), 0));
}
