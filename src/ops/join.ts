// Joining and splitting tensors.
export {};
