// PyTorch's autograd tutorial, step by step. Prints what PyTorch prints for the same seed, to the character.
import * as torch from "flambeau";

// Python's words for what JavaScript writes otherwise.
const word = (value) =>
  value === null ? "None" : value === true ? "True" : value === false ? "False" : String(value);

/** Runs the tutorial; `print` takes one text at a time. Returns the loss with the names of its tensors, for drawing. */
export function tutorial(print) {
  const show = (label, value) => print(`${label} ${word(value)}`);
  torch.manualSeed(0);

  print("# A layer and its loss: z = x w + b, binary cross entropy with logits");
  const x = torch.ones(5);
  const y = torch.zeros(3);
  const w = torch.randn(5, 3, { requiresGrad: true });
  const b = torch.randn(3, { requiresGrad: true });
  const logits = x.matmul(w).add(b);
  const loss = torch.nn.functional.binaryCrossEntropyWithLogits(logits, y);
  show("x =", x);
  show("w =", w);
  show("b =", b);
  show("z =", logits);
  show("loss =", loss);
  show("grad_fn of z:", logits.gradFn.name);
  show("grad_fn of loss:", loss.gradFn.name);

  print("\n# Gradients");
  loss.backward({ retainGraph: true });
  show("w.grad =", w.grad);
  show("b.grad =", b.grad);

  print("\n# Without recording: no_grad and detach");
  let z = x.matmul(w).add(b);
  show("z requires grad:", z.requiresGrad);
  z = torch.noGrad(() => x.matmul(w).add(b));
  show("inside no_grad:", z.requiresGrad);
  z = x.matmul(w).add(b);
  const detached = z.detach();
  show("detached:", detached.requiresGrad);
  print(String(detached));

  print("\n# Freezing");
  const layer = new torch.nn.Linear(5, 3);
  layer.bias.requiresGrad_(false);
  layer(x).sum().backward();
  show("weight.grad =", layer.weight.grad);
  show("bias.grad =", layer.bias.grad);
  print(String(layer.bias));

  print("\n# The Jacobian product");
  const inp = torch.eye(4, 5, { requiresGrad: true });
  const out = inp.add(1).pow(2).t();
  show("out =", out);
  out.backward(torch.onesLike(out), { retainGraph: true });
  print(`First call\n${String(inp.grad)}`);
  out.backward(torch.onesLike(out), { retainGraph: true });
  print(`\nSecond call\n${String(inp.grad)}`);
  inp.grad.zero_();
  out.backward(torch.onesLike(out), { retainGraph: true });
  print(`\nCall after zeroing gradients\n${String(inp.grad)}`);

  return { loss, names: { w, b, x, y, z: logits, loss } };
}
