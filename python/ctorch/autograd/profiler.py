"""Stubs of the profiler: contexts that do nothing."""


class profile:
    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


record_function = emit_nvtx = profile
