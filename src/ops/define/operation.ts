// Operations that are not pointwise: how a call is read, computed and recorded.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import { gradMode, withRecording } from "../../autograd/mode.ts";
import { type Device, mapping } from "../../core/device.ts";
import { mapped } from "../../core/list.ts";
import { NamedTuple } from "../../core/namedtuple.ts";
import { observation } from "../../autograd/observer.ts";
import { Tensor } from "../../core/tensor.ts";
import { Blueprint, OperationNode } from "./blueprint.ts";
import { shownOf } from "./fit.ts";
import {
  bumpVersion,
  checkInPlace,
  isInferenceTensor,
  rebaseHistory,
  requiresGradient,
  snapshot,
  View,
  viewOf,
} from "./history.ts";
import { checkShared, joinedDevice, raised } from "./levels.ts";
import { empty } from "./memory.ts";
import { type Commonest, observable, observed, withCommonest } from "./observable.ts";
import type { AnyRecord, OperationRecord, TensorNames } from "./record.ts";
import { type Parameters, Signature, type Values } from "./parameters.ts";
import { argumentTangents, type ArgumentTangents, type Call, pushforward } from "./pushforward.ts";
import { checkFits } from "./refusals.ts";
import { transfer } from "./transfer.ts";
import type { Attached } from "./registry.ts";
import { savedThrough } from "./saved.ts";
import { laidOut, overwriteTangent, setTangent } from "./tangent.ts";

function run(blueprint: Blueprint, given: Values<Parameters>): Tensor | readonly Tensor[] {
  if (forwardMode.active) return runForward(blueprint, given);
  const { record } = blueprint;
  const values = mapping.used ? onOneDevice(blueprint, given) : given;
  const recording = gradMode.enabled;
  gradMode.enabled = false;
  let result: Tensor | readonly Tensor[];
  try {
    result = record.forward(values);
  } finally {
    gradMode.enabled = recording;
  }
  if (record.view !== undefined) {
    // Views of inference tensors are not tracked, wherever they are made.
    if (isInferenceTensor(values[blueprint.self] as Tensor)) return result;
    markViews(blueprint, values, result instanceof Tensor ? [result] : result);
  }
  const wanted = recording ? wantedOf(blueprint.ruleNames, values) : 0;
  if (wanted === 0) return result;
  if (onlyInference(values[blueprint.self], values)) return result;
  const outputs = result instanceof Tensor ? [result] : result;
  const node = attach(blueprint, values, outputs, null, wanted);
  for (let index = 0; index < outputs.length; index++) {
    const output = outputs[index]!;
    if (!output.dtype.isFloatingPoint) continue;
    output.node = node;
    output.outputIndex = index;
    output.tracked = true;
  }
  return result;
}

/** Whether nothing but inference tensors goes into a call. */
function onlyInference(first: unknown, values: Values<Parameters>): boolean {
  return (
    first instanceof Tensor &&
    isInferenceTensor(first) &&
    Object.values(values)
      .flat()
      .every((item) => !(item instanceof Tensor) || isInferenceTensor(item))
  );
}

/** The arguments with all tensors on one device, which has the axes of them all. */
function onOneDevice({ names }: Blueprint, values: Values<Parameters>): Values<Parameters> {
  let device: Device | null = null;
  let mixed = false;
  for (let i = 0; i < names.length; i++) {
    const value = values[names[i]!];
    if (!(value instanceof Tensor) && !Array.isArray(value)) continue;
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const item of items) {
      if (!(item instanceof Tensor)) continue;
      const own = item.storage.device;
      if (device !== null && own !== device) mixed = true;
      device = device === null ? own : joinedDevice(device, own);
    }
  }
  if (!mixed || device === null || device.axes.length === 0) return values;
  const joint = device;
  const lifted = (item: unknown): unknown => (item instanceof Tensor ? raised(item, joint) : item);
  const out: Record<string, unknown> = { ...values };
  for (const name of names) {
    const value = values[name];
    out[name] = Array.isArray(value) ? mapped(value as readonly unknown[], lifted) : lifted(value);
  }
  return out;
}

