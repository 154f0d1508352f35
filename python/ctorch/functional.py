"""torch.functional: names that PyTorch also has here."""


def __getattr__(name):
    import ctorch
    return getattr(ctorch, name)
