"""torch.utils.checkpoint: keeps everything; nothing is computed twice."""


def checkpoint(function, *args, use_reentrant=None, **kwargs):
    """function(*args), with its activations kept as usual."""
    for name in ('preserve_rng_state', 'context_fn', 'determinism_check', 'debug', 'early_stop'):
        kwargs.pop(name, None)
    return function(*args, **kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    for function in functions:
        input = function(input)
    return input
