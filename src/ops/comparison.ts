// Comparisons and predicates: results are bool.
export {};
