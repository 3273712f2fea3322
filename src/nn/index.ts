// torch.nn: modules, and their functional forms.
export {
  CELU,
  Dropout,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from "./activation.ts";
export { ModuleDict, ModuleList, ParameterList, Sequential } from "./container.ts";
export * as functional from "./functional.ts";
export * as init from "./init.ts";
export { Bilinear, Embedding, Flatten, Identity, Linear, Unflatten } from "./layer.ts";
export * from "./loss.ts";
export { type ForwardHook, type ForwardPreHook, type Layer, Module } from "./module.ts";
export { Parameter } from "./parameter.ts";
export * as utils from "./gradient.ts";
