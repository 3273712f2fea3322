// Exponentials, logarithms, powers and roots.
export {};
