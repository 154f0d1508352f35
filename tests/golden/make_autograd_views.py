"""Writes autograd_views.txt: random programs of views and in-place ops, with the gradients that PyTorch gives.

Run with a Python that has torch. tests/c/test_autograd_views.c runs the same programs on ctorch.
A program is a line of steps; registers 0 to 3 are clone(x), y, zeros and clone(y); each op that gives a tensor
appends one.
"""
import random
import sys

import torch


def values(n, start):
    return [((7 * i + start) % 11 - 5) / 4 + 0.125 for i in range(n)]


class Run:
    def __init__(self):
        self.x = torch.tensor(values(6, 1), dtype=torch.float64).reshape(2, 3).requires_grad_()
        self.y = torch.tensor(values(3, 4), dtype=torch.float64).requires_grad_()
        self.r = [self.x.clone(), self.y, torch.zeros(2, 3, dtype=torch.float64), self.y.clone()]

    def step(self, s):
        name, a = s[0], s[1:]
        r = self.r
        if name.startswith("ng_"):
            with torch.no_grad():
                return self.step((name[3:],) + a)
        t = r[a[0]]
        if name in ("detach_", "requires_") or name.endswith("_"):
            # PyTorch 2.13 takes a view whose base just got its history for a leaf unless it was looked at
            try:
                t.is_leaf
            except RuntimeError:
                pass
        if name == "select":
            r.append(t.select(a[1], a[2]))
        elif name == "slice":
            r.append(t.narrow(a[1], a[2], a[3]))
        elif name == "step":
            r.append(t[::2])
        elif name == "transpose":
            r.append(t.transpose(0, 1))
        elif name == "view":
            r.append(t.view(-1))
        elif name == "unsqueeze":
            r.append(t.unsqueeze(0))
        elif name == "expand":
            r.append(t.expand(2, *t.shape))
        elif name == "detach":
            r.append(t.detach())
        elif name == "strided":
            r.append(t.as_strided((2, 2), (1, 1), t.storage_offset()))
        elif name == "mul":
            r.append(t * r[a[1]])
        elif name == "sin":
            r.append(t.sin())
        elif name == "clone":
            r.append(t.clone())
        elif name == "mul_":
            t.mul_(r[a[1]])
        elif name == "add_":
            t.add_(r[a[1]])
        elif name == "copy_":
            t.copy_(r[a[1]])
        elif name == "scale_":
            t.mul_(3)
        elif name == "sin_":
            t.sin_()
        elif name == "tanh_":
            t.tanh_()
        elif name == "zero_":
            t.zero_()
        elif name == "fill_":
            t.fill_(2)
        elif name == "detach_":
            t.detach_()
        elif name == "requires_":
            t.requires_grad_()
        elif name == "setdata":
            t.data = r[a[1]]
        else:
            raise AssertionError(name)


UNARY = ["select", "slice", "step", "transpose", "view", "unsqueeze", "sin", "clone", "expand", "detach",
         "strided"]
WRITES = ["scale_", "sin_", "tanh_", "zero_", "fill_"]
BINARY = ["mul", "mul_", "add_", "copy_"]


def propose(rng, run):
    r = run.r
    i = rng.randrange(len(r)) if rng.random() < 0.5 else rng.randrange(max(0, len(r) - 3), len(r))
    t = r[i]
    kind = rng.random()
    no_grad = "ng_" if rng.random() < 0.05 else ""
    if kind < 0.45:
        name = rng.choice(UNARY[:8] if rng.random() < 0.85 else UNARY)
        if name == "select" and t.dim():
            d = rng.randrange(t.dim())
            return no_grad + name, i, d, rng.randrange(t.shape[d])
        if name == "slice" and t.dim():
            d = rng.randrange(t.dim())
            if t.shape[d] < 2:
                return None
            start = rng.randrange(t.shape[d] - 1)
            return no_grad + name, i, d, start, rng.randrange(1, t.shape[d] - start + 1)
        least = {"select": 1, "slice": 1, "step": 1, "transpose": 2}.get(name, 0)
        if t.dim() < least or t.dim() > 3:
            return None
        if name == "strided" and t.numel() < 4:
            return None
        return no_grad + name, i
    if kind < 0.65:
        return no_grad + rng.choice(WRITES), i
    if kind < 0.97:
        j = rng.randrange(len(r))
        try:
            shape = torch.broadcast_shapes(t.shape, r[j].shape)
        except RuntimeError:
            return None
        name = rng.choice(BINARY)
        if name != "mul" and shape != t.shape or len(shape) > 3:
            return None
        return no_grad + name, i, j
    name = rng.choice(["detach_", "requires_", "setdata"])
    if name == "setdata":
        j = rng.randrange(len(r))
        return (name, i, j) if r[j].shape == t.shape else None
    return name, i


def show(t):
    return " ".join("%.9g" % v for v in t.detach().reshape(-1).tolist())


def main():
    rng = random.Random(7)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    out = open(sys.argv[2] if len(sys.argv) > 2 else "autograd_views.txt", "w")
    done = 0
    while done < count:
        run, steps, error = Run(), [], None
        for _ in range(rng.randrange(3, 12)):
            s = propose(rng, run)
            if s is None:
                continue
            steps.append(s)
            try:
                run.step(s)
            except Exception as e:
                error = str(e)
                break
        if not steps or error and "some elements of the input" in error: # the pointwise engine's business
            continue
        lines = ["program " + "; ".join(" ".join(map(str, s)) for s in steps)]
        flags, names = [], []
        if error is None:
            for k, t in enumerate(run.r):
                if k in (0, 1, 2, 3) or t.is_floating_point():
                    try:
                        flags.append("%d%d" % (t.requires_grad, t.is_leaf))
                        names.append(type(t.grad_fn).__name__ if t.grad_fn is not None else "-")
                    except RuntimeError as e:
                        error = str(e)
                        break
        if error is None:
            try:
                terms = []
                for k, t in enumerate(run.r):
                    if t.requires_grad:
                        w = torch.tensor(values(t.numel(), k), dtype=torch.float64).reshape(t.shape)
                        terms.append((t * w).sum())
                loss = sum(terms[1:], terms[0]) if terms else None
                if loss is not None:
                    loss.backward()
            except RuntimeError as e:
                error = str(e)
        if error is None:
            lines.append("flags " + " ".join(flags))
            lines.append("names " + " ".join(names))
            for k, t in enumerate(run.r):
                lines.append("value " + show(t))
            lines.append("grad " + (show(run.x.grad) if run.x.grad is not None else "none"))
            lines.append("grad " + (show(run.y.grad) if run.y.grad is not None else "none"))
        else:
            if rng.random() < 0.6:
                continue
            lines.append("error " + error.split("\n")[0])
        out.write("\n".join(lines) + "\n")
        done += 1


main()
