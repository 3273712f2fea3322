// The torch.autograd namespace: what the layers below offer for gradients, under PyTorch's names.
export * from "../ops/autograd.ts";
export { Function, type FunctionContext, onceDifferentiable } from "./function.ts";
export { GradcheckError } from "../core/errors.ts";
export { gradcheck, type GradcheckOptions } from "./gradcheck.ts";
export { gradgradcheck, type GradgradcheckOptions } from "./gradgradcheck.ts";
export * as functional from "./functional.ts";
export * as graph from "./graph.ts";
export * as forwardAd from "./forwardad.ts";
export {
  type AnomalyOptions,
  detectAnomaly,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  setDetectAnomaly,
} from "./anomaly.ts";
export * as profiler from "./profiler.ts";
