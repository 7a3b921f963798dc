"""Small cells that stand for corners of the language."""

from derive.rules import RULES

LINEAR = "a = U @ x + W @ h[t-1] + b\n"

FUNCTIONS = {
    rule.name: LINEAR
    + (
        f"h = {rule.name}(a) * tanh(a)"
        if len(rule.arguments) == 1
        else f"h = {rule.name}(a, h[t-1]) + {rule.name}(x_bar, a)\n".replace("x_bar", "tanh(a)")
    )
    for rule in RULES.values()
    if not rule.internal
}

CORNERS = {
    "square": LINEAR + "z = tanh(a)\nh = z * z",
    "nothing": LINEAR + "z = tanh(a)\nh = z - z + a * z",
    "twice": "a = W @ h[t-1] + U @ x\ng = tanh(a)\nh = g + g + h[t-1]",
    "now and before": LINEAR + "c = tanh(a) + c[t-1]\nh = c * c[t-1] + sigmoid(c) * a",
    "input before": "h = tanh(U @ x + V @ x[t-1] + x * x[t-1])",
    "transposed": "a = W @ h[t-1] - transpose(W) @ h[t-1] + U @ x\nh = tanh(a)",
    "shared": "a = W @ h[t-1] + U @ x\ng = sigmoid(W @ tanh(a))\nh = g * tanh(transpose(W) @ a)",
    "nested": "h = W @ tanh(V @ x + R @ h[t-1]) + b",
    "doubly nested": "h = tanh(W @ (p * tanh(V @ (s * x)) + sigmoid(R @ (h[t-1] * h[t-1]))))",
    "product of products": "h = (W @ h[t-1]) * (U @ x) * b",
    "parameters alone": "alpha = sigmoid(beta)\ngain = alpha * tanh(p)\nh = gain * tanh(U @ x + W @ h[t-1]) + alpha",
    "scalar": "h = tanh(s * (U @ x) + s * s * h[t-1])",
    "power": "a = U @ x + W @ h[t-1]\nh = sigmoid(a) ** s",
    "power of names": "a = sigmoid(U @ x + W @ h[t-1])\ng = a ** p\nh = g * p ** a",
    "number to a power": "h = 2 ** tanh(U @ x + W @ h[t-1])",
    "whole power": "h = (U @ x + h[t-1]) ** 3 / 4 + h[t-1] ** 2",
    "root of a square": "a = U @ x + W @ h[t-1]\nq = a * a\nh = sqrt(q) * tanh(a)",
    "root of an exponential": "e = exp(U @ x + h[t-1])\nh = sqrt(e) * b + log(e) * b",
    "logarithm of a gate": "f = sigmoid(U @ x + h[t-1])\nh = log(f) * b * log(1 / f)",
    "half power": "h = (1 + (U @ x + h[t-1]) ** 2) ** 0.5",
    "quotient": "a = U @ x + W @ h[t-1]\nh = a / (1 + a * a)",
    "quotient of names": "n = exp(U @ x)\nd = n + exp(R @ h[t-1])\nh = n / d",
    "output reads itself": "h = tanh(W @ h[t-1] + U @ x) * h[t-1]",
    "kinks in a row": LINEAR + "g = maximum(a, 0)\nh = minimum(g, hard_sigmoid(a))",
    "one value twice": LINEAR + "f = tanh(a)\ng = tanh(a)\nh = f * g + f * h[t-1]",
}

SCALARS = ("beta", "s")
