"""Records what PyTorch's CPU generator gives, as the table of tests/c/test_random.c: run with PyTorch 2.13, output to
tests/c/test_random_golden.h. A case fills tensors of 1 .. 40 elements, then one of 4099, from one stream, and hashes their bytes
(64-bit FNV-1a), then the generator's state."""
import torch

CODES = {torch.uint8: 1, torch.int8: 2, torch.int16: 3, torch.int32: 4, torch.int64: 5, torch.bool: 6,
         torch.float16: 7, torch.bfloat16: 8, torch.float32: 9, torch.float64: 10}
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SIZES = list(range(41)) + [4099]


def fnv(data, h=0xCBF29CE484222325):
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def case(name, dtype, a, b, stride, fill):
    torch.manual_seed(0x123456789)
    h = 0xCBF29CE484222325
    for n in SIZES:
        if fill is None:
            x = torch.randperm(n)
        else:
            x = torch.zeros(n * stride, dtype=dtype)[::stride]
            y = fill(x)
            x = x if y is None else y
        dense = torch.empty(x.shape, dtype=x.dtype).copy_(x)
        h = fnv(dense.view(-1).view(torch.uint8).numpy().tobytes(), h)
    h = fnv(torch.get_rng_state().numpy().tobytes(), h)
    print(f"    {{{name}, {CODES[dtype]}, {a!r}, {b!r}, {stride}, 0x{h:016x}}},")


def main():
    print(f"/* Recorded by tests/golden/streams.py with PyTorch {torch.__version__.split('+')[0]}. */")
    for t in FLOATS:
        for stride in (1, 2):
            for a, b in ((0.0, 1.0), (-0.3, 0.7), (2.0, 1000.0)):
                case("UNIFORM", t, a, b, stride, lambda x: x.uniform_(a, b))
            for a, b in ((0.0, 1.0), (-1.3, 0.37)):
                case("NORMAL", t, a, b, stride, lambda x: x.normal_(a, b))
            for a in (1.0, 2.5):
                case("EXPONENTIAL", t, a, 0.0, stride, lambda x: x.exponential_(a))
            case("CAUCHY", t, 0.5, 2.5, stride, lambda x: x.cauchy_(0.5, 2.5))
            case("LOG_NORMAL", t, 0.5, 0.75, stride, lambda x: x.log_normal_(0.5, 0.75))
    for t in CODES:
        for stride in (1, 2):
            case("RANDOM", t, 0.0, 0.0, stride, lambda x: x.random_())
            for p in (0.5, 0.2, 0.999, 0.0, 1.0):
                case("BERNOULLI", t, p, 0.0, stride, lambda x: x.bernoulli_(p))
            if t != torch.bool:
                case("GEOMETRIC", t, 0.2, 0.0, stride, lambda x: x.geometric_(0.2))
            for lo, hi in ((0, 2), (0, 1), (3, 100)):
                case("INTEGERS", t, float(lo), float(hi), stride, lambda x: x.random_(lo, hi)) if t != torch.bool or hi < 3 else None
        for p in FLOATS:
            case(f"EACH_{CODES[p]}", t, 0.0, 0.0, 2,
                 lambda x: x.copy_(0) if not len(x) else x.bernoulli_((torch.arange(len(x)) % 17 / 16).to(p)))
    for lo, hi in ((-5, 2**27), (0, 2**28 - 1), (0, 2**28), (7, 2**31), (-2**40, 2**40), (0, 2**53)):
        case("INTEGERS", torch.int64, float(lo), float(hi), 1, lambda x: x.random_(lo, hi))
    case("INTEGERS", torch.float64, -3.0, 2.0**30, 1, lambda x: x.random_(-3, 2**30))
    case("INTEGERS", torch.int32, -3.0, 2.0**30, 1, lambda x: x.random_(-3, 2**30))
    case("INTEGERS_FULL", torch.int64, 0.0, 0.0, 1, lambda x: x.random_(-2**63, None))
    case("PERMUTATION", torch.int64, 0.0, 0.0, 1, None)
    for t in (torch.float32, torch.float64):
        case("MULTINOMIAL", t, 0.0, 0.0, 1,
             lambda x: torch.zeros(0, dtype=torch.int64) if len(x) < 2 else
             torch.multinomial((torch.arange(3 * 11, dtype=t).view(3, 11) % 7), len(x), replacement=True))


main()
