// The torch.autograd.graph namespace.
export * from "../ops/saving.ts";
