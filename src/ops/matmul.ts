// Matrix products.
export {};
