# Writes training.json: what PyTorch's modules, optimizers and loaders give. Usage: python -P training.py
import gzip, json, os
import torch

here = os.path.dirname(os.path.abspath(__file__))
nn, optim = torch.nn, torch.optim
flat = lambda t: t.detach().flatten().tolist()
out = {}


def seeded(make, seed=0):
    torch.manual_seed(seed)
    return [flat(t) for t in make()]


out["init"] = {
    "linear": seeded(lambda: nn.Linear(5, 3).parameters()),
    "bilinear": seeded(lambda: nn.Bilinear(3, 2, 4).parameters()),
    "embedding": seeded(lambda: nn.Embedding(4, 5, padding_idx=1).parameters()),
    "kaimingUniform": seeded(lambda: [nn.init.kaiming_uniform_(torch.empty(4, 6), nonlinearity="relu")]),
    "kaimingNormal": seeded(lambda: [nn.init.kaiming_normal_(torch.empty(4, 6, 2), mode="fan_out")]),
    "xavierUniform": seeded(lambda: [nn.init.xavier_uniform_(torch.empty(4, 6), gain=2)]),
    "xavierNormal": seeded(lambda: [nn.init.xavier_normal_(torch.empty(4, 6))]),
    "truncNormal": seeded(lambda: [nn.init.trunc_normal_(torch.empty(8, 6), 1, 2, -1, 3)]),
    "eye": seeded(lambda: [nn.init.eye_(torch.empty(3, 4))]),
    "dropout": seeded(lambda: [nn.functional.dropout(torch.ones(12), 0.4)]),
    # The first and last weights of the tutorial's first layer.
    "large": seeded(lambda: (lambda l: [l.weight[0, :8], l.weight[-1, -8:], l.bias[:8]])(nn.Linear(784, 512))),
}
out["gains"] = [nn.init.calculate_gain(n) for n in ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]] + [
    nn.init.calculate_gain("leaky_relu", 0.2)
]

# Optimizers: two parameters, 20 steps with drawn gradients.
configurations = {
    "SGD": [
        dict(lr=0.1),
        dict(lr=0.1, momentum=0.9),
        dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01),
        dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
        dict(lr=0.01, maximize=True, momentum=0.5),
    ],
    "Adam": [dict(), dict(lr=0.05, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1), dict(lr=0.05, amsgrad=True), dict(lr=0.01, maximize=True), dict(lr=0.05, betas=(0.3, 0.9))],
    "AdamW": [dict(), dict(lr=0.05, weight_decay=0.2, amsgrad=True)],
    "RMSprop": [dict(), dict(lr=0.02, alpha=0.9, momentum=0.9, centered=True, weight_decay=0.1)],
    "Adagrad": [dict(), dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5)],
}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(w.capitalize() for w in rest)


def optimize(kind, options):
    torch.manual_seed(1)
    w = torch.randn(3, 4, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    o = getattr(optim, kind)([w, b], **options)
    steps = []
    for _ in range(20):
        w.grad, b.grad = torch.randn(3, 4), torch.randn(4)
        o.step()
        steps.append(flat(w) + flat(b))
    state = o.state_dict()
    return {
        "kind": kind,
        "options": {camel(k): v for k, v in options.items()},
        "steps": steps,
        "groupKeys": list(state["param_groups"][0]),
        "stateKeys": {str(k): list(v) for k, v in state["state"].items()},
    }


out["optimizers"] = [optimize(k, o) for k, group in configurations.items() for o in group]

# Schedules: the rate after each epoch.
def rates(make):
    w = torch.zeros(1, requires_grad=True)
    o = optim.SGD([w], lr=0.5)
    s = make(o)
    r = []
    for _ in range(12):
        r.append(o.param_groups[0]["lr"])
        o.step()
        s.step()
    return r


S = optim.lr_scheduler
out["schedules"] = {
    "step": rates(lambda o: S.StepLR(o, 3, 0.5)),
    "cosine": rates(lambda o: S.CosineAnnealingLR(o, 5, 0.01)),
    "lambda": rates(lambda o: S.LambdaLR(o, lambda e: 0.9**e)),
}

# Loaders: the order of samples.
D = torch.utils.data


def order(n, batch, epochs, generator=None, **more):
    loader = D.DataLoader(list(range(n)), batch_size=batch, generator=generator, **more)
    return [[b.tolist() for b in loader] for _ in range(epochs)]


torch.manual_seed(3)
out["loaders"] = {
    "default": order(10, 3, 2, shuffle=True),
    "after": flat(torch.rand(2)),
    "given": order(9, 3, 3, torch.Generator().manual_seed(5), shuffle=True),
    "dropLast": order(10, 4, 2, torch.Generator().manual_seed(5), shuffle=True, drop_last=True),
    "inOrder": order(5, 2, 1),
    "split": [list(s.indices) for s in D.random_split(range(11), [0.5, 0.3, 0.2], generator=torch.Generator().manual_seed(5))],
}

# Texts of modules.
modules = {
    "Linear": nn.Linear(3, 4, bias=False), "Bilinear": nn.Bilinear(1, 2, 3), "Embedding": nn.Embedding(3, 4, padding_idx=-1),
    "Identity": nn.Identity(), "Flatten": nn.Flatten(), "Unflatten": nn.Unflatten(1, (2, 3)), "ReLU": nn.ReLU(), "ReLU inplace": nn.ReLU(inplace=True),
    "ReLU6": nn.ReLU6(), "LeakyReLU": nn.LeakyReLU(0.2), "ELU": nn.ELU(), "SELU": nn.SELU(), "CELU": nn.CELU(), "GELU": nn.GELU(), "SiLU": nn.SiLU(),
    "Mish": nn.Mish(), "Hardtanh": nn.Hardtanh(), "Hardsigmoid": nn.Hardsigmoid(), "Hardswish": nn.Hardswish(), "Hardshrink": nn.Hardshrink(),
    "Softshrink": nn.Softshrink(), "Tanhshrink": nn.Tanhshrink(), "Softsign": nn.Softsign(), "Softplus": nn.Softplus(), "LogSigmoid": nn.LogSigmoid(),
    "Sigmoid": nn.Sigmoid(), "Tanh": nn.Tanh(), "Threshold": nn.Threshold(0.1, 20), "GLU": nn.GLU(), "Softmax": nn.Softmax(dim=1),
    "LogSoftmax": nn.LogSoftmax(dim=-1), "Softmin": nn.Softmin(dim=0), "Dropout": nn.Dropout(), "PReLU": nn.PReLU(),
    "MSELoss": nn.MSELoss(), "CrossEntropyLoss": nn.CrossEntropyLoss(),
    "Sequential": nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.25))), "empty": nn.Sequential(),
    "ModuleList": nn.ModuleList([nn.Linear(2, 3), nn.Linear(2, 3), nn.ReLU()]), "ModuleDict": nn.ModuleDict({"a": nn.Linear(1, 2)}),
    "ParameterList": nn.ParameterList([nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(4))]),
    "Parameter": nn.Parameter(torch.tensor([1.5, 2.0])),
}
out["texts"] = {k: repr(m) for k, m in modules.items()}