/** The same for a call that writes into its first argument, which must have all axes itself. */
function liftedInPlace(
  blueprint: Blueprint,
  given: Values<Parameters>,
  self: Tensor,
): Values<Parameters> {
  if (!mapping.used) return given;
  const values = onOneDevice(blueprint, given);
  checkShared(`${blueprint.record.name}_`, self, [values[blueprint.self] as Tensor]);
  return values;
}

/** A call's results with their tangents. */
function runForward(blueprint: Blueprint, given: Values<Parameters>): Tensor | readonly Tensor[] {
  const { levels } = forwardMode;
  const values = mapping.used ? onOneDevice(blueprint, given) : given;
  // Recording takes out of the arguments what it does not keep.
  const result = beneath(levels[0]!, () => run(blueprint, { ...values }));
  const outputs = result instanceof Tensor ? [result] : result;
  for (const level of levels) {
    const tangents = argumentTangents(blueprint, values, level);
    if (tangents === null) continue;
    beneath(level, () =>
      pushforward(callOf(blueprint, values, outputs, tangents), tangents).forEach((tangent, i) => {
        if (tangent !== null) setTangent(outputs[i]!, level, laidOut(tangent, outputs[i]!));
      }),
    );
  }
  return result;
}

function callOf(
  blueprint: Blueprint,
  values: Values<Parameters>,
  outputs: readonly Tensor[],
  tangents: ArgumentTangents,
): Call {
  const wanted = blueprint.ruleNames.reduce(
    (mask, name, i) => mask | (name in tangents ? 1 << i : 0),
    0,
  );
  return {
    blueprint,
    values,
    outputs,
    again: (others) => run(blueprint, others),
    node: (place) =>
      savedThrough(null, () => attach(blueprint, { ...values }, outputs, null, wanted, place)),
  };
}

/** An in-place call that changes tangents along with the memory. */
function runInPlaceForward(blueprint: Blueprint, given: Values<Parameters>): Tensor {
  const { levels } = forwardMode;
  const self = given[blueprint.self] as Tensor;
  const values = liftedInPlace(blueprint, given, self);
  const change = (): Tensor => beneath(levels[0]!, () => runInPlace(blueprint, { ...values }));
  const touched = levels.filter((level) => argumentTangents(blueprint, values, level) !== null);
  if (touched.length === 0) return change();
  // Rules read what was there before the change.
  const apart =
    blueprint.record.linear === true
      ? values
      : { ...withoutOverlap(blueprint, values, self), [blueprint.self]: snapshot(self) };
  change();
  for (const level of touched) {
    const tangents = argumentTangents(blueprint, apart, level)!;
    const [tangent] = beneath(level, () =>
      pushforward(callOf(blueprint, apart, [self], tangents), tangents),
    );
    if (tangent !== null && tangent !== undefined) overwriteTangent(self, level, tangent);
  }
  return self;
}

function markViews(
  blueprint: Blueprint,
  values: Values<Parameters>,
  outputs: readonly Tensor[],
): void {
  const { view, name } = blueprint.record;
  const source = values[blueprint.self] as Tensor;
  const from = viewOf(source);
  const own = gradMode.enabled ? view! : gradMode.inference ? "inference" : "noGrad";
  // A view of one of several views, or of one made inside noGrad, is bound by what binds its source.
  const creation = from !== null && from.creation !== "single" ? from.creation : own;
  for (const output of outputs) output.viewOf = new View(from?.base ?? source, creation, name);
}

