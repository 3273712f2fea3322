// Trains a digit classifier and reports loss and accuracy for each epoch.
import { existsSync } from "node:fs";
import path from "node:path";
import * as torch from "flambeau";
import { drawDigits } from "./digits.mjs";

const { nn, optim } = torch;
const { DataLoader, readIdx, TensorDataset } = torch.utils.data;

function fileIn(folder, name) {
  for (const candidate of [`${name}.gz`, name]) {
    const file = path.join(folder, candidate);
    if (existsSync(file)) return file;
  }
  throw new Error(
    `${folder} holds no ${name}.gz; --data takes a folder with MNIST's four IDX files (train-images-idx3-ubyte.gz ...)`,
  );
}

/** Pixels become numbers from 0 to 1, labels int64. */
const prepared = (images, labels) =>
  new TensorDataset(images.to(torch.float32).div(255), labels.to(torch.int64));

/** Training and test images: MNIST's files from a folder, or digits drawn here. */
export function loadDigits(folder, { drawn = 4000 } = {}) {
  const part = (name, count, seed) => {
    if (folder === undefined) {
      const { images, labels } = drawDigits(count, seed);
      return prepared(images, labels);
    }
    return prepared(
      readIdx(fileIn(folder, `${name}-images-idx3-ubyte`)),
      readIdx(fileIn(folder, `${name}-labels-idx1-ubyte`)),
    );
  };
  return { training: part("train", drawn, 1), test: part("t10k", Math.ceil(drawn / 4), 2) };
}

/** The classifier: 784 inputs, two hidden layers, 10 classes. */
export class DigitClassifier extends nn.Module {
  constructor(hidden = 512) {
    super();
    this.flatten = new nn.Flatten();
    this.layers = new nn.Sequential(
      new nn.Linear(28 * 28, hidden),
      new nn.ReLU(),
      new nn.Linear(hidden, hidden),
      new nn.ReLU(),
      new nn.Linear(hidden, 10),
    );
  }

  forward(x) {
    return this.layers(this.flatten(x));
  }
}

/** The share of images that the model classifies rightly. */
export function accuracy(model, dataset) {
  model.eval();
  let right = 0;
  torch.noGrad(() => {
    for (const [images, labels] of new DataLoader(dataset, { batchSize: 500 }))
      right += model(images).argmax(1).eq(labels).sum().item();
  });
  model.train();
  return right / dataset.length;
}

/**
 * Trains with momentum and a learning rate that falls along a cosine. `onBatch(done, loss)` is called after every batch, `onEpoch(epoch, loss, accuracy)` after every epoch.
 */
export function train(
  model,
  training,
  test,
  { epochs, batchSize = 32, lr = 0.05, onBatch, onEpoch },
) {
  const loader = new DataLoader(training, { batchSize, shuffle: true });
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs);
  const history = { batches: [], loss: [], accuracy: [] };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0;
    let seen = 0;
    for (const [images, labels] of loader) {
      optimizer.zeroGrad();
      const loss = criterion(model(images), labels);
      loss.backward();
      optimizer.step();
      const value = loss.item();
      sum += value * labels.shape[0];
      seen += labels.shape[0];
      history.batches.push(value);
      onBatch?.(seen, value, epoch);
    }
    schedule.step();
    history.loss.push(sum / seen);
    history.accuracy.push(accuracy(model, test));
    onEpoch?.(epoch, history.loss.at(-1), history.accuracy.at(-1));
  }
  return history;
}