# Activations and losses on one input.
torch.manual_seed(2)
x = torch.randn(3, 4)
t = torch.rand(3, 4)
y = torch.tensor([1, 3, 0])
out["inputs"] = {"x": x.tolist(), "t": t.tolist(), "y": y.tolist()}
names = ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Hardtanh", "Hardsigmoid", "Hardswish", "Hardshrink", "Softshrink",
         "Tanhshrink", "Softsign", "Softplus", "LogSigmoid", "Sigmoid", "Tanh", "GLU", "PReLU"]
out["activations"] = {n: flat(getattr(nn, n)()(x)) for n in names}
weight = torch.tensor([0.5, 1.0, 2.0, 0.25])
out["losses"] = {
    "L1Loss": flat(nn.L1Loss()(x, t)), "MSELoss": flat(nn.MSELoss(reduction="sum")(x, t)), "SmoothL1Loss": flat(nn.SmoothL1Loss(beta=0.5)(x, t)),
    "HuberLoss": flat(nn.HuberLoss(delta=0.5)(x, t)), "BCELoss": flat(nn.BCELoss()(x.sigmoid(), t)),
    "BCEWithLogitsLoss": flat(nn.BCEWithLogitsLoss(pos_weight=weight)(x, t)), "KLDivLoss": flat(nn.KLDivLoss(reduction="batchmean")(x.log_softmax(1), t)),
    "PoissonNLLLoss": flat(nn.PoissonNLLLoss()(x, t)), "SoftMarginLoss": flat(nn.SoftMarginLoss()(x, t)),
    "HingeEmbeddingLoss": flat(nn.HingeEmbeddingLoss()(x, x.sign())), "CrossEntropyLoss": flat(nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)(x, y)),
    "NLLLoss": flat(nn.NLLLoss(ignore_index=3)(x.log_softmax(1), y)), "MarginRankingLoss": flat(nn.MarginRankingLoss(0.3)(x, t, x.sign())),
    "GaussianNLLLoss": flat(nn.GaussianNLLLoss()(x, t, t + 0.1)),
}
out["bufferKeys"] = list(nn.BCEWithLogitsLoss(pos_weight=weight).state_dict())

# Clipping.
def clip(norm_type):
    ps = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))]
    ps[0].grad, ps[1].grad = torch.tensor([3.0, -4.0, 1.0]), torch.tensor([12.0, 0.5])
    total = nn.utils.clip_grad_norm_(ps, 2.0, norm_type)
    return flat(total) + flat(ps[0].grad) + flat(ps[1].grad)


out["clip"] = [clip(2), clip(1), clip(float("inf"))]

# Training from scratch: the loss of every batch over two epochs.
def idx(name, offset):
    with gzip.open(os.path.join(here, "digits", name)) as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)[offset:]


images = idx("train-images-idx3-ubyte.gz", 16).view(-1, 28, 28).float() / 255
labels = idx("train-labels-idx1-ubyte.gz", 8).long()


def curve(make):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
    o = make(model.parameters())
    loader = D.DataLoader(D.TensorDataset(images, labels), batch_size=32, shuffle=True)
    losses = []
    for _ in range(2):
        for bx, by in loader:
            o.zero_grad()
            loss = nn.CrossEntropyLoss()(model(bx), by)
            loss.backward()
            o.step()
            losses.append(loss.item())
    return losses


out["curves"] = {
    "SGD": curve(lambda p: optim.SGD(p, lr=0.1, momentum=0.9)),
    "Adam": curve(lambda p: optim.Adam(p, lr=1e-3)),
}
with open(os.path.join(here, "training.json"), "w") as file:
    json.dump(out, file, indent=0)
    file.write("\n")
