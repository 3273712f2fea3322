// Indexing and assignment by position, range, mask and tensor.
export {};
