// torch.utils: what PyTorch keeps under that name.
export { checkpoint, type CheckpointOptions } from "./func/checkpoint.ts";
export * as data from "./data/index.ts";
