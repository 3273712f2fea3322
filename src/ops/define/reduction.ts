// Sums and means of an expression over dimensions, computed in one kernel without storing the expression's values.
// The gradient is one pointwise formula per operand, so that it differentiates again.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import { gradMode, isDifferentiable } from "../../autograd/mode.ts";
import type { Node, Sender } from "../../autograd/node.ts";
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
import { mappedNumbers } from "../../core/list.ts";
import { Program } from "../../core/program.ts";
import { noSizes, sameSizes, type Sizes, wrapDimensions } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { computeType, Formula } from "./formula.ts";
import { firstOutputs, gradientNode, onlyInference, withOutput } from "./history.ts";
import { broadcast, empty } from "./memory.ts";
import { nodeName } from "./nodename.ts";
import { fit } from "./fit.ts";
import { commonSizes, derive, evaluate, tangentOperands, wantedBy } from "./evaluate.ts";
import { together } from "./levels.ts";
import { ListNode, type SavedTensor } from "./saved.ts";
import { ScratchView } from "./scratchview.ts";
import { laidOut, setTangent, tangentsOf, zeroTangent } from "./tangent.ts";

/** Which dimensions a reduction removes: sizes with them at 1, sizes without them, and how many elements meet in each result. */
export interface Region {
  readonly kept: Sizes;
  readonly dropped: Sizes;
  readonly count: number;
}

// Sizes of 1, shared by all reductions of that rank to a single element.
const allOnes: Sizes[] = [];
function onesOf(rank: number): Sizes {
  return (allOnes[rank] ??= Array.from({ length: rank }, () => 1));
}

/** The region of a reduction over `dims`; null or an empty list stand for all. */
export function regionOf(operation: string, sizes: Sizes, dims: Sizes | null): Region {
  const rank = sizes.length;
  if (dims === null || dims.length === 0) {
    let count = 1;
    for (let i = 0; i < rank; i++) count *= sizes[i]!;
    return { kept: onesOf(rank), dropped: noSizes, count };
  }
  const kept = onesOf(rank).slice();
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
  const drops =
    !keepdim && region.dropped.length > 0 && region.kept.length !== region.dropped.length;
  const out = empty(keepdim ? region.kept : region.dropped, output, operands[0]!.storage.device);
  out.storage.device.backend.reduce(
    kind,
    program.typedFor(compute, operands, combined),
    drops ? keptView.of(out, region) : out,
    operands,
    scalars,
    sizes,
    divisor,
  );
  return out;
}

/** A result whose reduced dimensions are dropped, seen with them. */
class KeptView {
  private readonly view = new ScratchView();
  // One array for each rank: changing an array's length costs more than the rest.
  private readonly stridesByRank: (number[] | undefined)[] = [];

  of(out: Tensor, { kept }: Region): Operand {
    const strides = (this.stridesByRank[kept.length] ??= mappedNumbers(kept, () => 0));
    let step = 1;
    for (let i = kept.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= kept[i] || 1;
    }
    return this.view.show(out, kept, strides);
  }
}

const keptView = new KeptView();

class ReductionNode extends ListNode {
  private readonly formula: Formula;
  private readonly scalars: readonly number[];
  private readonly sizes: Sizes;
  private readonly keptSizes: Sizes;
  private fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[];

  /** `saved` are the operands, where a derivative reads them. */
  constructor(
    formula: Formula,
    next: readonly (Node<Tensor> | null)[],
    nextIndex: readonly number[],
    saved: readonly (Tensor | null)[] | null,
    scalars: readonly number[],
    sizes: Sizes,
    kept: Sizes,
    fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[],
  ) {
    super(next, nextIndex);
    this.formula = formula;
    this.scalars = scalars;
    this.sizes = sizes;
    this.keptSizes = kept;
    this.fits = fits;
    if (saved !== null) this.save(saved);
  }

  get name(): string {
    return this.formula.options.node;
  }

  savedName(index: number): string {
    return this.formula.options.names?.[index] ?? `operand ${index}`;
  }

  protected override seal(list: readonly SavedTensor[]): void {
    super.seal(list);
    // What tells sizes and types must not keep the tensors.
    this.fits = this.fits.map(({ sizes, dtype }) => ({ sizes, dtype }));
  }

  run(task: Sender<Tensor>): void {
    const { sizes, formula } = this;
    const saved = this.open();
    let arrived = this.incoming!;
    // Without dimensions the gradient broadcasts as it is.
    if (arrived.sizes.length > 0 && arrived.sizes.length !== sizes.length)
      arrived = arrived.view(this.keptSizes);
    for (let slot = 0; slot < this.next.length; slot++) {
      if (this.next[slot] === null) continue;
      const derivation = formula.derivations[slot];
      if (derivation === null || derivation === undefined) {
        task.send(this, slot, null);
        continue;
      }
      let value = derivation.passes ? arrived : derive(derivation, arrived, saved, this.scalars);
      if (!sameSizes(value.sizes, sizes))
        value = isDifferentiable() ? value.expand(sizes) : broadcast("expand", value, sizes);
      task.send(this, slot, fit(value, this.fits[slot]!));
    }
  }

