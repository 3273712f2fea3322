// Calls every operation with arguments that no one should give. Bundled and run as a child process: a crash or a hang is then an exit code.
// Writes the call in progress to the file named by the first argument, and violations as JSON lines to standard output.
import { closeSync, openSync, writeSync } from "node:fs";
import * as torch from "../../src/index.ts";
import * as p from "../../src/ops/define/parameters.ts";
import { families, isOperation } from "../../src/ops/methods.ts";

const progress = openSync(process.argv[2], "w");
// The share of the operations to go through: "2/3" is the second third.
const [share, shares] = (process.argv[3] ?? "1/1").split("/").map(Number);
// Longer than a million views take on a loaded machine: only what hangs is to be found.
const slowest = 15_000;

class Mine extends Error {}

const throwing = () => {
  throw new Mine();
};
const endless = new Array(1_000_000).fill(1);
const cyclic = [1];
cyclic.push(cyclic);

function detached() {
  const buffer = new ArrayBuffer(24);
  const over = torch.frombuffer(buffer, { dtype: torch.float32 });
  structuredClone(buffer, { transfer: [buffer] });
  return over;
}

function shrunk() {
  const buffer = new ArrayBuffer(24, { maxByteLength: 24 });
  const over = torch.frombuffer(buffer, { dtype: torch.float32 });
  buffer.resize(4);
  return over;
}

function attempt(make) {
  try {
    return make();
  } catch {
    return null;
  }
}

// Fresh for each call, since calls may change them.
const tensors = [
  () => torch.ones(2, 3),
  () => torch.ones(2, 3, { requiresGrad: true }),
  () => torch.ones(2, 3, { requiresGrad: true }).mul(1),
  () => torch.tensor(2),
  () => torch.ones(0),
  () => torch.ones(2, 0, 3),
  () => torch.ones(3, 3, { dtype: torch.float64 }),
  () => torch.tensor([99, -99, 5], { dtype: torch.int64 }),
  () =>
    torch.tensor(
      [
        [0, 1, 7],
        [1, 0, -9],
      ],
      { dtype: torch.int64 },
    ),
  () => torch.tensor([0, 1], { dtype: torch.int64 }),
  () => torch.tensor([0, 0, 0], { dtype: torch.int32 }),
  () => torch.tensor([true, false]),
  () => torch.ones(2, 3).gt(0),
  () => torch.ones(2, 3, { dtype: torch.float16 }),
  () => torch.full([2, 3], NaN),
  () => torch.ones(2, 3, { dtype: torch.uint8 }),
  () => torch.ones(3, 2).t(),
  () => torch.ones(3).expand(2, 3),
  () => torch.ones(2, 3, { device: "meta" }),
  () => torch.ones(2, 3, { dtype: torch.int64, device: "meta" }),
  () => torch.ones(1, 1, 1, 1, 1, 2),
  () => torch.ones(2, 3, 4, 4),
  () => torch.ones(2, 3).unbind(0)[0],
  () => detached(),
  () => shrunk(),
].filter((make) => attempt(make) !== null);

const values = [
  () => undefined,
  () => null,
  () => "abc",
  () => "",
  () => "cuda",
  () => "-1:NaN:0",
  () => NaN,
  () => Infinity,
  () => -1,
  () => 0,
  () => 1.5,
  () => 1e18,
  () => 2 ** 53,
  () => -(2 ** 53),
  () => 2 ** 45,
  () => true,
  () => 10n,
  () => 2n ** 70n,
  () => Symbol("s"),
  () => () => 0,
  () => ({}),
  () => ({ nothing: 1 }),
  () => ({ dtype: "abc", dim: {}, size: Symbol("s") }),
  () => Object.create(null),
  () => Object.create(Object.create(null)),
  () => new Date(Number.NaN),
  () => new Map([[1, 2]]),
  () => [],
  () => [NaN],
  () => [-1],
  () => [0, 0],
  () => [1e9, 1e9, 1e9],
  () => [2 ** 31, 2 ** 31, 2],
  () => [2 ** 53],
  () => [[1, 2], [3]],
  () => [null, "a", {}],
  () => [torch.ones(2), null],
  () => [torch.ones(2), torch.ones(3), torch.ones(2, { device: "meta" })],
  () => cyclic,
  () => endless,
  () => new Array(3),
  () => new Float32Array(3),
  () => new BigInt64Array(2),
  () => new Float32Array(new SharedArrayBuffer(8)),
  () => new SharedArrayBuffer(8),
  () => new ArrayBuffer(3),
  () => new Proxy({}, {}),
  () => new Proxy([1, 2], {}),
  () => new Proxy({}, { ownKeys: throwing, get: throwing, getPrototypeOf: throwing }),
  () => Object.defineProperty({}, "dim", { enumerable: true, get: throwing }),
  () => ({ [Symbol.iterator]: throwing }),
  () => ({ toString: throwing }),
  () => torch.float32,
];

