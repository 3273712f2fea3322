// torch.special: its own functions, and others under the names they have there.
export {
  entr,
  erf,
  erfc,
  erfcx,
  erfinv,
  i0,
  i0e,
  i1,
  i1e,
  logNdtr,
  mvlgamma as multigammaln,
  ndtr,
  ndtri,
  polygamma,
  digamma,
  digamma as psi,
  lgamma as gammaln,
  xlog1py,
  zeta,
} from "./special.ts";
export { exp2, expm1, log1p, xlogy } from "./exponential.ts";
export { logit, sigmoid as expit } from "./activation.ts";
export { round } from "./rounding.ts";
export { sinc } from "./trigonometric.ts";
