// The torch.func namespace: derivatives and batches as functions of functions.
export { jvp, type JvpOptions, linearize } from "./forward.ts";
export {
  type Argnums,
  type Chosen,
  grad,
  gradAndValue,
  type GradientOptions,
  vjp,
  type VjpFunction,
} from "./gradient.ts";
export {
  hessian,
  jacfwd,
  type JacfwdOptions,
  type JacobianOf,
  jacrev,
  type JacrevOptions,
} from "./jacrev.ts";
export { rearrange } from "./rearrange.ts";
export {
  functionalCall,
  type FunctionalCallOptions,
  stackModuleState,
  type State,
  type Stateful,
} from "./state.ts";
export { debugUnwrap } from "./unwrap.ts";
export { type Dims, vmap, type VmapOptions } from "./vmap.ts";
