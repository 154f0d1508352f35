"""Multi-head attention, and the transformer's layers made of it."""
import copy
import math

from ..._backend import _C
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm


def _added(mask, name, dtype):
    """A mask as what is added to the scores: of a bool one, -inf where it is True."""
    if mask is None or mask.dtype == dtype:
        return mask
    if mask.dtype != _C.bool and not mask.is_floating_point():
        raise RuntimeError(f'only bool and floating types of {name} are supported')
    if mask.dtype != _C.bool:
        return mask.to(dtype)
    return _C.zeros(mask.shape, dtype=dtype).masked_fill(mask, -math.inf)


class NonDynamicallyQuantizableLinear(Linear):
    """The output projection; a name of its own, as state dicts and reprs show it."""


class MultiheadAttention(Module):
    """softmax(Q K^T / sqrt(d) + mask) V for each of num_heads parts of the embedding, then a linear map. query (L, N, embed_dim),
    key (S, N, kdim), value (S, N, vdim); N first with batch_first; without N for one sequence."""

    __constants__ = ['batch_first']

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None,
                 batch_first=False, device=None, dtype=None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f'embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead')
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError('embed_dim must be divisible by num_heads')

        def new(*shape):
            return Parameter(_C.empty(shape, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = new(3 * embed_dim, embed_dim)
            for name in ('q_proj_weight', 'k_proj_weight', 'v_proj_weight'):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = new(embed_dim, embed_dim)
            self.k_proj_weight = new(embed_dim, self.kdim)
            self.v_proj_weight = new(embed_dim, self.vdim)
            self.register_parameter('in_proj_weight', None)
        if bias:
            self.in_proj_bias = new(3 * embed_dim)
        else:
            self.register_parameter('in_proj_bias', None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = new(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = new(1, 1, embed_dim) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for weight in (self.bias_k, self.bias_v):
            if weight is not None:
                init.xavier_normal_(weight)

    def _projected(self, query, key, value):
        if self._qkv_same_embed_dim:
            if query is key and key is value:
                return F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True,
                is_causal=False):
        """key_padding_mask (N, S): what is True, or added. attn_mask: (L, S), or (N * num_heads, L, S). Returns (output, weights):
        weights (N, L, S), (N, num_heads, L, S) if they are not averaged, None if not needed."""
        if query.dim() not in (2, 3):
            raise AssertionError(f'query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor')
        if is_causal and attn_mask is None:
            raise RuntimeError('Need attn_mask if specifying the is_causal hint. You may use the Transformer module method '
                               '`generate_square_subsequent_mask` to create this mask.')
        single = query.dim() == 2
        same = query is key and key is value
        if single or self.batch_first:
            def turn(x):
                return x.unsqueeze(1) if single else x.transpose(0, 1)
            query, key, value = (turn(query),) * 3 if same else (turn(query), turn(key), turn(value))
            if single and key_padding_mask is not None:
                key_padding_mask = key_padding_mask.unsqueeze(0)
        length, batch, width = query.shape
        heads, depth = self.num_heads, self.head_dim
        if width != self.embed_dim:
            raise AssertionError(f'was expecting embedding dimension of {self.embed_dim}, but got {width}')
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
        mask, padding = _added(attn_mask, 'attn_mask', query.dtype), _added(key_padding_mask, 'key_padding_mask', query.dtype)
        if mask is not None:
            wanted = (length, key.size(0)) if mask.dim() == 2 else (batch * heads, length, key.size(0))
            if mask.dim() not in (2, 3):
                raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
            if tuple(mask.shape) != wanted:
                raise RuntimeError(f'The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}.')
            mask = mask.unsqueeze(0) if mask.dim() == 2 else mask
        q, k, v = self._projected(query, key, value)
        if self.bias_k is not None:
            k = _C.cat([k, self.bias_k.repeat(1, batch, 1)])
            v = _C.cat([v, self.bias_v.repeat(1, batch, 1)])
        q, k, v = (x.reshape(x.size(0), batch * heads, depth).transpose(0, 1) for x in (q, k, v))
        if self.add_zero_attn:
            zeros = k.new_zeros((batch * heads, 1, depth))
            k, v = _C.cat([k, zeros], 1), _C.cat([v, zeros], 1)
        more = k.size(1) - key.size(0)
        if more:
            mask = mask if mask is None else F.pad(mask, (0, more))
            padding = padding if padding is None else F.pad(padding, (0, more))
        if padding is not None:
            padding = padding.view(batch, 1, 1, -1).expand(-1, heads, -1, -1).reshape(batch * heads, 1, -1)
            mask = padding if mask is None else mask + padding
        p = self.dropout if self.training else 0.0
        if need_weights:
            scores = (q * math.sqrt(1.0 / depth)) @ k.transpose(1, 2)
            weights = F.softmax(scores if mask is None else scores + mask, -1)
            if p:
                weights = F.dropout(weights, p)
            out = weights @ v
            weights = weights.view(batch, heads, length, -1)
            if average_attn_weights:
                weights = weights.mean(1)
            if single:
                weights = weights.squeeze(0)
        else:
            q, k, v = (x.reshape(batch, heads, -1, depth) for x in (q, k, v))
            if mask is not None:
                mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.view(batch, heads, -1, mask.size(-1))
            out = F.scaled_dot_product_attention(q, k, v, mask, p).reshape(batch * heads, length, depth)
            weights = None
        out = self.out_proj(out.transpose(0, 1).reshape(length, batch, width))
        if single:
            out = out.squeeze(1)
        elif self.batch_first:
            out = out.transpose(0, 1)
        return out, weights


def _activation(what):
    if callable(what):
        return what
    if what in ('relu', 'gelu'):
        return getattr(F, what)
    raise RuntimeError(f'activation should be relu/gelu, not {what}')


class _Layer(Module):
    """What the encoder's and the decoder's layer share: parts, feed-forward block, normalisation before or after each part."""

    __constants__ = ['norm_first']

    def __init__(self, parts, d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device,
                 dtype):
        super().__init__()
        where = {'device': device, 'dtype': dtype}
        for name in parts:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, bias=bias, **where))
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)
        self.norm_first = norm_first
        for k in range(1, len(parts) + 2):
            setattr(self, f'norm{k}', LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where))
        for k in range(1, len(parts) + 2):
            setattr(self, f'dropout{k}', Dropout(dropout))
        self.activation = _activation(activation)

    def _feed(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _around(self, k, x, part):
        """x and part(x), with the k-th normalisation and dropout."""
        norm, dropout = getattr(self, f'norm{k}'), getattr(self, f'dropout{k}')
        return x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))


