// torch.utils.data: datasets, loaders, and files that hold data.
export { defaultCollate } from "./collate.ts";
export { Dataset, type Indexed, randomSplit, Subset, TensorDataset } from "./dataset.ts";
export { readIdx } from "./idx.ts";
export { DataLoader, type DataLoaderOptions } from "./loader.ts";
