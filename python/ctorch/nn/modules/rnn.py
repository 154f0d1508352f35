"""Recurrent layers and their cells: RNN, LSTM, GRU. Steps are made of linear maps and pointwise ops; the maps of the input run over all
steps at once."""
import math
import numbers
import warnings

from ..._backend import _C
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module


def _rnn_tanh(gates, state, w_hh, b_hh, w_hr):
    return (_C.tanh(gates + F.linear(state[0], w_hh, b_hh)),)


def _rnn_relu(gates, state, w_hh, b_hh, w_hr):
    return (_C.relu(gates + F.linear(state[0], w_hh, b_hh)),)


def _lstm(gates, state, w_hh, b_hh, w_hr):
    h, c = state
    i, f, g, o = (gates + F.linear(h, w_hh, b_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else F.linear(h, w_hr), c)


def _gru(gates, state, w_hh, b_hh, w_hr):
    h = state[0]
    r, z, n = gates.chunk(3, -1)
    hr, hz, hn = F.linear(h, w_hh, b_hh).chunk(3, -1)
    n = (n + (r + hr).sigmoid() * hn).tanh()
    return ((h - n) * (z + hz).sigmoid() + n,)


_STEPS = {'RNN_TANH': (_rnn_tanh, 1), 'RNN_RELU': (_rnn_relu, 1), 'LSTM': (_lstm, 4), 'GRU': (_gru, 3)}


def _run(step, steps, state, weights, backward):
    """(outputs of all steps in order, last state). steps: the input's part of the gates, (B, gates) a step; where later steps are
    shorter (sequences that have ended), their first rows go on."""
    full, ended, outputs = state, [], [None] * len(steps)
    order = range(len(steps) - 1, -1, -1) if backward else range(len(steps))
    rows = len(steps[order[0]])
    state = tuple(s[:rows] for s in full)
    for t in order:
        now = len(steps[t])
        if now < rows:
            ended.append(tuple(s[now:] for s in state))
            state = tuple(s[:now] for s in state)
        elif now > rows:
            state = tuple(_C.cat([s, f[rows:now]]) for s, f in zip(state, full))
        rows = now
        state = step(steps[t], state, *weights)
        outputs[t] = state[0]
    if ended:
        ended.append(state)
        state = tuple(_C.cat([part[k] for part in reversed(ended)]) for k in range(len(state)))
    return outputs, state


class RNNBase(Module):
    """What RNN, LSTM and GRU share. Weights of layer k: weight_ih_lk (gates * hidden, input), weight_hh_lk (gates * hidden, output),
    bias_ih_lk, bias_hh_lk, weight_hr_lk (proj, hidden) with projections; `_reverse` is appended for the other direction."""

    __constants__ = ['mode', 'input_size', 'hidden_size', 'num_layers', 'bias', 'batch_first', 'dropout', 'bidirectional', 'proj_size']

    def __init__(self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
                 proj_size=0, device=None, dtype=None):
        super().__init__()
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError('dropout should be a number in range [0, 1] representing the probability of an element being zeroed')
        if dropout > 0 and num_layers == 1:
            warnings.warn('dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers '
                          f'greater than 1, but got dropout={dropout} and num_layers={num_layers}')
        if not isinstance(hidden_size, int):
            raise TypeError(f'hidden_size should be of type int, got: {type(hidden_size).__name__}')
        if hidden_size <= 0:
            raise ValueError('hidden_size must be greater than zero')
        if num_layers <= 0:
            raise ValueError('num_layers must be greater than zero')
        if proj_size < 0:
            raise ValueError('proj_size should be a positive integer or zero to disable projections')
        if proj_size >= hidden_size:
            raise ValueError('proj_size has to be smaller than hidden_size')
        if mode not in _STEPS:
            raise ValueError('Unrecognized RNN mode: ' + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates, real = _STEPS[mode][1] * hidden_size, proj_size or hidden_size
        self._all_weights = []
        for layer in range(num_layers):
            for suffix in ('', '_reverse')[:2 if bidirectional else 1]:
                width = input_size if layer == 0 else real * (2 if bidirectional else 1)
                shapes = {'weight_ih': (gates, width), 'weight_hh': (gates, real)}
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size:
                    shapes['weight_hr'] = (proj_size, hidden_size)
                names = []
                for name, shape in shapes.items():
                    names.append(f'{name}_l{layer}{suffix}')
                    setattr(self, names[-1], Parameter(_C.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    @property
    def all_weights(self):
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Nothing: weights are used where they are."""

    def reset_parameters(self):
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self, k):
        found = dict(zip((n.rpartition('_l')[0] for n in self._all_weights[k]), self.all_weights[k]))
        return [found.get(n) for n in ('weight_ih', 'bias_ih', 'weight_hh', 'bias_hh', 'weight_hr')]

    def _state_sizes(self):
        return (self.proj_size or self.hidden_size, self.hidden_size)[:2 if self.mode == 'LSTM' else 1]

    def _check_state(self, state, batch):
        directions = self.num_layers * (2 if self.bidirectional else 1)
        what = ('Expected hidden[0] size {}, got {}', 'Expected hidden[1] size {}, got {}') if len(state) == 2 \
            else ('Expected hidden size {}, got {}',)
        for s, width, text in zip(state, self._state_sizes(), what):
            want = (directions, batch, width)
            if tuple(s.size()) != want:
                raise RuntimeError(text.format(want, list(s.size())))

    def forward(self, input, hx=None):
        """input: (L, B, input_size), (B, L, input_size) with batch_first, (L, input_size), or a PackedSequence. hx: the first state,
        (layers * directions, B, hidden), of LSTM a pair; zeros if None. Returns (output (L, B, directions * hidden), last state)."""
        lstm, packed = self.mode == 'LSTM', isinstance(input, PackedSequence)
        state = None if hx is None else tuple(hx) if lstm else (hx,)
        single = False
        if packed:
            x, sizes, order, back = input
            lengths, batch = sizes.tolist(), int(sizes[0])
            if state is not None and order is not None:
                state = tuple(s.index_select(1, order) for s in state)
        else:
            x, name = input, self.mode.partition('_')[0]
            if x.dim() not in (2, 3):
                raise ValueError(f'{name}: Expected input to be 2D or 3D, got {x.dim()}D instead')
            single = x.dim() == 2
            if state is not None:
                dims, kind = (2, 'unbatched 2-D') if single else (3, 'batched 3-D')
                if any(s.dim() != dims for s in state):
                    got = f'({state[0].dim()}-D, {state[1].dim()}-D) tensors' if lstm else f'{state[0].dim()}-D tensor'
                    raise RuntimeError(f'For {kind} input, hx {"and cx " if lstm else ""}should also be {dims}-D but got {got}')
            if single:
                x = x.unsqueeze(1)
                state = state and tuple(s.unsqueeze(1) for s in state)
            elif self.batch_first:
                x = x.transpose(0, 1)
            batch = x.size(1)
        if x.size(-1) != self.input_size:
            raise RuntimeError(f'input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.size(-1)}')
        directions = 2 if self.bidirectional else 1
        if state is None:
            state = tuple(x.new_zeros((self.num_layers * directions, batch, width)) for width in self._state_sizes())
        else:
            self._check_state(state, batch)
        step, last = _STEPS[self.mode][0], []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = F.dropout(x, self.dropout, True)
            outs = []
            for k in range(layer * directions, (layer + 1) * directions):
                w_ih, b_ih, *weights = self._weights(k)
                gates = F.linear(x, w_ih, b_ih)
                steps = gates.split(lengths) if packed else gates.unbind(0)
                out, end = _run(step, steps, tuple(s[k] for s in state), weights, k % directions)
                outs.append(_C.cat(out) if packed else _C.stack(out))
                last.append(end)
            x = outs[0] if directions == 1 else _C.cat(outs, -1)
        state = tuple(_C.stack([end[j] for end in last]) for j in range(len(state)))
        if packed:
            if back is not None:
                state = tuple(s.index_select(1, back) for s in state)
            x = PackedSequence(x, sizes, order, back)
        elif single:
            x, state = x.squeeze(1), tuple(s.squeeze(1) for s in state)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, state if lstm else state[0]

    def extra_repr(self):
        text = f'{self.input_size}, {self.hidden_size}'
        for name, usual in (('proj_size', 0), ('num_layers', 1), ('bias', True), ('batch_first', False), ('dropout', 0),
                            ('bidirectional', False)):
            if getattr(self, name) != usual:
                text += f', {name}={getattr(self, name)}'
        return text


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it."""

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity='tanh', *args, **kwargs):
        if 'proj_size' in kwargs:
            raise ValueError('proj_size argument is only supported for LSTM, not RNN or GRU')
        if nonlinearity not in ('tanh', 'relu'):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__('RNN_' + nonlinearity.upper(), input_size, hidden_size, num_layers, *args, **kwargs)


class LSTM(RNNBase):
    """With i, f, g, o = W_ih x + b_ih + W_hh h + b_hh: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'), of which
    proj_size > 0 keeps W_hr h'."""

    def __init__(self, *args, **kwargs):
        super().__init__('LSTM', *args, **kwargs)


class GRU(RNNBase):
    """r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z alike, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h."""

    def __init__(self, *args, **kwargs):
        if 'proj_size' in kwargs:
            raise ValueError('proj_size argument is only supported for LSTM, not RNN or GRU')
        super().__init__('GRU', *args, **kwargs)


class RNNCellBase(Module):
    """One step of a layer: input (B, input_size) or (input_size)."""

    __constants__ = ['input_size', 'hidden_size', 'bias']

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        shapes = {'weight_ih': (num_chunks * hidden_size, input_size), 'weight_hh': (num_chunks * hidden_size, hidden_size),
                  'bias_ih': (num_chunks * hidden_size,), 'bias_hh': (num_chunks * hidden_size,)}
        for name, shape in shapes.items():
            empty = not bias and name.startswith('bias')
            self.register_parameter(name, None if empty else Parameter(_C.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def extra_repr(self):
        text = f'{self.input_size}, {self.hidden_size}'
        if self.bias is not True:
            text += f', bias={self.bias}'
        if getattr(self, 'nonlinearity', 'tanh') != 'tanh':
            text += f', nonlinearity={self.nonlinearity}'
        return text

    def reset_parameters(self):
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode, input, state):
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f'{name}: Expected input to be 1D or 2D, got {input.dim()}D instead')
        for i, s in enumerate(state or ()):
            if s.dim() not in (1, 2):
                which = f'hx[{i}]' if mode == 'LSTM' else 'hidden'
                raise ValueError(f'{name}: Expected {which} to be 1D or 2D, got {s.dim()}D instead')
        single = input.dim() == 1
        x = input.unsqueeze(0) if single else input
        if x.size(1) != self.input_size:
            raise RuntimeError(f'input has inconsistent input_size: got {x.size(1)} expected {self.input_size}')
        if state is None:
            state = tuple(x.new_zeros((x.size(0), self.hidden_size)) for _ in range(2 if mode == 'LSTM' else 1))
        elif single:
            state = tuple(s.unsqueeze(0) for s in state)
        for i, s in enumerate(state):
            if x.size(0) != s.size(0):
                raise RuntimeError(f"Input batch size {x.size(0)} doesn't match hidden{i} batch size {s.size(0)}")
            if s.size(1) != self.hidden_size:
                raise RuntimeError(f'hidden{i} has inconsistent hidden_size: got {s.size(1)}, expected {self.hidden_size}')
        state = _STEPS[mode][0](F.linear(x, self.weight_ih, self.bias_ih), state, self.weight_hh, self.bias_hh, None)
        return tuple(s.squeeze(0) for s in state) if single else state


class RNNCell(RNNCellBase):
    def __init__(self, input_size, hidden_size, bias=True, nonlinearity='tanh', device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ('tanh', 'relu'):
            raise RuntimeError(f'Unknown nonlinearity: {self.nonlinearity}')
        return self._step('RNN_' + self.nonlinearity.upper(), input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        return self._step('LSTM', input, None if hx is None else tuple(hx))


class GRUCell(RNNCellBase):
    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step('GRU', input, None if hx is None else (hx,))[0]