class TransformerEncoderLayer(_Layer):
    """Attention of src to itself, then two linear maps, each with a residual and a LayerNorm. src as MultiheadAttention's query."""

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu, layer_norm_eps=1e-5, batch_first=False,
                 norm_first=False, bias=True, device=None, dtype=None):
        super().__init__(('self_attn',), d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first,
                         bias, device, dtype)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        def attend(x):
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]
        return self._around(2, self._around(1, src, attend), self._feed)


class TransformerDecoderLayer(_Layer):
    """Attention of tgt to itself, of tgt to memory, then two linear maps."""

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu, layer_norm_eps=1e-5, batch_first=False,
                 norm_first=False, bias=True, device=None, dtype=None):
        super().__init__(('self_attn', 'multihead_attn'), d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
                         norm_first, bias, device, dtype)

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
                tgt_is_causal=False, memory_is_causal=False):
        def attend(x):
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def look(x):
            return self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask, is_causal=memory_is_causal)[0]
        return self._around(3, self._around(2, self._around(1, tgt, attend), look), self._feed)


def _copies(layer, n):
    return ModuleList([copy.deepcopy(layer) for _ in range(n)])


class TransformerEncoder(Module):
    """num_layers copies of a layer, one after the other, and a norm. is_causal is a hint that nothing here needs."""

    __constants__ = ['norm']

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a layer, one after the other, and a norm."""

    __constants__ = ['norm']

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
                tgt_is_causal=None, memory_is_causal=False):
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder of src and a decoder of tgt. src (S, N, d_model), tgt (T, N, d_model), N first with batch_first."""

    def __init__(self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1,
                 activation=F.relu, custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, norm_first=False,
                 bias=True, device=None, dtype=None):
        super().__init__()
        where = {'device': device, 'dtype': dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype)
        self.encoder = custom_encoder if custom_encoder is not None else TransformerEncoder(
            TransformerEncoderLayer(*layer), num_encoder_layers, LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where))
        self.decoder = custom_decoder if custom_decoder is not None else TransformerDecoder(
            TransformerDecoderLayer(*layer), num_decoder_layers, LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **where))
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None, memory_is_causal=False):
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError('the batch number of src and tgt must be equal')
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError('the feature number of src and tgt must be equal to d_model')
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """(sz, sz): -inf above the diagonal, 0 elsewhere."""
        return _C.full((sz, sz), -math.inf, device=device, dtype=dtype).triu(1)
