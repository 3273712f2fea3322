// Special functions: error function, gamma and their kin.
export {};
