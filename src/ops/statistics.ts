// Mean, variance, norms and their kin.
export {};
