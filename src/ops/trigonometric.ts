// Trigonometric and hyperbolic functions.
export {};
