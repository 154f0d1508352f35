"""Recurrent layers, their cells and packed sequences: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('nn_rnn')

SETUP = GRADS + '''
rnn = nn.utils.rnn
def layer(kind, *shape, hx=None, **kwargs):
    torch.manual_seed(0)
    m = getattr(nn, kind)(3, 4, dtype=torch.float64, **kwargs)
    x = data(*shape).requires_grad_()
    y, h = m(x, hx)
    last = torch.cat([s.flatten() for s in (h if isinstance(h, tuple) else (h,))])
    ((y * y).sum() + (last * 1.5).sum()).backward()
    return y, h, x.grad, [n for n, _ in m.named_parameters()], sum((p.grad * p.grad).sum() for p in m.parameters())
def packed(kind, lengths, **kwargs):
    torch.manual_seed(0)
    m = getattr(nn, kind)(3, 4, dtype=torch.float64, **kwargs)
    first = kwargs.get('batch_first', False)
    x = data(3, 4, 3).requires_grad_() if first else data(4, 3, 3).requires_grad_()
    y, h = m(rnn.pack_padded_sequence(x, lengths, first, enforce_sorted=False))
    out, n = rnn.pad_packed_sequence(y, first, -1.0, 5)
    ((out * out).sum() + (h[0] if isinstance(h, tuple) else h).sum()).backward()
    return out, n, h, x.grad, list(y.batch_sizes)
def cell(kind, *shape, **kwargs):
    torch.manual_seed(0)
    m = getattr(nn, kind)(3, 4, dtype=torch.float64, **kwargs)
    h = m(data(*shape))
    return h, m(data(*shape), h), repr(m)
'''
KINDS = ('RNN', 'LSTM', 'GRU')
scenarios.many('layers', [
    f'layer("{k}", {shape}{kw})' for k in KINDS for shape, kw in (
        ('5, 2, 3', ''), ('2, 5, 3', ', num_layers=2, batch_first=True, bidirectional=True'), ('5, 3', ', bias=False'), ('1, 1, 3', ''))
] + [
    'layer("RNN", 5, 2, 3, nonlinearity="relu")', 'layer("LSTM", 5, 2, 3, proj_size=2, num_layers=2)',
    'layer("LSTM", 5, 2, 3, hx=(data(1, 2, 4), data(1, 2, 4)))', 'layer("GRU", 5, 3, hx=data(1, 4))',
    'layer("GRU", 4, 2, 3, num_layers=2, dropout=0.5)',
], SETUP)
scenarios.many('packed', [
    f'packed("{k}", {lengths}{kw})' for k in KINDS for lengths, kw in (
        ('[2, 4, 1]', ''), ('[4, 1, 2]', ', num_layers=2, batch_first=True, bidirectional=True'), ('[3, 3, 3]', ''))
] + [
    'p = rnn.pack_sequence([data(3, 2), data(2, 2), data(2, 2)])\np.data, p.batch_sizes, p.sorted_indices, rnn.unpack_sequence(p)',
    'p = rnn.pack_sequence([data(1, 2), data(3, 2)], enforce_sorted=False)\np.data, p.batch_sizes, p.sorted_indices, p.unsorted_indices',
    'rnn.pack_padded_sequence(data(4, 2, 3), [1, 2])', 'rnn.pack_padded_sequence(data(4, 2, 3), [2, 0])',
    'rnn.pad_packed_sequence(rnn.pack_padded_sequence(data(4, 2, 3), [3, 2]), total_length=2)',
], SETUP)
scenarios.many('cells', [f'cell("{k}Cell", {s})' for k in KINDS for s in ('2, 3', '3')] + [
    'cell("RNNCell", 2, 3, nonlinearity="relu", bias=False)', 'nn.GRUCell(3, 4)(torch.zeros(2, 5))', 'nn.LSTMCell(3, 4)(torch.zeros(1, 2, 3))',
    'nn.RNNCell(3, 4)(torch.zeros(2, 3), torch.zeros(3, 4))', 'nn.RNNCell(3, 4)(torch.zeros(2, 3), torch.zeros(2, 5))',
], SETUP)
scenarios.many('texts', [
    'repr(nn.LSTM(2, 3, 2, batch_first=True, bidirectional=True, proj_size=1, bias=False))', 'repr(nn.GRU(2, 3, dropout=0.0))',
    'nn.LSTM(2, 3, dropout=2)', 'nn.GRU(2, 0)', 'nn.GRU(2, 3, 0)', 'nn.GRU(2, 3, proj_size=1)', 'nn.RNN(2, 3, nonlinearity="x")',
    'nn.LSTM(2, 3, proj_size=3)', 'nn.GRU(2, 3.0)', 'nn.LSTM(2, 3)(torch.zeros(1, 1, 1, 2))', 'nn.LSTM(2, 3)(torch.zeros(1, 1, 3))',
    'nn.GRU(2, 3)(torch.zeros(4, 1, 2), torch.zeros(1, 2, 3))', 'nn.GRU(2, 3)(torch.zeros(4, 1, 2), torch.zeros(1, 3))',
    'nn.LSTM(2, 3)(torch.zeros(4, 1, 2), (torch.zeros(1, 1, 3), torch.zeros(1, 1, 4)))',
    'nn.LSTM(2, 3)(torch.zeros(4, 1, 2), (torch.zeros(1, 3), torch.zeros(1, 3)))',
    '[list(w.shape) for w in nn.LSTM(2, 3, 2).all_weights[1]]',
], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
