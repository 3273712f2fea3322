// Choosing between values: where, clamp, lerp, maximum.
export {};
