"""Sequences of unequal length."""
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
