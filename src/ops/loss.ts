// Losses.
export {};
