// Sums and means of an expression over dimensions, computed in one kernel without storing the expression's values.
// The gradient is one pointwise formula per operand, so that it differentiates again.
import { gradMode } from "../../autograd/mode.ts";
import { Node, type Sender } from "../../autograd/node.ts";
import type { Operand, ReductionKind } from "../../core/backend.ts";
import type { DType } from "../../core/dtype.ts";
import { differentiate } from "../../core/derivative.ts";
import {
  call,
  type Expression,
  gradient,
  input,
  result,
  scalar,
  substitute,
} from "../../core/expression.ts";
import { Program } from "../../core/program.ts";
import { sameSizes, type Sizes, wrapDimensions } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { computeType, Formula, fromGradient } from "./formula.ts";
import { gradientNode, requiresGradient } from "./history.ts";
import { empty, relayout } from "./memory.ts";
import { fit, nodeName } from "./blueprint.ts";
import { commonDevice, commonSizes, evaluate } from "./evaluate.ts";
import { alreadyFreed, checkVersions, versionsOf } from "./saved.ts";

/** Which dimensions a reduction removes: sizes with them at 1, sizes without them, and how many elements meet in each result. */
export interface Region {
  readonly kept: Sizes;
  readonly dropped: Sizes;
  readonly count: number;
}

/** The region of a reduction over `dims`; null or an empty list stand for all. */
export function regionOf(operation: string, sizes: Sizes, dims: Sizes | null): Region {
  const rank = sizes.length;
  const kept = new Array<number>(rank).fill(1);
  if (dims === null || dims.length === 0) {
    let count = 1;
    for (let i = 0; i < rank; i++) count *= sizes[i]!;
    return { kept, dropped: [], count };
  }
  const reduced = wrapDimensions(operation, dims, rank);
  const dropped: number[] = [];
  let count = 1;
  for (let i = 0; i < rank; i++)
    if (reduced.includes(i)) count *= sizes[i]!;
    else {
      kept[i] = sizes[i]!;
      dropped.push(sizes[i]!);
    }
  return { kept, dropped, count };
}

const identity = new Program([input(0)], 1, 0);

/** One kernel: the program's values combined over a region, outside the graph. The result has the region's kept sizes, or the dropped ones. */
export function reduceRaw(
  kind: ReductionKind,
  operands: readonly Tensor[],
  sizes: Sizes,
  region: Region,
  keepdim: boolean,
  output: DType,
  program: Program = identity,
  scalars: readonly number[] = [],
  divisor: number = 1,
  combined: DType = output,
  compute: DType = computeType(combined),
): Tensor {
  const whole = empty(region.kept, output, operands[0]!.device);
  whole.storage.device.backend.reduce(
    kind,
    program.typed(
      compute,
      operands.map((t: Operand) => t.dtype),
      [combined],
    ),
    whole,
    operands,
    scalars,
    sizes,
    divisor,
  );
  return keepdim || region.kept.length === region.dropped.length ? whole : without(whole, region);
}

function without(whole: Tensor, region: Region): Tensor {
  const strides: number[] = [];
  let step = 1;
  for (let i = region.dropped.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= region.dropped[i] || 1;
  }
  return relayout(whole, region.dropped, strides, 0);
}

class ReductionNode extends Node<Tensor> {
  readonly #operation: string;
  readonly #formula: Formula;
  #inputs: readonly (Tensor | null)[] | null;
  readonly #versions: readonly number[] | null;
  readonly #scalars: readonly number[];
  readonly #sizes: Sizes;
  readonly #kept: Sizes;
  readonly #fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[];
  #freed: boolean = false;

  constructor(
    operation: string,
    formula: Formula,
    next: readonly (Node<Tensor> | null)[],
    nextIndex: readonly number[],
    tensors: readonly Tensor[],
    saves: boolean,
    scalars: readonly number[],
    sizes: Sizes,
    kept: Sizes,
  ) {
    super(next, nextIndex);
    this.#operation = operation;
    this.#formula = formula;
    this.#inputs = saves ? tensors : null;
    this.#versions = saves ? versionsOf(tensors) : null;
    this.#scalars = scalars;
    this.#sizes = sizes;
    this.#kept = kept;
    this.#fits = tensors.map(({ sizes: own, dtype }) => ({ sizes: own, dtype }));
  }

