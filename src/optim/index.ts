// torch.optim: optimizers and learning-rate schedules.
export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export * as lrScheduler from "./scheduler.ts";
export { type GroupInput, type GroupOf, Optimizer, type ParametersInput } from "./optimizer.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
export type { OptimizerState } from "./state.ts";
