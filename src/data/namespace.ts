// torch.utils: what PyTorch keeps under that name.
export * as data from "./index.ts";
