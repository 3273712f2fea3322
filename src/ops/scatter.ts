// Gathering and scattering along a dimension.
export {};
