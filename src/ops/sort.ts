// Sorting, ranking and uniqueness.
export {};
