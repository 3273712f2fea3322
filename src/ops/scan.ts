// Running sums and products.
export {};
