"""AdaptiveLogSoftmaxWithLoss: a softmax over many classes in clusters, the rare ones with smaller layers (Grave and others, 2017)."""
from collections import namedtuple

from ..._backend import _C
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_ASMoutput = namedtuple('_ASMoutput', 'output loss')


class AdaptiveLogSoftmaxWithLoss(Module):
    """input (N, in_features), target (N), or one row and a number: (output (N), the log probability of each target; loss, minus their
    mean). cutoffs: where clusters of classes begin, after the first; cluster i has in_features / div_value**i features."""

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError('cutoffs should be a sequence of length larger than 0')
        if cutoffs != sorted(cutoffs) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1 or len(set(cutoffs)) != len(cutoffs) or any(
                int(c) != c for c in cutoffs):
            raise ValueError('cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is '
                             'between 1 and n_classes-1')
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, cutoffs + [n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        made = {'device': device, 'dtype': dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            small = int(in_features // (div_value ** (i + 1)))
            self.tail.append(Sequential(Linear(in_features, small, bias=False, **made),
                                        Linear(small, self.cutoffs[i + 1] - self.cutoffs[i], bias=False, **made)))

    def reset_parameters(self):
        self.head.reset_parameters()
        for small, wide in self.tail:
            small.reset_parameters()
            wide.reset_parameters()

    def forward(self, input, target):
        if target.dim() > 1:
            raise RuntimeError('0D or 1D target tensor expected, multi-target not supported')
        single = target.dim() == 0
        if single and input.dim() != 1:
            raise RuntimeError(f'0D target tensor expects 1D input tensors, but found inputs with size {input.size()}')
        if not single and input.size(0) != target.size(0):
            raise RuntimeError('Input and target should have the same size in the batch dimension.')
        if not single and input.dim() != 2:
            raise RuntimeError(f'1D target tensor expects 2D input tensors, but found inputs with size {input.size()}')
        if single:
            input, target = input.unsqueeze(0), target.unsqueeze(0)
        place = target                      # in the head's classes
        rest = _C.zeros(target.shape, dtype=input.dtype)
        seen = int((target < self.cutoffs[0]).logical_and(target >= 0).sum())
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            inside = (target >= low) & (target < high)
            rows = inside.nonzero().reshape(-1)
            if not rows.numel():
                continue
            seen += rows.numel()
            log = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
            rest = rest.index_copy(0, rows, log.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1))
            place = place.masked_fill(inside, self.shortlist_size + i)
        if seen != target.numel():
            raise RuntimeError(f'Target values should be in [0, {self.n_classes - 1}], but values in range '
                               f'[{target.min().item()}, {target.max().item()}] were found. ')
        output = F.log_softmax(self.head(input), dim=1).gather(1, place.unsqueeze(1)).squeeze(1) + rest
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _whole(self, input, head):
        head = F.log_softmax(head, dim=1)
        parts = [head[:, :self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            parts.append(F.log_softmax(tail(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return _C.cat(parts, 1)

    def log_prob(self, input):
        """(N, n_classes): the log probability of every class."""
        return self._whole(input, self.head(input))

    def predict(self, input):
        """(N): the most probable class."""
        return self.log_prob(input).argmax(1)
