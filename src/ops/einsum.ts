// Sums of products over named dimensions, in Einstein's notation.
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly } from "./define/registry.ts";

/** A tensor with a label for each of its dimensions, none twice. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** The labels of one term; an ellipsis stands for dimensions "0", "1", ... counted from the end. */
function labelsOf(term: string, rank: number): string[] {
  const text = term.replaceAll(" ", "");
  const at = text.indexOf("...");
  const plain = text.replace("...", "");
  if (!/^[A-Za-z]*$/.test(plain))
    throw new ArgumentError(
      `einsum: "${term}" may hold letters and one ellipsis "..." only, each letter naming a dimension`,
    );
  const hidden = rank - plain.length;
  if (at < 0 ? hidden !== 0 : hidden < 0)
    throw new ShapeError(`einsum: "${term}" does not name the dimensions of a tensor of ${rank}`);
  if (at < 0) return plain.split("");
  const rest = Array.from({ length: hidden }, (_, i) => String(hidden - 1 - i));
  return [...plain.slice(0, at).split(""), ...rest, ...plain.slice(at).split("")];
}

/** Repeated labels become the diagonal, which comes last. */
function distinct(given: Labelled): Labelled {
  let { tensor } = given;
  const labels = [...given.labels];
  for (;;) {
    const second = labels.findIndex((label, i) => labels.indexOf(label) !== i);
    if (second < 0) return { tensor, labels };
    const label = labels[second]!;
    const first = labels.indexOf(label);
    if (tensor.sizes[first] !== tensor.sizes[second])
      throw new ShapeError(
        `einsum: "${label}" names dimensions of ${tensor.sizes[first]} and ${tensor.sizes[second]} in ${formatSizes(tensor.sizes)}`,
      );
    tensor = tensor.diagonal(0, first, second);
    labels.splice(second, 1);
    labels.splice(first, 1);
    labels.push(label);
  }
}

/** The tensor with dimensions in the order of `labels`, those it lacks with size 1. */
function arranged({ tensor, labels }: Labelled, order: readonly string[]): Tensor {
  const own = order.filter((label) => labels.includes(label));
  const moved = tensor.permute(own.map((label) => labels.indexOf(label)));
  return moved.reshape(
    order.map((label) => (labels.includes(label) ? tensor.sizes[labels.indexOf(label)]! : 1)),
  );
}

/** The product of two, with labels that nothing needs any more summed: one batched matrix product. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const size = (t: Labelled, label: string): number => t.tensor.sizes[t.labels.indexOf(label)]!;
  for (const label of shared)
    if (size(a, label) !== size(b, label) && size(a, label) !== 1 && size(b, label) !== 1)
      throw new ShapeError(
        `einsum: "${label}" names dimensions of ${size(a, label)} and of ${size(b, label)}; they must be equal, or one of them 1`,
      );
  const even = shared.every((label) => size(a, label) === size(b, label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const kept = shared.filter((label) => needed.has(label));
  const summed = shared.filter((label) => !needed.has(label));
  const labels = [...kept, ...rows, ...columns];
  if (!even) {
    const all = [...labels, ...summed];
    const product = arranged(a, all).mul(arranged(b, all));
    const dims = summed.map((_, i) => labels.length + i);
    return { tensor: dims.length === 0 ? product : product.sum(dims), labels };
  }
  const sizes = (t: Labelled, list: readonly string[]): number[] =>
    list.map((label) => size(t, label));
  const count = (t: Labelled, list: readonly string[]): number =>
    sizes(t, list).reduce((n, s) => n * s, 1);
  const batch = count(a, kept);
  const depth = count(a, summed);
  const left = arranged(a, [...kept, ...rows, ...summed]).reshape([batch, count(a, rows), depth]);
  const right = arranged(b, [...kept, ...summed, ...columns]).reshape([
    batch,
    depth,
    count(b, columns),
  ]);
  const tensor = left
    .bmm(right)
    .reshape([...sizes(a, kept), ...sizes(a, rows), ...sizes(b, columns)]);
  return { tensor, labels };
}

/**
 * The sum of products that the equation describes: letters name dimensions, those missing on the right of "->" are summed.
 * Repeated letters take a diagonal, "..." stands for dimensions that broadcast; without "->" letters that occur once remain, sorted.
 * @example
 * ```ts
 * torch.einsum("ij,jk->ik", torch.eye(2), torch.ones(2, 3)).shape // => 2,3
 * ```
 */
export const einsum: FunctionOnly<
  (equation: string, ...operands: readonly Tensor[] | readonly [readonly Tensor[]]) => Tensor
> = composite({
  name: "einsum",
  parameters: { equation: p.text, operands: { ...p.tensors, variadic: true } },
  compute: ({ equation, operands }) => {
    const [left, right, more] = equation.split("->");
    const terms = left!.split(",");
    if (more !== undefined || terms.length !== operands.length || operands.length === 0)
      throw new ArgumentError(
        `einsum: "${equation}" describes ${terms.length} operands, got ${operands.length}`,
      );
    const parts = operands.map((tensor, i) => ({
      tensor,
      labels: labelsOf(terms[i]!, tensor.sizes.length),
    }));
    const all = parts.flatMap((part) => part.labels);
    const hidden = [...new Set(all.filter((label) => /\d/.test(label)))].toSorted(
      (a, b) => Number(b) - Number(a),
    );
    const once = all.filter(
      (label) => /\D/.test(label) && all.filter((l) => l === label).length === 1,
    );
    const letters = right?.replaceAll(" ", "");
    const output =
      letters === undefined
        ? [...hidden, ...once.toSorted()]
        : labelsOf(
            letters,
            letters.replace("...", "").length + (letters.includes("...") ? hidden.length : 0),
          );
    for (const label of output)
      if (!all.includes(label) || output.indexOf(label) !== output.lastIndexOf(label))
        throw new ArgumentError(
          `einsum: "${label}" in the result of "${equation}" must occur in an operand, and in the result once`,
        );
    const waiting = parts.map(distinct);
    let total = waiting[0]!;
    for (let i = 1; i < waiting.length; i++) {
      const later = waiting.slice(i + 1).flatMap((part) => part.labels);
      total = contract(total, waiting[i]!, new Set([...output, ...later]));
    }
    const extra = total.labels.flatMap((label, i) => (output.includes(label) ? [] : [i]));
    const kept = total.labels.filter((label) => output.includes(label));
    const tensor = extra.length === 0 ? total.tensor : total.tensor.sum(extra);
    return tensor.permute(output.map((label) => kept.indexOf(label)));
  },
});