const plausible = new Map([
  [p.tensor, () => torch.ones(2, 3)],
  [p.indexTensor, () => torch.tensor([[0, 1, 0]], { dtype: torch.int64 })],
  [p.tensors, () => [torch.ones(2, 3), torch.ones(2, 3)]],
  [p.tensorOrNumber, () => torch.ones(2, 3)],
  [p.number, () => 1],
  [p.integer, () => 0],
  [p.boolean, () => true],
  [p.dimensions, () => 0],
  [p.integers, () => [1, 1]],
  [p.sizes, () => [2, 3]],
  [p.dtype, () => torch.float32],
]);

let current = "";
let calls = 0;
let count = 0;
const seen = new Set();

function describe(value) {
  try {
    if (value instanceof torch.Tensor)
      return `tensor[${value.sizes.join(",")}] ${value.dtype.name} ${String(value.device)}`;
    if (Array.isArray(value)) return value.length > 5 ? `array of ${value.length}` : "array";
    return typeof value === "object" ? Object.prototype.toString.call(value) : String(value);
  } catch {
    return "?";
  }
}

function violation(what) {
  const key = `${current.split("(")[0]} ${what}`;
  if (seen.has(key)) return;
  seen.add(key);
  process.stdout.write(`${JSON.stringify({ call: current, what })}\n`);
}

/** Reads what came back, so that memory which does not hold what its tensor says is noticed. */
function read(result) {
  if (result instanceof torch.Tensor) {
    if (result.device.type === "cpu" && result.numel() < 1e5) result.toTypedArray();
  } else if (Array.isArray(result)) result.slice(0, 100).forEach(read);
}

function call(name, operation, args) {
  current = `${name}(${args.map(describe).join(", ")})`;
  writeSync(progress, `${current}\n`);
  calls++;
  const before = performance.now();
  try {
    read(operation(...args));
  } catch (error) {
    if (!(error instanceof torch.TorchError) && !(error instanceof Mine))
      violation(
        `${error?.name}: ${error?.message} ${String(error?.stack).split("\n").slice(1, 4).join(" |")}`,
      );
  }
  const took = performance.now() - before;
  if (took > slowest) violation(`took ${Math.round(took)} ms`);
  if (!torch.isGradEnabled()) violation("left the grad mode off");
}

// Of the namespace's own state there is nothing to be learned from hostile calls that succeed.
const excluded = new Set(["setPrintoptions"]);

for (const family of families)
  for (const [name, operation] of Object.entries(family)) {
    if (!isOperation(operation) || excluded.has(name)) continue;
    if (count++ % shares !== share - 1) continue;
    const parameters = Object.values(operation.record.parameters);
    const forms = [[name, operation]];
    if (operation.inPlace !== null) forms.push([`${name}_`, operation.inPlace]);
    const base = parameters.map((one) => plausible.get(one));
    const required = base.findLastIndex((make) => make !== undefined) + 1;
    const arguments_ = () => base.map((make) => make?.());
    for (const [form, f] of forms) {
      const inPlace = f !== operation;
      if (!inPlace) call(form, f, []);
      call(form, f, arguments_().slice(0, required));
      for (let at = inPlace ? 1 : 0; at < parameters.length; at++)
        for (const make of [...values, ...tensors]) {
          const args = arguments_();
          args[at] = make();
          call(form, f, args.slice(0, Math.max(at + 1, required)));
        }
      for (const make of inPlace ? tensors : [...values, ...tensors])
        for (const n of new Set([1, Math.min(parameters.length, 4)]))
          call(form, f, Array.from({ length: n }, make));
      // Tensors of every kind against one another.
      if (base.filter((b) => b !== undefined).length > 1)
        for (const [i, first] of tensors.entries())
          for (const [k, second] of tensors.entries()) {
            if ((i + k + count) % 3 !== 0) continue;
            const args = arguments_();
            args[0] = first();
            let at = 1;
            while (at < base.length && !parameters[at].tensors) at++;
            if (at < base.length) args[at] = second();
            call(form, f, args.slice(0, Math.max(required, 1)));
          }
    }
  }

closeSync(progress);
process.stdout.write(`${JSON.stringify({ calls })}\n`);
