// Computing a formula on tensors, and recording it. The hottest path of the library: a small step is made of little else,
// so it allocates sparingly, and its classes have ordinary fields, whose initialisation is cheaper than that of #private ones.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import { gradMode } from "../../autograd/mode.ts";
import type { Node, Sender } from "../../autograd/node.ts";
import { userCode } from "../../autograd/usercode.ts";
import type { DType } from "../../core/dtype.ts";
import { AutogradError } from "../../core/errors.ts";
import { mapped } from "../../core/list.ts";
import { broadcastSizes, sameSizes, type Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import {
  computeType,
  type Derivation,
  type Formula,
  fromGradient,
  type TangentPlan,
} from "./formula.ts";
import {
  firstOutputs,
  gradientNode,
  onlyInference,
  rebaseHistory,
  requiresGradient,
  withOutput,
} from "./history.ts";
import { together } from "./levels.ts";
import { emptyAlong, emptyLikeDense } from "./memory.ts";
import { fit } from "./fit.ts";
import { ListNode } from "./saved.ts";
import { laidOut, setTangent, tangentsOf, zeroTangent } from "./tangent.ts";

interface Fit {
  readonly sizes: Sizes;
  readonly dtype: DType;
}

class PointwiseNode extends ListNode {
  private readonly formula: Formula;
  private readonly scalars: readonly number[];
  /** Sizes and types of the tensors, where a gradient must be brought back to them. */
  private readonly fits: readonly Fit[] | null;

  /** `saved` are the call's tensors and then its result. */
  constructor(
    formula: Formula,
    next: readonly (Node<Tensor> | null)[],
    nextIndex: readonly number[],
    saved: readonly (Tensor | null)[] | null,
    scalars: readonly number[],
    fits: readonly Fit[] | null,
  ) {
    super(next, nextIndex);
    this.formula = formula;
    this.scalars = scalars;
    this.fits = fits;
    if (saved !== null) this.save(saved);
  }

  get name(): string {
    return this.formula.options.node;
  }

  savedName(index: number): string {
    const { inputCount, options } = this.formula;
    return index === inputCount
      ? "result"
      : (options.names?.[options.slots[index]!] ?? `operand ${options.slots[index]!}`);
  }

  override resultAt(index: number): number {
    return index === this.formula.inputCount ? 0 : -1;
  }

  protected override plainValue(name: string): unknown {
    const at = this.formula.options.scalarNames?.indexOf(name) ?? -1;
    return at < 0 ? undefined : this.scalars[at];
  }

  run(task: Sender<Tensor>): void {
    const { formula, next } = this;
    const saved = this.open();
    if (formula.options.derivatives === "none")
      throw new AutogradError(
        `${this.name}: ${formula.options.name} has no derivative; detach() the tensors that go into it`,
      );
    const gradient = this.incoming!;
    const { derivations, options } = formula;
    let tensor = 0;
    let passed = false;
    for (let slot = 0; slot < next.length; slot++) {
      const isTensor = options.slots[tensor] === slot;
      const derivation = isTensor ? derivations[tensor++]! : null;
      if (next[slot] === null) continue;
      if (derivation === null) task.send(this, slot, null);
      else {
        const value = derivation.passes
          ? gradient
          : derive(derivation, gradient, saved, this.scalars);
        if (derivation.passes) {
          // A hook of one that takes it over as its .grad could change what the other has yet to read.
          if (passed && userCode.possible) gradient.storage.kept = true;
          passed = true;
        }
        task.send(this, slot, this.fits === null ? value : fit(value, this.fits[tensor - 1]!));
      }
    }
  }
}

/** The gradient for one operand, from the result's and what was saved. */
export function derive(
  { sources, formula }: Derivation,
  gradient: Tensor,
  saved: readonly (Tensor | null)[] | null,
  scalars: readonly number[],
): Tensor {
  const operands = new Array<Tensor>(sources.length);
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i]!;
    operands[i] = source === fromGradient ? gradient : saved![source]!;
  }
  return evaluate(formula, operands, scalars, gradient.dtype);
}

/**
 * The tensor whose layout a result takes, if all are on one device, of this type, and dense with its sizes or without dimensions: then elements pair
 * up without any arithmetic on layouts. Else null.
 */
function model(tensors: readonly Tensor[], dtype: DType): Tensor | null {
  let found = tensors[0]!;
  if (found.dtype !== dtype || !found.dense) return null;
  const { device } = found.storage;
  for (let i = 1; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    if (tensor.dtype !== dtype || !tensor.dense || tensor.storage.device !== device) return null;
    if (tensor.sizes === found.sizes) continue;
    if (found.sizes.length === 0) found = tensor;
    else if (tensor.sizes.length > 0 && !sameSizes(tensor.sizes, found.sizes)) return null;
  }
  return found;
}

/** Computes a formula into a fresh tensor of type `output` and records it. `compute` is by default what `output` computes in. */
export function evaluate(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  output: DType,
  compute: DType | null = null,
): Tensor {
  const like = output.kind === "floating" ? model(tensors, output) : null;
  if (like === null) return evaluateApart(formula, tensors, scalars, output, compute);
  const out = emptyLikeDense(like, output);
  out.storage.device.backend.map(formula.uniform(output), out, tensors, scalars);
  if (gradMode.enabled) record(formula, tensors, scalars, out, tensors.length > 1, null);
  if (forwardMode.active) pushTangents(formula, tensors, scalars, out);
  return out;
}

