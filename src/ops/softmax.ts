// Softmax and its relatives.
export {};