function runInPlace(blueprint: Blueprint, given: Values<Parameters>): Tensor {
  if (forwardMode.active) return runInPlaceForward(blueprint, given);
  const { record } = blueprint;
  const name = `${record.name}_`;
  const self = given[blueprint.self] as Tensor;
  const values = liftedInPlace(blueprint, given, self);
  const wanted = gradMode.enabled ? wantedOf(blueprint.ruleNames, values) : 0;
  const recorded = wanted !== 0;
  checkInPlace(name, self, recorded || requiresGradient(self));
  const apart = withoutOverlap(blueprint, values, self);
  const readsOld = recorded && blueprint.savedNames.includes(blueprint.self);
  const original = readsOld ? snapshot(self) : null;
  withRecording(false, () => {
    if (record.write !== undefined) record.write(apart);
    else {
      const result = record.forward(apart) as Tensor;
      checkFits(name, self, result.sizes, result.dtype);
      transfer(result, self);
    }
  });
  bumpVersion(name, self);
  if (recorded && self.dtype.isFloatingPoint)
    rebaseHistory(self, attach(blueprint, apart, [self], original, wanted));
  return self;
}

/** The arguments of an in-place call, with copies of tensors that lie in the memory about to be written. */
function withoutOverlap(
  blueprint: Blueprint,
  values: Values<Parameters>,
  self: Tensor,
): Values<Parameters> {
  const inside = (item: unknown): item is Tensor =>
    item instanceof Tensor && item.storage === self.storage;
  let out = values;
  for (const name of Object.keys(values)) {
    if (name === blueprint.self) continue;
    const value = values[name];
    if (inside(value)) out = { ...out, [name]: snapshot(value) };
    else if (Array.isArray(value) && value.some(inside))
      out = {
        ...out,
        [name]: value.map((item: unknown) => (inside(item) ? snapshot(item) : item)),
      };
  }
  return out;
}

/**
 * The node of a call. `original` is the first argument's old value, where a rule reads it after an in-place change; bit i of `wanted`
 * says that the gradient of rule i is asked for; `place` says which tensors gradients are to go to, if not to the arguments.
 */
function attach(
  blueprint: Blueprint,
  values: Values<Parameters>,
  outputs: readonly Tensor[],
  original: Tensor | null,
  wanted: number,
  place: ((tensor: Tensor) => Tensor) | null = null,
): OperationNode {
  const { tensorNames, tensorRules } = blueprint;
  let inputs = new Array<Tensor | null>(tensorNames.length);
  let counts: number[] | null = null;
  for (let i = 0; i < tensorNames.length; i++) {
    const value = values[tensorNames[i]!];
    if (Array.isArray(value)) (counts ??= tensorNames.map(() => 1))[i] = value.length;
    inputs[i] = tensorRules[i] !== undefined && value instanceof Tensor ? value : null;
  }
  if (counts !== null)
    inputs = tensorNames.flatMap((name, i) => {
      const value = values[name];
      return Array.isArray(value) ? (value as Tensor[]) : [inputs[i]!];
    });
  if (place !== null)
    for (let i = 0; i < inputs.length; i++) if (inputs[i] !== null) inputs[i] = place(inputs[i]!);
  // The arguments were read for this call alone: what is not kept is replaced where it stands.
  const kept = values as Record<string, unknown>;
  const unread = blueprint.unread(wanted);
  for (let i = 0; i < unread.length; i++) {
    const value = kept[unread[i]!];
    kept[unread[i]!] = value instanceof Tensor ? shownOf(value) : null;
  }
  if (original !== null && kept[blueprint.self] instanceof Tensor) kept[blueprint.self] = original;
  return new OperationNode(blueprint, kept, inputs, counts, outputs);
}

/** Bit i: argument i of the names, or an item of that list, needs a gradient. */
function wantedOf(names: readonly string[], values: Values<Parameters>): number {
  let wanted = 0;
  for (let i = 0; i < names.length; i++) {
    const value = values[names[i]!];
    if (value instanceof Tensor) {
      if (requiresGradient(value)) wanted |= 1 << i;
    } else if (Array.isArray(value))
      for (const item of value)
        if (item instanceof Tensor && requiresGradient(item)) wanted |= 1 << i;
  }
  return wanted;
}

