# Prints what demo/tutorial.mjs must print: the same steps in PyTorch. Usage: python tutorial.py > tutorial.txt
import torch

torch.manual_seed(0)

print("# A layer and its loss: z = x w + b, binary cross entropy with logits")
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print("x =", x)
print("w =", w)
print("b =", b)
print("z =", z)
print("loss =", loss)
print("grad_fn of z:", z.grad_fn.name())
print("grad_fn of loss:", loss.grad_fn.name())

print("\n# Gradients")
loss.backward()
print("w.grad =", w.grad)
print("b.grad =", b.grad)

print("\n# Without recording: no_grad and detach")
z = torch.matmul(x, w) + b
print("z requires grad:", z.requires_grad)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print("inside no_grad:", z.requires_grad)
z = torch.matmul(x, w) + b
z_det = z.detach()
print("detached:", z_det.requires_grad)
print(z_det)

print("\n# Freezing")
layer = torch.nn.Linear(5, 3)
layer.bias.requires_grad_(False)
layer(x).sum().backward()
print("weight.grad =", layer.weight.grad)
print("bias.grad =", layer.bias.grad)
print(layer.bias)

print("\n# The Jacobian product")
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
print("out =", out)
out.backward(torch.ones_like(out), retain_graph=True)
print("First call\n" + str(inp.grad))
out.backward(torch.ones_like(out), retain_graph=True)
print("\nSecond call\n" + str(inp.grad))
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print("\nCall after zeroing gradients\n" + str(inp.grad))
