// Where a call's numbers lie in the frame. native/frame.h has the same.

export const slot = {
  handle: 0,
  count: 1,
  kind: 2,
  dtype: 3,
  dim: 4,
  flag: 5,
  alpha: 6,
  beta: 7,
  status: 8,
  badValue: 9,
  badDim: 10,
  badRange: 11,
  operands: 12,
  address: 16,
  step: 80,
  scalars: 144,
  types: 208,
  sizes: 272,
  strides: 336,
} as const;

/** Strides of one operand take this many places. */
export const strideStep = 64;
/** A kernel takes at most this many operands, and this many scalars. */
export const maximumOperands = 64;
