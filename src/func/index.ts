// The torch.func namespace: derivatives and batches as functions of functions.
export {
  type Argnums,
  type Chosen,
  grad,
  gradAndValue,
  type GradientOptions,
  vjp,
  type VjpFunction,
} from "./gradient.ts";
export { type Dims, vmap, type VmapOptions } from "./vmap.ts";
