// Random tensors, number for number as PyTorch's generator.
export {};
