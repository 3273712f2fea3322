// A place in the graph where gradients enter or are asked for: one output of a node, whether or not its tensor is still there.
import { Node } from "../../autograd/node.ts";
import { ArgumentError, AutogradError } from "../../core/errors.ts";
import { Tensor } from "../../core/tensor.ts";
import { gradientNode } from "./history.ts";

/**
 * An output of a node, as `backward` and `grad` take it in place of a tensor. It keeps the graph, not the tensor, and stays what it is
 * when the tensor is changed in place. Throws ArgumentError unless given a node and the number of one of its outputs.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * const edge = torch.autograd.graph.getGradientEdge(x.mul(3));
 * torch.autograd.grad(edge, x, torch.ones(2))[0] // => tensor([3., 3.])
 * ```
 */
export class GradientEdge {
  readonly node: Node<Tensor>;
  readonly outputNr: number;

  constructor(node: Node<Tensor>, outputNr: number = 0) {
    if (!(node instanceof Node))
      throw new ArgumentError(
        "GradientEdge: expected a node of the graph, such as x.gradFn; getGradientEdge(x) makes the edge of a tensor",
      );
    if (!Number.isInteger(outputNr) || outputNr < 0 || outputNr >= node.resultCount)
      throw new ArgumentError(
        `GradientEdge: ${node.name} has ${node.resultCount} outputs, numbered from 0, so there is no output ${String(outputNr)}`,
      );
    this.node = node;
    this.outputNr = outputNr;
  }
}

/** The edge of a tensor; null where it requires no gradient. */
function edgeOf(tensor: Tensor): GradientEdge | null {
  const node = gradientNode(tensor);
  if (node === null) return null;
  node.noteResult(tensor.outputIndex, tensor);
  return new GradientEdge(node, tensor.outputIndex);
}

/**
 * The place in the graph that a tensor's gradient goes to: an output of the node that made it, or of a leaf's accumulation node.
 * Throws AutogradError for a tensor that requires no gradient.
 * @example
 * ```ts
 * torch.autograd.graph.getGradientEdge(torch.ones(2, { requiresGrad: true }).exp()).node.name // => ExpBackward0
 * ```
 */
export function getGradientEdge(tensor: Tensor): GradientEdge {
  if (!(tensor instanceof Tensor))
    throw new ArgumentError(`getGradientEdge: expected a tensor, got ${typeof tensor}`);
  const edge = edgeOf(tensor);
  if (edge === null)
    throw new AutogradError(
      "getGradientEdge: the tensor does not require grad, so no gradient flows to it; set requiresGrad before it is used",
    );
  return edge;
}
