// Rounding, remainders and signs.
export {};
