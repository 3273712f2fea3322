// npm run demo: the autograd tutorial with its graph drawn, then a digit classifier trained from scratch.
// node demo/demo.mjs [--data FOLDER] [--epochs N] [--out FOLDER]
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import * as torch from "flambeau";
import { DigitClassifier, loadDigits, train } from "./training.mjs";
import { tutorial } from "./tutorial.mjs";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    epochs: { type: "string", default: "5" },
    out: { type: "string", default: path.join(import.meta.dirname, "../out") },
    drawn: { type: "string", default: "4000" },
  },
});
const epochs = Number(values.epochs);
if (!Number.isInteger(epochs) || epochs < 1)
  throw new Error(`--epochs takes a whole number from 1 on, got "${values.epochs}"`);
mkdirSync(values.out, { recursive: true });
const shown = (file) => path.relative(process.cwd(), file) || file;

console.log("(a) Autograd, step by step\n");
const { loss, names } = tutorial((text) => console.log(text));
const graphFile = path.join(values.out, "graph.svg");
writeFileSync(graphFile, await torch.viz.toSvg(loss, { names }));
console.log(`\nThe graph behind the loss is drawn in ${shown(graphFile)}\n`);

console.log("(b) A digit classifier\n");
const { training, test } = loadDigits(values.data, { drawn: Number(values.drawn) });
torch.manualSeed(0);
const model = new DigitClassifier();
console.log(String(model));
const source = values.data === undefined ? "drawn here" : `from ${values.data}`;
console.log(
  `\n${training.length} images to learn from, ${test.length} to test with, ${source}; computing on the ${torch.backend.name} backend\n`,
);
const live = process.stdout.isTTY === true;
const bar = new SingleBar(
  {
    format: "epoch {epoch}  {bar} {value}/{total} images  loss {loss}",
    hideCursor: true,
    noTTYOutput: false,
    clearOnComplete: true,
  },
  Presets.shades_classic,
);
const started = performance.now();
const history = train(model, training, test, {
  epochs,
  onBatch(seen, value, epoch) {
    if (!live) return;
    const fields = { epoch, loss: value.toFixed(4) };
    if (!bar.isActive) bar.start(training.length, seen, fields);
    else bar.update(seen, fields);
    bar.render();
  },
  onEpoch(epoch, mean, share) {
    bar.stop();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `epoch ${epoch}: loss ${mean.toFixed(4)}, accuracy ${(100 * share).toFixed(1)} %  (${seconds} s)`,
    );
  },
});
const chartFile = path.join(values.out, "training.svg");
const chart = torch.viz.lineChart(
  [
    { name: "training loss", y: history.loss },
    { name: "test accuracy (%)", y: history.accuracy.map((share) => 100 * share), axis: "right" },
  ],
  { title: "Digit classifier", xLabel: "epoch", yLabel: "loss", rightLabel: "accuracy (%)" },
);
writeFileSync(chartFile, chart);
console.log(`\nThe training curves are drawn in ${shown(chartFile)}`);
