// Largest and smallest elements, and where they are.
export {};
