"""Sequences of unequal length: padded, or packed step by step."""
import collections

from ..._backend import _C


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side='right'):
    """Stacks sequences (L_i, *) into (max L, B, *), or (B, max L, *), filled with padding_value."""
    if padding_side not in ('left', 'right'):
        raise RuntimeError(f'pad_sequence: padding_side should be "left" or "right", got {padding_side}')
    sequences = list(sequences)
    longest = max(s.size(0) for s in sequences)
    rest = tuple(sequences[0].shape[1:])
    out = _C.full((len(sequences), longest) + rest, padding_value, dtype=sequences[0].dtype)
    for i, s in enumerate(sequences):
        n = s.size(0)
        if padding_side == 'left':
            out[i, longest - n:] = s
        else:
            out[i, :n] = s
    return out if batch_first else out.transpose(0, 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:int(n)] for row, n in zip(padded_sequences, lengths)]


class PackedSequence(collections.namedtuple('PackedSequence', ['data', 'batch_sizes', 'sorted_indices', 'unsorted_indices'])):
    """Sequences step by step without padding: data holds step 0 of all, step 1 of those that have one ..., the longest sequence first;
    batch_sizes how many each step has. The indices lead to that order and back, or are None."""

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            data, batch_sizes = data
        if sorted_indices is not None and unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        return type(self)(self.data.to(*args, **kwargs), *self[1:])

    def cpu(self):
        return self.to('cpu')

    def float(self):
        return self.to(_C.float32)

    def double(self):
        return self.to(_C.float64)

    @property
    def is_cuda(self):
        return self.data.is_cuda


def invert_permutation(permutation):
    """The permutation that undoes one; None of None."""
    return None if permutation is None else permutation.argsort()


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Packs (L, B, *), or (B, L, *) with batch_first, of sequences with these lengths. They must not grow unless enforce_sorted is
    False."""
    lengths = lengths if isinstance(lengths, _C.Tensor) else _C.tensor(lengths, dtype=_C.int64)
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    n = lengths.tolist()
    if len(n) != input.size(1):
        raise RuntimeError(f'Expected `len(lengths)` to be equal to batch_size, but got {len(n)} (batch_size={input.size(1)})')
    if n[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if any(a < b for a, b in zip(n, n[1:])):
        raise RuntimeError('`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass '
                           '`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you '
                           'do not need ONNX exportability.')
    if n[0] > input.size(0):
        raise RuntimeError(f'Expected sequences of at most {input.size(0)} steps, but got lengths up to {n[0]}')
    sizes = [sum(length > t for length in n) for t in range(n[0])]
    return PackedSequence(_C.cat([input[t, :size] for t, size in enumerate(sizes)]), _C.tensor(sizes, dtype=_C.int64), order)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(the padded batch, the lengths (B) in the order before packing): undoes pack_padded_sequence."""
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ValueError('Expected total_length to be at least the length of the longest sequence in input, but got '
                         f'total_length={total_length} and max sequence length being {len(sizes)}')
    lengths = _C.tensor([sum(size > b for size in sizes) for b in range(sizes[0])], dtype=_C.int64)
    rows = list(sequence.data.split(sizes))
    rest = tuple(sequence.data.shape[1:])
    padded = [row if len(row) == sizes[0] else _C.cat([row, row.new_full((sizes[0] - len(row),) + rest, padding_value)]) for row in rows]
    padded += [sequence.data.new_full((sizes[0],) + rest, padding_value)] * (steps - len(sizes))
    out = _C.stack(padded, 1 if batch_first else 0)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices
        out, lengths = out.index_select(0 if batch_first else 1, back), lengths[back]
    return out, lengths


def pack_sequence(sequences, enforce_sorted=True):
    """Packs a list of (L_i, *)."""
    return pack_padded_sequence(pad_sequence(sequences), [s.size(0) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list that pack_sequence packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
