// Products of two operands, linear in each: what one gradient is follows from the other operand alone. A class of its own because small
// steps are made of products, and what holds for any operation costs more than multiplying a few numbers.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import { gradMode } from "../../autograd/mode.ts";
import type { Node, Sender } from "../../autograd/node.ts";
import { mapping } from "../../core/device.ts";
import type { Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { summedTo } from "./fit.ts";
import {
  firstOutputs,
  gradientNode,
  isInferenceTensor,
  requiresGradient,
  withOutput,
} from "./history.ts";
import { together } from "./levels.ts";
import { nodeName } from "./nodename.ts";
import { type Commonest, observable, withCommonest } from "./observable.ts";
import { areTensors, Signature, tensor } from "./parameters.ts";
import type { Attached } from "./registry.ts";
import { ListNode, offerSaved } from "./saved.ts";
import { laidOut, setTangent, tangentOf } from "./tangent.ts";

export interface BilinearRecord {
  readonly name: string;
  /** PyTorch's name of the node, where it is not the operation's. */
  readonly node?: string;
  /** What the operands are called. */
  readonly operands: readonly [first: string, second: string];
  /** Refuses operands that do not meet, and multiplies the others; outside the graph. */
  readonly product: (first: Tensor, second: Tensor) => Tensor;
  /** The gradient for the first operand, from the product's and the second operand, with methods of tensors; it may have more dimensions. */
  readonly first: (gradient: Tensor, second: Tensor) => Tensor;
  readonly second: (gradient: Tensor, first: Tensor) => Tensor;
}

class BilinearNode extends ListNode {
  private readonly record: BilinearRecord;
  private readonly firstSizes: Sizes;
  private readonly secondSizes: Sizes;

  constructor(
    record: BilinearRecord,
    next: readonly (Node<Tensor> | null)[],
    nextIndex: readonly number[],
    first: Tensor,
    second: Tensor,
  ) {
    super(next, nextIndex);
    this.record = record;
    this.firstSizes = first.sizes;
    this.secondSizes = second.sizes;
    // Each operand is there for the gradient of the other.
    this.save([next[1] === null ? null : first, next[0] === null ? null : second]);
  }

  get name(): string {
    return nodeName(this.record.name, this.record.node);
  }

  savedName(index: number): string {
    return this.record.operands[index]!;
  }

  run(task: Sender<Tensor>): void {
    const { record, next } = this;
    const saved = this.open()!;
    const gradient = this.incoming!;
    if (next[0] !== null)
      task.send(this, 0, summedTo(record.first(gradient, saved[1]!), this.firstSizes));
    if (next[1] !== null)
      task.send(this, 1, summedTo(record.second(gradient, saved[0]!), this.secondSizes));
  }
}

class Bilinear {
  readonly record: BilinearRecord;

  constructor(record: BilinearRecord) {
    this.record = record;
  }

  call(given: Tensor, other: Tensor): Tensor {
    let first = given;
    let second = other;
    if (mapping.used)
      [first, second] = together(this.record.name, [given, other]) as [Tensor, Tensor];
    const out = this.record.product(first, second);
    if (gradMode.enabled && out.dtype.kind === "floating") {
      const wanted = requiresGradient(first);
      const wantedToo = requiresGradient(second);
      if (wanted || wantedToo) this.attach(first, second, wanted, wantedToo, out);
    }
    if (forwardMode.active) this.pushTangents(first, second, out);
    return out;
  }

  private attach(
    first: Tensor,
    second: Tensor,
    wanted: boolean,
    wantedToo: boolean,
    out: Tensor,
  ): void {
    if (isInferenceTensor(first) && isInferenceTensor(second)) return;
    const next = [wanted ? gradientNode(first) : null, wantedToo ? gradientNode(second) : null];
    const nextIndex = withOutput(
      withOutput(firstOutputs(2), 0, first.outputIndex),
      1,
      second.outputIndex,
    );
    out.node = new BilinearNode(this.record, next, nextIndex, first, second);
    out.tracked = true;
  }

  /** Linear in each operand: the sum of the products in which one of them is replaced by its tangent. */
  private pushTangents(first: Tensor, second: Tensor, out: Tensor): void {
    for (const level of forwardMode.levels) {
      const moving = tangentOf(first, level);
      const movingToo = tangentOf(second, level);
      if (moving === null && movingToo === null) continue;
      const tangent = beneath(level, () => {
        const left = moving === null ? null : this.call(moving, second);
        const right = movingToo === null ? null : this.call(first, movingToo);
        return laidOut(left === null ? right! : right === null ? left : left.add(right), out);
      });
      setTangent(out, level, tangent);
    }
  }
}

/** Makes the callable of a product from its record. The public type is the annotation of the constant it is assigned to. */
export function bilinear<F>(record: BilinearRecord): F {
  const own = new Bilinear(record);
  const { name, operands, first, second } = record;
  const parameters = { [operands[0]]: tensor, [operands[1]]: tensor };
  const signature = new Signature(name, parameters);
  offerSaved(operands);
  const attached: Attached = {
    record: { name, parameters, backward: { [operands[0]]: first, [operands[1]]: second } },
    inPlace: null,
  };
  const general = observable(name, (args) => {
    const values = signature.read(args);
    return own.call(values[operands[0]]!, values[operands[1]]!);
  });
  const commonest: Commonest = {
    fits: areTensors,
    compute: (a, b) => own.call(a as Tensor, b as Tensor),
  };
  return Object.assign(withCommonest(commonest, general), attached) as F;
}
