// The torch.autograd.graph namespace: the graph itself.
export { Node } from "../autograd/node.ts";
export { getGradientEdge, GradientEdge } from "../ops/define/edge.ts";
export * from "../ops/passhooks.ts";
export { incrementVersion, traceWrites, unsafePreserveVersionCounter } from "../ops/version.ts";
