// Why a tensor has no gradient, told when a backward pass is asked to start from it.
import { gradMode } from "../../autograd/mode.ts";
import { cutOf } from "../../autograd/origin.ts";
import type { Tensor } from "../../core/tensor.ts";
import { isInferenceTensor, viewOf } from "./history.ts";

/** Where the graph of a tensor that requires no gradient was cut, as far as can be known afterwards, and what to do about it. */
export function explainCut(tensor: Tensor): string {
  const cut = cutOf(tensor);
  if (cut !== null)
    return `the graph was cut by ${cut.operation}, ${cut.reason}${cut.frame === "" ? "" : ` (${cut.frame})`}`;
  if (!tensor.dtype.isFloatingPoint)
    return `it is of type ${tensor.dtype.name}, and what gives whole numbers or booleans (argmax, comparisons, a conversion) leads no gradient on`;
  if (isInferenceTensor(tensor)) return "it was made in inferenceMode";
  if (tensor.hooks !== null && tensor.hooks.detachedAt > 0)
    return "it was taken out of the graph with detach_()";
  const view = viewOf(tensor);
  if (view?.creation === "noGrad") return `it is a view that ${view.operation} made inside noGrad`;
  if (!gradMode.enabled)
    return "recording is switched off here, inside noGrad, so that what is computed here has no graph";
  return "was it computed inside noGrad, from detach(), or from tensors without requiresGrad? Computed inside torch.autograd.detectAnomaly() as well, it will tell which operation cut the graph";
}
