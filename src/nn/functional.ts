// torch.nn.functional: layers and losses as functions.
export * from "../ops/activation.ts";
export * from "../ops/dropout.ts";
export * from "../ops/linear.ts";
export * from "../ops/loss.ts";
export * from "../ops/rectifier.ts";
export * from "../ops/softmax.ts";
export * from "../ops/entropy.ts";
export * from "../ops/likelihood.ts";
export * from "../ops/margin.ts";
export * from "../ops/multimargin.ts";
export * from "../ops/classes.ts";
export { cosineSimilarity, normalize, pairwiseDistance } from "../ops/norm.ts";
