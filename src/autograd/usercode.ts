// Whether a user's code may run in the midst of a backward pass.

/**
 * Set for good by the first hook, custom function or the like. While there was none, nobody can hold or change a gradient on its way, so
 * that one tensor may arrive at several places without a copy. A mutable record rather than a variable, so that hot paths read it without a
 * call.
 */
export const userCode: { possible: boolean } = { possible: false };
