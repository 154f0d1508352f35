"""The loss functions' reduction argument, and its two predecessors size_average and reduce."""
import warnings


def checked(reduction):
    """'none', 'mean' or 'sum' as the C ops take them. ValueError for anything else."""
    if reduction in ('mean', 'sum', 'none'):
        return reduction
    if reduction == 'elementwise_mean':
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3)
        return 'mean'
    raise ValueError(f'{reduction} is not a valid value for reduction')


def get_enum(reduction):
    """PyTorch's numbers for them: 0, 1, 2."""
    return ('none', 'mean', 'sum').index(checked(reduction))


def legacy_get_string(size_average, reduce, emit_warning=True):
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    result = 'mean' if size_average and reduce else 'sum' if reduce else 'none'
    if emit_warning:
        warnings.warn('size_average and reduce args will be deprecated, please use '
                      f"reduction='{result}' instead.", stacklevel=3)
    return result
