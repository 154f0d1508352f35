"""Multi-head attention and the transformer's layers: compared with PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('nn_attention')

SETUP = GRADS + '''
causal, pad = torch.ones(3, 3).triu(1).bool(), torch.tensor([[False, False, True], [False, False, False]])
def attend(call, **kwargs):
    torch.manual_seed(0)
    m = nn.MultiheadAttention(4, 2, dtype=torch.float64, **kwargs)
    q = data(3, 2, 4).requires_grad_()
    k, v = data(3, 2, kwargs.get("kdim", 4)), data(3, 2, kwargs.get("vdim", 4)) * 0.5
    out, w = call(m, q, k, v)
    (out * out).sum().backward()
    return out, w, q.grad, [n for n, _ in m.named_parameters()]
def coder(kind, *call, **kwargs):
    torch.manual_seed(0)
    m = getattr(nn, kind)(4, 2, 6, dtype=torch.float64, **kwargs)
    x = data(3, 2, 4).requires_grad_()
    y = m(x, *[eval(c) if isinstance(c, str) else c for c in call])
    (y * y * data(3, 2, 4)).sum().backward()
    return y, x.grad, list(m.state_dict())
'''
scenarios.many('attention', [f'attend(lambda m, q, k, v: m({call}){kw})' for call, kw in (
    ('q, k, v', ''), ('q, q, q', ''), ('q, k, v, attn_mask=causal', ''), ('q, k, v, pad, False, causal', ''),
    ('q, k, v, pad, average_attn_weights=False', ', bias=False'), ('q, k, v, pad', ', add_bias_kv=True, add_zero_attn=True'),
    ('q, k, v', ', kdim=5, vdim=7'), ('q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)', ', batch_first=True'),
    ('q[:, 0], k[:, 0], v[:, 0], pad[0]', ''), ('q, k, v', ', dropout=0.5'), ('q, k, v, need_weights=False', ', dropout=0.5'),
    ('q, k, v, attn_mask=data(4, 3, 3)', ''))] + [
    'nn.MultiheadAttention(5, 2)', 'nn.MultiheadAttention(0, 2)', 'repr(nn.MultiheadAttention(4, 2))',
    'nn.MultiheadAttention(4, 2)(*[torch.zeros(3, 2, 4)] * 3, attn_mask=torch.zeros(2, 3))',
    'nn.MultiheadAttention(4, 2)(*[torch.zeros(3, 2, 4)] * 3, is_causal=True)',
], SETUP)
scenarios.many('transformer', [
    'coder("TransformerEncoderLayer")', 'coder("TransformerEncoderLayer", dropout=0.0, norm_first=True, activation="gelu", bias=False)',
    'coder("TransformerEncoderLayer", causal.double() * -9, None, dropout=0.0)', 'coder("TransformerDecoderLayer", "data(5, 2, 4)")',
    'coder("TransformerDecoderLayer", "data(5, 2, 4)", "causal", norm_first=True, dropout=0.0)',
    'torch.manual_seed(1)\nm = nn.Transformer(4, 2, 1, 2, 6, batch_first=True)\n'
    '[[n, p.sum()] for n, p in m.named_parameters()], m(data(2, 5, 4).float(), data(2, 3, 4).float())',
    'e = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2, nn.LayerNorm(4), enable_nested_tensor=False)\nrepr(e)',
    'nn.Transformer.generate_square_subsequent_mask(3)', 'nn.TransformerEncoderLayer(4, 2, activation="x")',
    'nn.Transformer(4, 2, 1, 1, 6, batch_first=True)(torch.zeros(3, 2, 4), torch.zeros(1, 2, 4))',
    'nn.Transformer(4, 2, 1, 1, 6, batch_first=True)(torch.zeros(3, 2, 4), torch.zeros(3, 2, 5))',
], SETUP)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