  override release(): void {
    if (this.saved === null) return;
    super.release();
    this.fits = [];
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
  /** As a pointwise record's. */
  readonly masks?: boolean;
}

/** An expression with its sum and its mean over dimensions. */
export class Reduction {
  readonly name: string;
  private readonly elementwise: Formula;
  private readonly summed: Formula;
  private readonly averaged: Formula;

  constructor(record: ReductionRecord) {
    const { expression, inputs, scalars = 0, derivatives = null } = record;
    this.name = record.name;
    const formula = (more: number, given: readonly (Expression | null)[] | null): Formula =>
      new Formula(expression, inputs, scalars + more, {
        name: record.name,
        node: nodeName(record.name, record.node),
        slots: Array.from({ length: inputs }, (_, i) => i),
        slotCount: inputs,
        derivatives: given,
        masks: record.masks,
      });
    // A term's own value is not kept, so that rules which speak of it compute it again.
    const own = (derivatives ?? differentiate(expression, inputs)).map((e) =>
      e === null ? null : substitute(e, (part) => (part === result ? expression : undefined)),
    );
    const share = call("div", gradient, scalar(scalars));
    const shares = own.map((e) =>
      e === null ? null : substitute(e, (part) => (part === gradient ? share : undefined)),
    );
    this.elementwise = formula(0, derivatives);
    this.summed = formula(0, own);
    this.averaged = formula(1, shares);
  }

  /** The expression's values. */
  each(tensors: readonly Tensor[], scalars: readonly number[], output: DType): Tensor {
    return evaluate(this.elementwise, tensors, scalars, output);
  }

  /** The sum over a region of the broadcast operands, recorded. */
  sum(
    tensors: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null = null,
    keepdim: boolean = false,
  ): Tensor {
    return this.reduce(this.summed, tensors, scalars, output, dims, keepdim, false);
  }

  /** The mean over a region of the broadcast operands, recorded. */
  mean(
    tensors: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null = null,
    keepdim: boolean = false,
  ): Tensor {
    return this.reduce(this.averaged, tensors, scalars, output, dims, keepdim, true);
  }

  private reduce(
    formula: Formula,
    given: readonly Tensor[],
    scalars: readonly number[],
    output: DType,
    dims: Sizes | null,
    keepdim: boolean,
    mean: boolean,
  ): Tensor {
    const sizes = given.length === 1 ? given[0]!.sizes : commonSizes(this.name, given);
    const region = regionOf(this.name, sizes, dims);
    const { count } = region;
    const numbers = !mean ? scalars : scalars.length === 0 ? [count] : [...scalars, count];
    const divisor = mean ? count : 1;
    return reduceFormula(formula, given, numbers, sizes, region, keepdim, output, divisor);
  }
}

/** The sum of a formula's values over a region, divided; recorded, and with its tangents. */
function reduceFormula(
  formula: Formula,
  given: readonly Tensor[],
  scalars: readonly number[],
  sizes: Sizes,
  region: Region,
  keepdim: boolean,
  output: DType,
  divisor: number,
): Tensor {
  const { program, options } = formula;
  const tensors = given.length > 1 ? together(options.name, given) : given;
  const out = reduceRaw("sum", tensors, sizes, region, keepdim, output, program, scalars, divisor);
  if (output.kind !== "floating") return out;
  if (gradMode.enabled) record(formula, tensors, scalars, sizes, region.kept, out);
  if (forwardMode.active)
    for (const level of forwardMode.levels) {
      const tangents = tangentsOf(given, level);
      if (tangents === null) continue;
      const { plan, operands } = tangentOperands(formula, given, tangents, null);
      // The derivative of a mean divides already.
      const tangent = beneath(level, () =>
        operands.length === 0
          ? zeroTangent(out)
          : reduceFormula(plan.formula, operands, scalars, sizes, region, keepdim, output, 1),
      );
      setTangent(
        out,
        level,
        beneath(level, () => laidOut(tangent, out)),
      );
    }
  return out;
}

function record(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  sizes: Sizes,
  kept: Sizes,
  out: Tensor,
): void {
  const wanted = wantedBy(formula, tensors);
  if (wanted === 0 || onlyInference(tensors)) return;
  const next = new Array<Node<Tensor> | null>(tensors.length);
  let nextIndex = firstOutputs(tensors.length);
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    next[i] = (wanted >> i) & 1 ? gradientNode(tensor) : null;
    nextIndex = withOutput(nextIndex, i, tensor.outputIndex);
  }
  const { keeps, mask } = formula.plan(wanted);
  const saved =
    keeps === "nothing"
      ? null
      : keeps === "tensors"
        ? tensors
        : tensors.map((t, k) => ((mask >> k) & 1 ? t : null));
  out.node = new ReductionNode(
    formula,
    next,
    nextIndex,
    saved,
    scalars,
    sizes,
    kept,
    // Saved tensors tell their own sizes and types.
    saved === tensors ? tensors : tensors.map((t) => ({ sizes: t.sizes, dtype: t.dtype })),
  );
  out.tracked = true;
}
