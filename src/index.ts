// The torch namespace, and the one place that chooses the default backend.

// Before all other modules: what they make at load must not enlarge V8's young generation.
import { allowGrowth } from "./backends/native/collector.ts";
import { chooseBackends } from "./backend.ts";

chooseBackends();
allowGrowth(true);

export { backend, type BackendName, getNumThreads, setNumThreads } from "./backend.ts";
export * from "./core/errors.ts";
export {
  bfloat16,
  bool,
  DType,
  float16,
  float32,
  float64,
  getDefaultDtype,
  int16,
  int32,
  int64,
  int8,
  setDefaultDtype,
  uint8,
} from "./core/dtype.ts";
// PyTorch's other names of the element types; they hide the conversions of the same names, which are methods.
export {
  float32 as float,
  float64 as double,
  float16 as half,
  int64 as long,
  int32 as int,
  int16 as short,
} from "./core/dtype.ts";
export { Device, deviceOf as device } from "./core/device.ts";
export { isWarnAlwaysEnabled, setWarnAlways } from "./core/warning.ts";
export { getPrintoptions, setPrintoptions } from "./core/printoptions.ts";
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from "./autograd/mode.ts";
export { Tensor } from "./ops/methods.ts";
export * from "./ops/index.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * as utils from "./utilities.ts";
export * as viz from "./viz/index.ts";
export { vmap } from "./func/vmap.ts";
export * as func from "./func/index.ts";
export * as autograd from "./func/autograd.ts";
export * as profiler from "./func/profiler.ts";
export * as special from "./ops/specialnames.ts";