/** The results of an operation that names them. */
export function namedResults(
  operation: string,
  names: readonly string[],
  results: readonly Tensor[],
): object {
  return new NamedTuple(`torch.return_types.${operation}`, names, results);
}

function present(record: AnyRecord, result: Tensor | readonly Tensor[]): unknown {
  return record.outputs === undefined || result instanceof Tensor
    ? result
    : namedResults(record.name, record.outputs, result);
}

/** Makes the callable of an operation from its record. The public type is the annotation of the constant it is assigned to. */
export function operation<const P extends Parameters, const S extends TensorNames<P> | "output", F>(
  record: OperationRecord<P, S>,
): F {
  const { write } = record;
  const forward =
    record.forward ??
    ((values: Values<P>): Tensor => {
      const first = Object.keys(record.parameters)[0]!;
      // In row-major order, as PyTorch has it for nearly all of these.
      const given = values[first as keyof P] as Tensor;
      const self = empty(given.sizes, given.dtype, given.device);
      transfer(given, self);
      write!({ ...values, [first]: self });
      return self;
    });
  const full = { ...record, forward } as unknown as AnyRecord;
  const blueprint = new Blueprint(full);
  const signature = new Signature(full.name, full.parameters);
  const signatureInPlace = new Signature(`${full.name}_`, full.parameters);
  const mutates = record.inPlace === true || write !== undefined;
  const attached: Attached = {
    record: full as Attached["record"],
    inPlace: mutates
      ? observable(`${full.name}_`, (args) => runInPlace(blueprint, signatureInPlace.read(args)))
      : null,
  };
  const call = (args: readonly unknown[]): unknown =>
    present(full, run(blueprint, signature.read(args)));
  const invoke = (...args: readonly unknown[]): unknown =>
    observation.call === null
      ? present(full, run(blueprint, signature.read(args)))
      : observed(full.name, args, call);
  return Object.assign(invoke, attached) as F;
}

/** An operation that exists only in place: `name_`, without a form that leaves its first argument alone. */
export function inPlaceOnly<const P extends Parameters, const S extends TensorNames<P>, F>(
  record: OperationRecord<P, S>,
): F {
  const whole = operation<P, S, Attached>(record);
  const attached: Attached = {
    record: { ...whole.record, name: `${record.name}_` },
    inPlace: null,
  };
  return Object.assign((...args: readonly unknown[]) => whole.inPlace!(...args), attached) as F;
}

/** An operation made of others: it has no rule, its parts have. */
export function composite<const P extends Parameters, F>(record: {
  readonly name: string;
  readonly parameters: P;
  readonly compute: (values: Values<P>) => unknown;
  readonly inPlace?: boolean;
  /** Computes the commonest call from its one or two arguments, without the general reader, which costs more than a small kernel. */
  readonly commonest?: Commonest;
}): F {
  const signature = new Signature(record.name, record.parameters);
  const general = observable(record.name, (args) => record.compute(signature.read(args)));
  const invoke =
    record.commonest === undefined ? general : withCommonest(record.commonest, general);
  const inPlace = observable(`${record.name}_`, (args) => {
    const self = args[0] as Tensor;
    const name = `${record.name}_`;
    const recorded =
      gradMode.enabled && args.some((arg) => arg instanceof Tensor && requiresGradient(arg));
    checkInPlace(name, self, recorded);
    // Rules may read afterwards what lies in the memory about to be written.
    const apart = (arg: unknown): unknown =>
      arg instanceof Tensor && arg.storage === self.storage ? snapshot(arg) : arg;
    const result = invoke(...(recorded ? mapped(args, apart) : args)) as Tensor;
    checkFits(name, self, result.sizes, result.dtype);
    self.copy_(result);
    self.storage.writer = name;
    return self;
  });
  const attached: Attached = {
    record: record as Attached["record"],
    inPlace: record.inPlace === true ? inPlace : null,
  };
  return Object.assign(invoke, attached) as F;
}