  get name(): string {
    return nodeName(this.#operation);
  }

  override get savedValues(): readonly { readonly name: string; readonly value: Tensor }[] {
    return (this.#inputs ?? []).flatMap((value, i) =>
      value === null ? [] : [{ name: `operand ${i}`, value }],
    );
  }

  run(task: Sender<Tensor>): void {
    if (this.#freed) throw alreadyFreed(this.name);
    if (this.#inputs !== null)
      checkVersions(this, this.#inputs, this.#versions, (_node, i) => `operand ${i}`);
    const sizes = this.#sizes;
    let arrived = this.incoming!;
    // Without dimensions the gradient broadcasts as it is.
    if (arrived.sizes.length > 0 && arrived.sizes.length !== sizes.length)
      arrived = arrived.view(this.#kept);
    for (let slot = 0; slot < this.next.length; slot++) {
      if (this.next[slot] === null) continue;
      const derivation = this.#formula.derivations[slot];
      if (derivation === null || derivation === undefined) {
        task.send(this, slot, null);
        continue;
      }
      let value = arrived;
      if (!derivation.passes)
        value = evaluate(
          derivation.formula,
          derivation.sources.map((s) => (s === fromGradient ? arrived : this.#inputs![s]!)),
          this.#scalars,
          arrived.dtype,
          computeType(arrived.dtype),
        );
      if (!sameSizes(value.sizes, sizes)) value = value.expand(sizes);
      task.send(this, slot, fit(value, this.#fits[slot]!));
    }
  }

  override release(): void {
    if (this.#inputs === null) return;
    this.#inputs = null;
    this.#freed = true;
  }
}

/** What a reduction sums. */
export interface ReductionRecord {
  /** The operation, for error messages. */
  readonly name: string;
  /** PyTorch's name of the node, where it is not the operation's. */
  readonly node?: string;
  readonly inputs: number;
  readonly scalars?: number;
  readonly expression: Expression;
  /** Take the place of symbolic derivatives; may not speak of the result. */
  readonly derivatives?: readonly (Expression | null)[];
}

/** An expression with its sum and its mean over dimensions. */
export class Reduction {
  readonly name: string;
  readonly #node: string;
  readonly #elementwise: Formula;
  readonly #sum: Formula;
  readonly #mean: Formula;

  constructor(record: ReductionRecord) {
    const { expression, inputs, scalars = 0 } = record;
    this.name = record.name;
    const node = record.node ?? record.name;
    this.#node = node;
    const slots = Array.from({ length: inputs }, (_, i) => i);
    const options = { node, slots, slotCount: inputs };
    this.#elementwise = new Formula(expression, inputs, scalars, {
      ...options,
      derivatives: record.derivatives ?? null,
    });
    // A term's own value is not kept, so that rules which speak of it compute it again.
    const own = (record.derivatives ?? differentiate(expression, inputs)).map((e) =>
      e === null ? null : substitute(e, (part) => (part === result ? expression : undefined)),
    );
    this.#sum = new Formula(expression, inputs, scalars, { ...options, derivatives: own });
    const share = call("div", gradient, scalar(scalars));
    this.#mean = new Formula(expression, inputs, scalars + 1, {
      ...options,
      derivatives: own.map((e) =>
        e === null ? null : substitute(e, (part) => (part === gradient ? share : undefined)),
      ),
    });
  }

  /** The expression's values. */
  each(tensors: readonly Tensor[], scalars: readonly number[], output: DType): Tensor {
    return evaluate(this.#elementwise, tensors, scalars, output, computeType(output));
  }

  /** The sum over a region of the broadcast operands, recorded. */
  sum(
    tensors: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null = null,
    keepdim: boolean = false,
  ): Tensor {
    return this.#reduce(this.#sum, tensors, scalars, output, dims, keepdim, false);
  }

  /** The mean over a region of the broadcast operands, recorded. */
  mean(
    tensors: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null = null,
    keepdim: boolean = false,
  ): Tensor {
    return this.#reduce(this.#mean, tensors, scalars, output, dims, keepdim, true);
  }

  #reduce(
    formula: Formula,
    tensors: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null,
    keepdim: boolean,
    mean: boolean,
  ): Tensor {
    if (tensors.length > 1) commonDevice(this.name, tensors);
    const sizes = tensors.length === 1 ? tensors[0]!.sizes : commonSizes(this.name, tensors);
    const region = regionOf(this.name, sizes, dims);
    const numbers = mean ? [...scalars, region.count] : scalars;
    const out = reduceRaw(
      "sum",
      tensors,
      sizes,
      region,
      keepdim,
      output,
      formula.program,
      numbers,
      mean ? region.count : 1,
    );
    if (gradMode.enabled && output.kind === "floating")
      record(this.#node, formula, tensors, numbers, sizes, region.kept, out);
    return out;
  }
}

function record(
  name: string,
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  sizes: Sizes,
  kept: Sizes,
  out: Tensor,
): void {
  let recorded = false;
  for (const tensor of tensors) if (requiresGradient(tensor)) recorded = true;
  if (!recorded) return;
  let saves = false;
  const next = tensors.map((tensor, i) => {
    const node = tensor.dtype.kind === "floating" ? gradientNode(tensor) : null;
    if (node !== null && formula.derivations[i]?.sources.some((s) => s >= 0) === true) saves = true;
    return node;
  });
  out.node = new ReductionNode(
    name,
    formula,
    next,
    tensors.map((t) => t.outputIndex),
    tensors,
    saves,
    scalars,
    sizes,
    kept,
  );
  out.tracked = true;
}
