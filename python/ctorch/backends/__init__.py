"""torch.backends: switches that scripts set; none of these backends is here."""


class _Flags:
    """A module-like holder of settable flags."""

    def __init__(self, name, **flags):
        self.__name__ = f'{__name__}.{name}'
        self.__dict__.update(flags)

    def is_available(self):
        return False

    is_built = is_available

    def version(self):
        return None

    def flags(self, **kwargs):
        from contextlib import nullcontext
        return nullcontext()


cudnn = _Flags('cudnn', enabled=True, benchmark=False, deterministic=False, allow_tf32=True, benchmark_limit=10)
cuda = _Flags('cuda', matmul=_Flags('matmul', allow_tf32=False, allow_fp16_reduced_precision_reduction=True))
mps = _Flags('mps')
mkl = _Flags('mkl')
mkldnn = _Flags('mkldnn', enabled=False)
openmp = _Flags('openmp')
xnnpack = _Flags('xnnpack', enabled=False)
quantized = _Flags('quantized', engine='none', supported_engines=['none'])
