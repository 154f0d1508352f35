"""Writes the checkpoints beside it, with PyTorch: python tests/golden/checkpoints.py. Their bytes are kept in the repository."""
import collections
import os
import pickle

import torch

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


def everything():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    shared = [1, 2]
    cycle = []
    cycle.append(cycle)
    parameter = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    tagged = torch.tensor([7, 8], dtype=torch.int16)
    tagged.note = "tag"
    dtypes = {str(d)[6:]: torch.tensor([0, 1, 2]).to(d) for d in (
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool, torch.float16, torch.bfloat16,
        torch.float32, torch.float64, torch.complex64, torch.complex128)}
    ordered = collections.OrderedDict([("b", 1), ("a", 2)])
    ordered._metadata = collections.OrderedDict([("", {"version": 1})])
    return {
        "none": None, "true": True, "false": False,
        "ints": [0, 255, 256, 65535, 65536, -1, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, -2**63],
        "big": 2**70, "float": 0.1, "complex": 1 - 2j, "str": "na\xefve \u20ac", "bytes": bytes(range(120, 140)),
        "bytearray": bytearray(b"xy"), "tuple": (1, (2, "x"), ()), "four": (1, 2, 3, 4), "set": {1}, "shared": [shared, shared],
        "cycle": cycle, "size": torch.Size([2, 3]), "dtype": torch.bfloat16, "device": torch.device("cpu"),
        "layout": torch.strided, "ordered": ordered, "counter": collections.Counter("aab"),
        "base": base, "view": base.t()[1:, 1:], "again": base, "scalar": torch.tensor(3.25), "empty": torch.empty(0, 2),
        "leaf": torch.ones(2, requires_grad=True), "parameter": parameter, "parameters": [parameter], "tagged": tagged,
        "dtypes": dtypes, 3: "three", (1, 2): "pair",
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.save(everything(), path("everything.pt"))
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path("training.pt"))
    base = torch.arange(6, dtype=torch.float64)
    torch.save({"a": base, "b": base[2:4], "c": torch.tensor([True])}, path("legacy.pt"), _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(1, 1), path("module.pt"))
    plain = {"a": [1, 2.5, None, True, -7, 10**20], "t": (1, 2, 3, 4), "s": "x" * 300, "u": "\xe9", "d": {}, "n": {1: {2: [3]}},
             "b": b"\xff\x00"}
    for protocol in range(6):
        with open(path(f"plain{protocol}.pkl"), "wb") as f:
            pickle.dump(plain, f, protocol)
