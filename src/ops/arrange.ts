// Rearranging elements: flip, roll, repeat, tril.
export {};
