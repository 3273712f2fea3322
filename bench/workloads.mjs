// The workloads of the benchmark. Each takes the library, prepares its tensors, and returns the step that is timed;
// workloads.py has the same ones, under the same names, in PyTorch.
const tracked = { requiresGrad: true };

/** One step of training: forward, backward, update. */
function training(optimizer, loss) {
  return () => {
    loss().backward();
    optimizer.step();
    optimizer.zeroGrad();
  };
}

function digits(torch, ...layers) {
  const model = new torch.nn.Sequential(...layers);
  const optimizer = new torch.optim.SGD(model.parameters(), { lr: 1e-3 });
  const images = torch.randn(64, 1, 28, 28);
  const labels = torch.randint(0, 10, [64]);
  return training(optimizer, () => torch.nn.functional.crossEntropy(model(images), labels));
}

/** Forward and backward of a scalar function of one tensor. */
function differentiation(input, scalar) {
  return () => {
    input.grad = null;
    scalar(input).backward();
  };
}

function addition(size) {
  return (torch) => {
    const a = torch.randn(size);
    const b = torch.randn(size);
    return () => a.add(b);
  };
}

function pointwise(name, size) {
  return (torch) => {
    const input = torch.rand(size).add(0.1);
    const operation = torch[name];
    return () => operation(input);
  };
}

function product(size, { left = false, right = false } = {}) {
  return (torch) => {
    const a = torch.randn(size, size);
    const b = torch.randn(size, size);
    const [x, y] = [left ? a.t() : a, right ? b.t() : b];
    return () => x.matmul(y);
  };
}

/** A language model of 4 pre-norm transformer blocks, 65 symbols, context 64, width 128. */
function languageModel(torch) {
  const { nn } = torch;
  const [symbols, context, width, heads, depth] = [65, 64, 128, 4, 4];

  class Block extends nn.Module {
    constructor() {
      super();
      this.attentionNorm = new nn.LayerNorm(width);
      this.queryKeyValue = new nn.Linear(width, 3 * width);
      this.mix = new nn.Linear(width, width);
      this.mlpNorm = new nn.LayerNorm(width);
      this.widen = new nn.Linear(width, 4 * width);
      this.narrow = new nn.Linear(4 * width, width);
    }
    attention(x) {
      const [batch, time] = x.shape;
      const [query, key, value] = this.queryKeyValue(x)
        .split(width, 2)
        .map((part) => part.view(batch, time, heads, width / heads).transpose(1, 2));
      const attended = nn.functional.scaledDotProductAttention(query, key, value, {
        isCausal: true,
      });
      return this.mix(attended.transpose(1, 2).reshape(batch, time, width));
    }
    forward(x) {
      const y = x.add(this.attention(this.attentionNorm(x)));
      return y.add(this.narrow(nn.functional.gelu(this.widen(this.mlpNorm(y)))));
    }
  }

  class Model extends nn.Module {
    constructor() {
      super();
      this.symbol = new nn.Embedding(symbols, width);
      this.position = new nn.Embedding(context, width);
      this.blocks = new nn.Sequential(...Array.from({ length: depth }, () => new Block()));
      this.norm = new nn.LayerNorm(width);
      this.head = new nn.Linear(width, symbols, { bias: false });
    }
    forward(text) {
      const embedded = this.symbol(text).add(this.position(torch.arange(text.shape[1])));
      return this.head(this.norm(this.blocks(embedded)));
    }
  }

  const model = new Model();
  const optimizer = new torch.optim.AdamW(model.parameters(), { lr: 1e-3 });
  const [text, following] = [0, 1].map(() => torch.randint(0, symbols, [12, context]));
  return training(optimizer, () =>
    nn.functional.crossEntropy(model(text).reshape(-1, symbols), following.reshape(-1)),
  );
}

/** A network of two layers, 64-128-10: its parameters, its loss, and 64 samples. */
function twoLayers(torch) {
  const { linear, crossEntropy } = torch.nn.functional;
  const parameters = {
    w1: torch.randn(128, 64).mul(0.1),
    b1: torch.zeros(128),
    w2: torch.randn(10, 128).mul(0.1),
    b2: torch.zeros(10),
  };
  const loss = (p, x, y) => crossEntropy(linear(linear(x, p.w1, p.b1).tanh(), p.w2, p.b2), y);
  return { parameters, loss, samples: torch.randn(64, 64), labels: torch.randint(0, 10, [64]) };
}

