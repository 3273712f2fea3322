// The torch.autograd.graph namespace: what is offered for the graph itself.
export * from "../ops/saving.ts";
export { incrementVersion, unsafePreserveVersionCounter } from "../ops/version.ts";
export { Node } from "../autograd/node.ts";
export { getGradientEdge, GradientEdge } from "../ops/define/edge.ts";
export * from "../ops/passhooks.ts";
