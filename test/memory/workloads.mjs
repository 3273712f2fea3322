// Trains without a pause and reports resident memory after the first tenth and at the end. Run as a child process:
// node workloads.mjs NAME STEPS, with the built library.
import * as torch from "flambeau";

const megabytes = () => Math.round(process.memoryUsage().rss / 2 ** 20);

function seedExample() {
  const x = torch.ones(5);
  const y = torch.zeros(3);
  const w = torch.randn(5, 3, { requiresGrad: true });
  const b = torch.randn(3, { requiresGrad: true });
  return () => {
    const z = torch.matmul(x, w).add(b);
    torch.nn.functional.binaryCrossEntropyWithLogits(z, y).backward();
  };
}

function perceptron() {
  const model = new torch.nn.Sequential(
    new torch.nn.Linear(784, 512),
    new torch.nn.ReLU(),
    new torch.nn.Linear(512, 512),
    new torch.nn.ReLU(),
    new torch.nn.Linear(512, 10),
  );
  const optimizer = new torch.optim.SGD(model.parameters(), { lr: 1e-3 });
  const x = torch.rand(64, 784);
  const labels = torch.randint(0, 10, [64]);
  return () => {
    const loss = torch.nn.functional.crossEntropy(model(x), labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
  };
}

const workloads = { seedExample, perceptron };
const [name, steps] = process.argv.slice(2);
const step = workloads[name]();
const tenth = Math.floor(Number(steps) / 10);
const started = Date.now();
let first = 0;
let peak = 0;
for (let i = 1; i <= Number(steps); i++) {
  step();
  if (i === tenth) first = megabytes();
  else if (i % tenth === 0) peak = Math.max(peak, megabytes());
}
process.stdout.write(
  JSON.stringify({ first, last: megabytes(), peak, seconds: (Date.now() - started) / 1000 }),
);