export const workloads = {
  seed(torch) {
    const x = torch.ones(5);
    const y = torch.zeros(3);
    const w = torch.randn(5, 3, tracked);
    const b = torch.randn(3, tracked);
    return () => {
      w.grad = null;
      b.grad = null;
      const z = torch.matmul(x, w).add(b);
      torch.nn.functional.binaryCrossEntropyWithLogits(z, y).backward();
    };
  },
  "scalar-chain": (torch) => () => {
    let value = torch.ones([], tracked);
    for (let link = 0; link < 1000; link++) value = value.mul(0.999).add(0.001);
    value.backward();
  },
  mlp(torch) {
    const { Flatten, Linear, ReLU } = torch.nn;
    const hidden = [new Linear(784, 512), new ReLU(), new Linear(512, 512), new ReLU()];
    return digits(torch, new Flatten(), ...hidden, new Linear(512, 10));
  },
  cnn(torch) {
    const { Conv2d, Flatten, Linear, MaxPool2d, ReLU } = torch.nn;
    const features = [new Conv2d(1, 32, 3), new ReLU(), new Conv2d(32, 64, 3), new ReLU()];
    const classifier = [new Linear(9216, 128), new ReLU(), new Linear(128, 10)];
    return digits(torch, ...features, new MaxPool2d(2), new Flatten(), ...classifier);
  },
  gpt: languageModel,
  "add-8": addition(8),
  "add-1k": addition(1024),
  "add-64k": addition(2 ** 16),
  "add-1m": addition(2 ** 20),
  "exp-64k": pointwise("exp", 2 ** 16),
  "tanh-1m": pointwise("tanh", 2 ** 20),
  "swish-1m": (torch) =>
    differentiation(torch.randn(2 ** 20, tracked), (x) => x.mul(torch.sigmoid(x.mul(1.702))).sum()),
  "sum-1k-1k"(torch) {
    const input = torch.randn(1024, 1024);
    return () => input.sum(0);
  },
  "xent-4k-1k"(torch) {
    const labels = torch.randint(0, 1000, [4096]);
    return differentiation(torch.randn(4096, 1000, tracked), (scores) =>
      torch.nn.functional.crossEntropy(scores, labels),
    );
  },
  "layernorm-4k-512"(torch) {
    const norm = new torch.nn.LayerNorm(512);
    return differentiation(torch.randn(4096, 512, tracked), (x) => norm(x).sum());
  },
  "matmul-64": product(64),
  "matmul-256": product(256),
  "matmul-1k": product(1024),
  "matmul-512-ta": product(512, { left: true }),
  "matmul-512-tb": product(512, { right: true }),
  "bmm-48"(torch) {
    const a = torch.randn(48, 64, 32);
    const b = torch.randn(48, 32, 64);
    return () => a.matmul(b);
  },
  "hessian-100"(torch) {
    const at = torch.randn(100);
    const scalar = (x) => x.tanh().pow(3).sum().mul(x.sum());
    return () => torch.autograd.functional.hessian(scalar, at);
  },
  "pass-64"(torch) {
    const { parameters, loss, samples, labels } = twoLayers(torch);
    const leaves = Object.values(parameters).map((tensor) => tensor.requiresGrad_());
    return () => {
      for (const leaf of leaves) leaf.grad = null;
      loss(parameters, samples, labels).backward();
    };
  },
  "per-sample-64"(torch) {
    const { parameters, loss, samples, labels } = twoLayers(torch);
    const gradients = torch.vmap(torch.func.grad(loss), { inDims: [null, 0, 0] });
    return () => gradients(parameters, samples, labels);
  },
  "adamw-1m"(torch) {
    const parameters = Array.from({ length: 4 }, () => {
      const parameter = new torch.nn.Parameter(torch.randn(2 ** 18));
      parameter.grad = torch.randn(2 ** 18);
      return parameter;
    });
    const optimizer = new torch.optim.AdamW(parameters);
    return () => optimizer.step();
  },
};