/** The same where layouts or types differ. */
function evaluateApart(
  formula: Formula,
  given: readonly Tensor[],
  scalars: readonly number[],
  output: DType,
  compute: DType | null,
): Tensor {
  const { name } = formula.options;
  const tensors = together(name, given);
  const sizes = commonSizes(name, tensors);
  const out = emptyAlong(sizes, output, tensors);
  const program = formula.program.typedFor(compute ?? computeType(output), tensors, output);
  out.storage.device.backend.map(program, out, tensors, scalars);
  if (gradMode.enabled && output.kind === "floating")
    record(formula, tensors, scalars, out, true, null);
  if (forwardMode.active && output.kind === "floating") pushTangents(formula, given, scalars, out);
  return out;
}

/** Gives the result of a formula its tangents. */
function pushTangents(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  out: Tensor,
): void {
  for (const level of forwardMode.levels) {
    const tangents = tangentsOf(tensors, level);
    if (tangents === null) continue;
    const tangent = beneath(level, () =>
      laidOut(differential(formula, tensors, tangents, scalars, out, out), out),
    );
    setTangent(out, level, tangent);
  }
}

/** The tangent of a formula's result, from those of its tensors; `like` has the result's type and sizes. */
export function differential(
  formula: Formula,
  tensors: readonly Tensor[],
  tangents: readonly (Tensor | null)[],
  scalars: readonly number[],
  like: Tensor,
  result: Tensor | null,
): Tensor {
  const { plan, operands } = tangentOperands(formula, tensors, tangents, result);
  if (operands.length === 0) return zeroTangent(like);
  return evaluate(plan.formula, operands, scalars, like.dtype);
}

/** How a formula's tangent is computed, and what from. */
export function tangentOperands(
  formula: Formula,
  tensors: readonly Tensor[],
  tangents: readonly (Tensor | null)[],
  result: Tensor | null,
): { readonly plan: TangentPlan; readonly operands: readonly Tensor[] } {
  const { inputCount } = formula;
  let given = 0;
  for (let i = 0; i < tangents.length; i++) if (tangents[i] !== null) given |= 1 << i;
  const plan = formula.tangentPlan(given, result !== null);
  const { sources } = plan;
  const operands = new Array<Tensor>(sources.length);
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i]!;
    operands[i] =
      source < inputCount
        ? tensors[source]!
        : source === inputCount
          ? result!
          : tangents[source - inputCount - 1]!;
  }
  return { plan, operands };
}

export function commonSizes(name: string, tensors: readonly Tensor[]): Sizes {
  let { sizes } = tensors[0]!;
  for (let i = 1; i < tensors.length; i++) sizes = broadcastSizes(name, sizes, tensors[i]!.sizes);
  return sizes;
}

function needFitting(operands: readonly Tensor[], out: Tensor): boolean {
  for (let i = 0; i < operands.length; i++) {
    const { dtype, sizes } = operands[i]!;
    if (dtype !== out.dtype || (sizes !== out.sizes && !sameSizes(sizes, out.sizes))) return true;
  }
  return false;
}

/** Bit i: whether a recorded result of the formula needs tensor i's gradient. */
export function wantedBy(formula: Formula, tensors: readonly Tensor[]): number {
  let wanted = 0;
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    if ((tensor.tracked || requiresGradient(tensor)) && tensor.dtype.kind === "floating")
      wanted |= 1 << i;
  }
  return wanted & formula.reached;
}

/** Records a computed formula. `rewritten` is the old value of the first tensor where the result took its place. */
export function record(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  out: Tensor,
  fitted: boolean,
  rewritten: { readonly old: Tensor } | null,
): void {
  const wanted = wantedBy(formula, tensors);
  if (wanted !== 0 && !onlyInference(tensors))
    attach(formula, tensors, scalars, out, fitted, rewritten, wanted);
}

/** Makes the node of a computed formula; bit i of `wanted` says that tensor i needs a gradient. */
function attach(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  out: Tensor,
  fitted: boolean,
  rewritten: { readonly old: Tensor } | null,
  wanted: number,
): void {
  const { slots, slotCount } = formula.options;
  const next = new Array<Node<Tensor> | null>(slotCount);
  for (let slot = 0; slot < slotCount; slot++) next[slot] = null;
  let nextIndex = firstOutputs(slotCount);
  for (let i = 0; i < tensors.length; i++) {
    if (((wanted >> i) & 1) === 0) continue;
    const tensor = tensors[i]!;
    const slot = slots[i]!;
    next[slot] = gradientNode(tensor);
    nextIndex = withOutput(nextIndex, slot, tensor.outputIndex);
  }
  const plan = formula.plan(wanted);
  const operands =
    rewritten === null ? tensors : mapped(tensors, (t) => (t === out ? rewritten.old : t));
  let saved: readonly (Tensor | null)[] | null = null;
  if (plan.keeps === "tensors") saved = operands;
  else if (plan.keeps === "some")
    saved = mapped([...operands, out], (t, k) => ((plan.mask >> k) & 1 ? t : null));
  const fits = fitted && needFitting(operands, out);
  const node = new PointwiseNode(
    formula,
    next,
    nextIndex,
    saved,
    scalars,
    fits ? mapped(operands, (t) => ({ sizes: t.sizes, dtype: t.dtype })) : null,
  );
  if (rewritten === null) {
    out.node = node;
    out.tracked = true;
  } else rebaseHistory(out, node);
}
