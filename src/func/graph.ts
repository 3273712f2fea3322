// The torch.autograd.graph namespace: what is offered for the graph itself.
export { incrementVersion, unsafePreserveVersionCounter } from "../ops/version.ts";
