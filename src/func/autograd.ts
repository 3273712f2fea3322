// The torch.autograd namespace: what the layers below offer for gradients, under PyTorch's names.
export * from "../ops/autograd.ts";
export * as graph from "./graph.ts";
export * as functional from "./functional.ts";
export { Function, type FunctionContext, onceDifferentiable } from "./function.ts";
