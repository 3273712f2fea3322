// The torch.autograd.graph namespace: what is offered for the graph itself.
export { incrementVersion, traceWrites, unsafePreserveVersionCounter } from "../ops/version.ts";
