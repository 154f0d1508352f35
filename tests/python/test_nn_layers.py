"""Layers, functional, losses: values and gradients compared with PyTorch; reprs and error texts."""
from scenario import Scenarios, make_tests

scenarios = Scenarios('nn_layers')

REPRS = [
    'nn.Linear(5, 3)', 'nn.Linear(5, 3, bias=False)', 'nn.Bilinear(1, 2, 3)', 'nn.Identity(3, x=4)',
    'nn.Conv1d(1, 2, 3)', 'nn.Conv2d(3, 6, 5)', 'nn.Conv2d(4, 6, (3, 5), 2, 1, 2, groups=2, bias=False)',
    'nn.Conv2d(1, 1, 3, padding="same")', 'nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")',
    'nn.ConvTranspose2d(2, 3, 3, 2, 1, 1)', 'nn.MaxPool2d(2)', 'nn.MaxPool2d((2, 3), 1, 1, ceil_mode=True)',
    'nn.MaxPool1d(2)', 'nn.AvgPool2d(2)', 'nn.AvgPool1d(2)', 'nn.AdaptiveAvgPool2d((1, 1))', 'nn.AdaptiveAvgPool1d(3)',
    'nn.AdaptiveMaxPool2d((1, None))', 'nn.LPPool2d(2, 3)', 'nn.BatchNorm1d(3, affine=False)', 'nn.BatchNorm2d(3)',
    'nn.BatchNorm2d(3, momentum=None, track_running_stats=False)', 'nn.LayerNorm(3)', 'nn.LayerNorm((2, 3), bias=False)',
    'nn.GroupNorm(2, 4)', 'nn.InstanceNorm2d(3)', 'nn.RMSNorm(3)', 'nn.LocalResponseNorm(2)', 'nn.Dropout()',
    'nn.Dropout2d(0.25, inplace=True)', 'nn.AlphaDropout()', 'nn.Embedding(3, 4)', 'nn.Embedding(3, 4, padding_idx=-1)',
    'nn.Embedding(3, 4, max_norm=1., norm_type=3., scale_grad_by_freq=True)', 'nn.ZeroPad2d(1)',
    'nn.ConstantPad2d(1, 2.)', 'nn.ConstantPad1d((1, 2), 3)', 'nn.ReflectionPad1d(2)', 'nn.ReplicationPad2d((1, 2, 3, 4))',
    'nn.CircularPad2d(1)', 'nn.ReLU()', 'nn.ReLU(True)', 'nn.LeakyReLU()', 'nn.LeakyReLU(.2, True)', 'nn.ELU()',
    'nn.CELU(2)', 'nn.SELU(True)', 'nn.SiLU()', 'nn.Mish()', 'nn.Hardswish(True)', 'nn.Hardsigmoid()', 'nn.GELU()',
    'nn.GELU("tanh")', 'nn.Softplus()', 'nn.Softsign()', 'nn.Tanhshrink()', 'nn.LogSigmoid()', 'nn.Softshrink()',
    'nn.Hardshrink(.3)', 'nn.Hardtanh(-2, 2, True)', 'nn.ReLU6()', 'nn.Threshold(1, 2, True)', 'nn.RReLU()',
    'nn.PReLU(3)', 'nn.GLU()', 'nn.Softmax(dim=1)', 'nn.Softmax()', 'nn.LogSoftmax(1)', 'nn.Softmin(1)', 'nn.Softmax2d()',
    'nn.Sigmoid()', 'nn.Tanh()', 'nn.Flatten()', 'nn.Unflatten(1, (2, 3))', 'nn.PixelShuffle(2)',
    'nn.Upsample(scale_factor=2)', 'nn.Upsample(size=(3, 4))', 'nn.CosineSimilarity()', 'nn.PairwiseDistance()',
    'nn.MSELoss()', 'nn.CrossEntropyLoss()', 'nn.NLLLoss()', 'nn.BCELoss()', 'nn.SmoothL1Loss()', 'nn.KLDivLoss()',
]
scenarios.many('repr', [f'repr({r})' for r in REPRS])

# The value and the gradients of x and the parameters of a layer applied to made-up numbers.
GRADS = '''
import math
def data(*shape, dtype=torch.float64):
    n = math.prod(shape)
    return torch.tensor([math.sin(1.7 * i + 0.3) * 1.5 for i in range(n)], dtype=dtype).view(shape)
def check(layer, *shape):
    x = data(*shape).requires_grad_()
    if isinstance(layer, nn.Module): layer = layer.double()
    y = layer(x)
    w = data(*y.shape) + 0.5
    (y * w).sum().backward()
    params = [p.grad for p in layer.parameters()] if isinstance(layer, nn.Module) else []
    return [y, x.grad, params]
'''
scenarios.many('layer', [
    'check(nn.Linear(3, 2), 4, 3)', 'check(nn.Linear(3, 2, bias=False), 2, 4, 3)', 'check(nn.Linear(3, 2), 3)',
    'check(nn.Conv1d(2, 3, 2), 2, 2, 5)', 'check(nn.Conv2d(2, 3, 2), 2, 2, 4, 4)', 'check(nn.Conv2d(2, 3, 2), 2, 4, 4)',
    'check(nn.Conv2d(2, 4, 3, 2, 1, 1, groups=2), 2, 2, 5, 5)', 'check(nn.Conv2d(1, 1, 3, padding="same"), 1, 1, 4, 4)',
    'check(nn.Conv2d(1, 1, (3, 2), (2, 1), (1, 0), (1, 2), bias=False), 1, 1, 5, 5)',
    'check(nn.MaxPool2d(2), 1, 2, 4, 5)', 'check(nn.MaxPool2d(3, 2, 1), 1, 1, 5, 5)',
    'check(nn.MaxPool2d(2, ceil_mode=True), 1, 1, 3, 3)', 'check(nn.MaxPool1d(2), 1, 2, 6)',
    'check(nn.AvgPool2d(2), 1, 2, 4, 5)', 'check(nn.AvgPool2d(3, 2, 1), 1, 1, 5, 5)',
    'check(nn.AvgPool2d(3, 2, 1, count_include_pad=False), 1, 1, 5, 5)', 'check(nn.AvgPool1d(2), 1, 2, 6)',
    'check(nn.AdaptiveAvgPool2d(2), 1, 2, 5, 5)', 'check(nn.AdaptiveAvgPool2d(1), 1, 2, 3, 3)',
    'check(nn.AdaptiveAvgPool2d((None, 2)), 1, 2, 3, 5)', 'check(nn.AdaptiveAvgPool1d(2), 1, 2, 5)',
    'check(nn.BatchNorm1d(3), 4, 3)', 'check(nn.BatchNorm1d(3), 2, 3, 2)', 'check(nn.BatchNorm2d(2), 2, 2, 2, 2)',
    'm = nn.BatchNorm2d(2)\ncheck(m, 2, 2, 2, 2)\ncheck(m.eval(), 2, 2, 2, 2), m.running_mean, m.running_var, '
    'm.num_batches_tracked',
    'm = nn.BatchNorm1d(2, momentum=None)\ncheck(m, 4, 2)\ncheck(m, 3, 2), m.running_mean',
    'check(nn.BatchNorm1d(2, affine=False, track_running_stats=False), 4, 2)',
    'check(nn.LayerNorm(3), 4, 3)', 'check(nn.LayerNorm((2, 3)), 4, 2, 3)',
    'check(nn.LayerNorm(3, elementwise_affine=False), 4, 3)', 'check(nn.LayerNorm(3, bias=False), 4, 3)',
    'check(nn.GroupNorm(2, 4), 2, 4, 3)', 'check(nn.GroupNorm(1, 2, affine=False), 2, 2, 2, 2)',
    'check(nn.InstanceNorm1d(2), 2, 2, 4)', 'check(nn.InstanceNorm2d(2, affine=True), 2, 2, 2, 3)',
    'm = nn.InstanceNorm1d(2, track_running_stats=True)\ncheck(m, 2, 2, 4), m.running_mean, m.running_var',
    'check(nn.RMSNorm(3, eps=1e-6), 4, 3)', 'check(nn.LocalResponseNorm(2), 1, 4, 3)',
    'check(nn.ReLU(), 7)', 'check(nn.LeakyReLU(0.1), 7)', 'check(nn.ELU(0.5), 7)', 'check(nn.CELU(0.5), 7)',
    'check(nn.SELU(), 7)', 'check(nn.SiLU(), 7)', 'check(nn.Mish(), 7)', 'check(nn.Hardswish(), 7)',
    'check(nn.Hardsigmoid(), 7)', 'check(nn.GELU(), 7)', 'check(nn.GELU("tanh"), 7)', 'check(nn.Softplus(), 7)',
    'check(nn.Softplus(2, 1), 7)', 'check(nn.Softsign(), 7)', 'check(nn.Tanhshrink(), 7)', 'check(nn.LogSigmoid(), 7)',
    'check(nn.Softshrink(), 7)', 'check(nn.Hardshrink(), 7)', 'check(nn.Hardtanh(), 7)', 'check(nn.ReLU6(), 7)',
    'check(nn.Threshold(0.1, 20), 7)', 'check(nn.RReLU().eval(), 7)', 'check(nn.PReLU(), 7)', 'check(nn.PReLU(3), 2, 3)',
    'check(nn.GLU(), 2, 4)', 'check(nn.Softmax(1), 2, 3)', 'check(nn.LogSoftmax(1), 2, 3)', 'check(nn.Softmin(0), 2, 3)',
    'check(nn.Softmax2d(), 1, 2, 2, 2)', 'check(nn.Sigmoid(), 7)', 'check(nn.Tanh(), 7)', 'check(nn.Flatten(), 2, 3, 2)',
    'check(nn.Flatten(0), 2, 3, 2)', 'check(nn.Unflatten(1, (2, -1)), 2, 6)', 'check(nn.PixelShuffle(2), 1, 4, 2, 2)',
    'check(nn.PixelUnshuffle(2), 1, 1, 4, 4)', 'check(nn.Upsample(scale_factor=2), 1, 1, 2, 2)',
    'check(nn.Upsample(size=(3, 5)), 1, 1, 2, 3)', 'check(nn.Identity(), 3)', 'check(nn.ZeroPad2d(1), 1, 1, 2, 2)',
    'check(nn.ConstantPad1d((1, 2), 3.), 1, 2)', 'check(nn.ConstantPad2d((-1, 1, 0, 2), 3.), 1, 1, 2, 3)',
    'check(nn.ReflectionPad1d(2), 1, 1, 4)', 'check(nn.ReflectionPad2d(1), 1, 1, 3, 3)',
    'check(nn.ReplicationPad2d((1, 2, 0, 1)), 1, 1, 2, 2)', 'check(nn.CircularPad2d(1), 1, 1, 2, 3)',
    'check(nn.Dropout(0.5), 20)', 'check(nn.Dropout(0.5).eval(), 5)', 'check(nn.Dropout(1), 5)', 'check(nn.Dropout(0), 5)',
    'check(nn.Dropout2d(0.5), 2, 4, 2, 2)', 'check(nn.Dropout1d(0.5), 2, 4, 2)', 'check(nn.AlphaDropout(0.5), 10)',
    'check(nn.Dropout(0.3), 4, 5)',
    'check(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), 2, 3)',
    'e = nn.Embedding(4, 3)\ny = e(torch.tensor([[1, 2], [1, 3]]))\ny.sum().backward()\ny, e.weight.grad',
    'e = nn.Embedding(4, 3, padding_idx=1)\ny = e(torch.tensor([1, 2, 1]))\ny.sum().backward()\ny, e.weight.grad',
    'nn.Embedding.from_pretrained(torch.ones(2, 3))(torch.tensor([1]))',
    'm = nn.Bilinear(2, 3, 2).double()\nm(data(4, 2), data(4, 3))',
    'nn.CosineSimilarity()(data(2, 3), data(2, 3) + 1)', 'nn.PairwiseDistance()(data(2, 3), data(2, 3) + 1)',
    'x = torch.tensor([-1., 2.])\ny = nn.ReLU(inplace=True)(x)\ny is x, x',
    'nn.MaxPool2d(2, return_indices=True)(data(1, 1, 4, 4))',
    'F.max_pool1d(data(1, 1, 6), 2, return_indices=True)',
], GRADS)

LOSS = GRADS + '''
def loss(fn, x, *more, **options):
    x = x.clone().requires_grad_()
    out = []
    for reduction in ("mean", "sum", "none"):
        x.grad = None
        y = fn(x, *more, reduction=reduction, **options)
        (y * (data(*y.shape) + 2)).sum().backward()
        out += [y, x.grad.clone()]
    return out
x, y, p, q = data(4, 3), data(4, 3).flip(0), torch.sigmoid(data(4, 3)), torch.sigmoid(data(4, 3).flip(0))
t = torch.tensor([0, 2, 1, 2])
w = torch.tensor([0.5, 1., 2.], dtype=torch.float64)
'''
scenarios.many('loss', [
    'loss(F.mse_loss, x, y)', 'loss(F.l1_loss, x, y)', 'loss(F.smooth_l1_loss, x, y)',
    'loss(F.smooth_l1_loss, x, y, beta=0.3)', 'loss(F.smooth_l1_loss, x, y, beta=0.)', 'loss(F.huber_loss, x, y)',
    'loss(F.huber_loss, x, y, delta=0.4)', 'loss(F.nll_loss, F.log_softmax(x, 1), t)',
    'loss(F.nll_loss, F.log_softmax(x, 1), t, weight=w)', 'loss(F.nll_loss, F.log_softmax(x, 1), t, ignore_index=2)',
    'loss(F.nll_loss, F.log_softmax(data(2, 3, 2, 2), 1), torch.tensor([[[0, 1], [2, 0]], [[1, 1], [2, 2]]]))',
    'loss(F.cross_entropy, x, t)', 'loss(F.cross_entropy, x, t, weight=w)', 'loss(F.cross_entropy, x, t, ignore_index=2)',
    'loss(F.cross_entropy, x, t, label_smoothing=0.1)', 'loss(F.cross_entropy, x, t, weight=w, label_smoothing=0.1)',
    'loss(F.cross_entropy, x, q)', 'loss(F.cross_entropy, x, q, weight=w)',
    'loss(F.cross_entropy, x[0], t[0])',
    'loss(F.binary_cross_entropy, p, q)', 'loss(F.binary_cross_entropy, p, q, weight=w)',
    'loss(F.binary_cross_entropy_with_logits, x, q)', 'loss(F.binary_cross_entropy_with_logits, x, q, pos_weight=w)',
    'loss(F.binary_cross_entropy_with_logits, x, q, weight=w)',
    'loss(F.kl_div, F.log_softmax(x, 1), q)', 'loss(F.kl_div, F.log_softmax(x, 1), y, log_target=True)',
    'F.kl_div(F.log_softmax(x, 1), q, reduction="batchmean")',
    'loss(F.poisson_nll_loss, x, q)', 'loss(F.poisson_nll_loss, p, q * 3, log_input=False, full=True)',
    'loss(F.gaussian_nll_loss, x, y, p)', 'loss(F.hinge_embedding_loss, x, torch.sign(y))',
    'loss(F.soft_margin_loss, x, torch.sign(y))', 'loss(F.margin_ranking_loss, x, y, torch.sign(x + 1))',
    'loss(F.cosine_embedding_loss, x, y, torch.tensor([1, -1, 1, -1]))', 'loss(F.triplet_margin_loss, x, y, x.flip(1))',
    'loss(F.multilabel_soft_margin_loss, x, q)', 'loss(F.multi_margin_loss, x, t)',
    'nn.MSELoss()(x, y), nn.L1Loss(reduction="sum")(x, y), nn.SmoothL1Loss(beta=2.)(x, y), nn.HuberLoss(delta=2.)(x, y)',
    'nn.CrossEntropyLoss(weight=w, ignore_index=1, label_smoothing=.2)(x, t), nn.NLLLoss(w)(x, t)',
    'nn.BCELoss(w)(p, q), nn.BCEWithLogitsLoss(pos_weight=w)(x, q), nn.KLDivLoss(reduction="batchmean")(x, q)',
    'list(nn.CrossEntropyLoss(weight=w).state_dict())',
    'nn.MSELoss(size_average=False)(x, y)', 'nn.MSELoss(reduce=False)(x, y)', 'F.mse_loss(x, y, size_average=True)',
    'F.mse_loss(x, y, reduction="foo")', 'F.cross_entropy(x, t, reduction="foo")',
    'F.mse_loss(torch.ones(1, 10), torch.zeros(10))', 'nn.MSELoss()(torch.ones(10), torch.zeros(1, 10))',
    'F.l1_loss(torch.ones(1, 2), torch.zeros(2))', 'F.smooth_l1_loss(torch.ones(1, 2), torch.zeros(2))',
    'F.binary_cross_entropy(p, q[:2])', 'F.binary_cross_entropy_with_logits(x, q[:2])', 'F.binary_cross_entropy(x, q)',
    'F.cross_entropy(x, torch.tensor([0, 5, 1, 2]))', 'F.cross_entropy(x, t[:3])', 'F.nll_loss(x, t[:3])',
    'nn.TripletMarginLoss(margin=-1)', 'nn.MultiMarginLoss(p=3)',
], LOSS)

scenarios.many('functional', [
    'F.relu(x), F.relu(x, inplace=False)', 'F.softmax(x)', 'F.softmax(x[0])', 'F.softmax(x.view(2, 2, 3))',
    'F.log_softmax(x)', 'F.softmin(x)', 'nn.Softmax()(x)', 'F.softmax(x.float(), 1, dtype=torch.float64)',
    'F.softmax(x, dim=-1)', 'F.dropout(x, 1.5)', 'F.dropout(x, -1)', 'nn.Dropout(1.5)', 'F.dropout(x, 0.5, False) is x',
    'F.dropout2d(data(2, 3))', 'F.dropout2d(data(2, 3, 4))', 'F.dropout1d(data(2))', 'F.alpha_dropout(x, .5, True)',
    'F.batch_norm(data(1, 3), None, None, training=True)', 'nn.BatchNorm2d(3)(x)', 'nn.BatchNorm1d(3)(data(2, 3, 4, 5))',
    'F.group_norm(data(2, 4), 3)', 'nn.GroupNorm(3, 4)', 'F.normalize(x)', 'F.normalize(x, p=1, dim=0)',
    'F.one_hot(torch.tensor([0, 2]))', 'F.one_hot(torch.tensor([0, 2]), 4)',
    'F.pad(data(1, 3), (1, 1))', 'F.pad(data(1, 3), (1, 1), value=2.)', 'F.pad(data(1, 1, 3), (1, 2), "replicate")',
    'F.pad(data(1, 1, 3), (1, 2), "reflect")', 'F.pad(data(1, 1, 3), (1, 2), "circular")',
    'F.linear(x, data(2, 3), data(2))', 'F.linear(x, data(2, 3))', 'F.linear(input=x, weight=data(2, 3), bias=None)',
    'F.embedding(torch.tensor([0, 1]), data(2, 3))', 'F.embedding(torch.tensor([0]), data(2, 3), padding_idx=5)',
    'F.glu(data(2, 3))', 'F.hardtanh(x, 1, -1)', 'nn.Hardtanh(1, -1)', 'F.prelu(x, torch.tensor([.1], dtype=x.dtype))',
    'F.scaled_dot_product_attention(data(2, 3, 4), data(2, 5, 4), data(2, 5, 4))',
    'F.scaled_dot_product_attention(data(2, 3, 4), data(2, 3, 4), data(2, 3, 4), is_causal=True)',
    'F.layer_norm(x, (3,))', 'F.layer_norm(x, [3], data(3), data(3))', 'F.avg_pool2d(data(1, 4, 4), 2)',
    'F.max_pool2d(data(1, 4, 4), (2, 2))', 'F.max_pool2d(data(1, 4, 4), kernel_size=2, stride=1)',
    'F.adaptive_avg_pool2d(data(1, 4, 4), (1, 1))', 'F.adaptive_avg_pool2d(data(1, 4, 4), 2)',
    'F.conv2d(data(1, 1, 3, 3), data(1, 1, 2, 2))', 'F.conv2d(data(1, 1, 3, 3), data(1, 1, 3, 3), padding="same")',
    'F.conv2d(data(1, 1, 3, 3), data(1, 1, 2, 2), data(1), 1, 1)', 'F.leaky_relu(x, .2), F.elu(x, 2.), F.silu(x)',
    'F.gelu(x), F.gelu(x, approximate="tanh"), F.softplus(x), F.softplus(x, 2, 1)', 'F.sigmoid(x), F.tanh(x)',
    'F.pairwise_distance(x, x + 1), F.cosine_similarity(x, x + 1)', 'F.interpolate(data(1, 1, 2, 2), scale_factor=2)',
    'F.interpolate(data(1, 1, 2, 2), size=3)', 'F.local_response_norm(data(1, 4, 3), 2)', 'F.rms_norm(x, (3,))',
    'nn.Conv2d(3, 4, 2, groups=2)', 'nn.Conv2d(4, 3, 2, groups=2)', 'nn.Conv2d(1, 1, 2, groups=0)',
    'nn.Conv2d(1, 1, 2, 2, padding="same")',
    'nn.Linear(5, 3)(torch.ones(2, 4))', 'nn.Linear(5, 3)(torch.ones(2, 5, dtype=torch.int64))',
    'nn.Embedding(3, 2)(torch.tensor([3]))', 'nn.Embedding(3, 2, padding_idx=4)', 'nn.Unflatten(1, 3)',
    'nn.LayerNorm(3)(torch.ones(2, 4))', 'nn.Softmax2d()(torch.ones(1))',
    'nn.utils.parameters_to_vector([torch.ones(2), torch.zeros(1, 2)])',
    'p = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1, 2))]\n'
    'nn.utils.vector_to_parameters(torch.arange(4.), p)\np',
    'nn.utils.vector_to_parameters([1], [])',
    'p = nn.Parameter(torch.ones(3))\np.grad = torch.tensor([3., 4., 0.])\n'
    'nn.utils.clip_grad_norm_(p, 1.), p.grad',
    'p = nn.Parameter(torch.ones(3))\np.grad = torch.tensor([3., 4., 0.])\n'
    'nn.utils.clip_grad_norm_([p, nn.Parameter(torch.ones(1))], 10.), p.grad',
    'p = nn.Parameter(torch.ones(3))\np.grad = torch.tensor([3., -4., 0.])\n'
    'nn.utils.clip_grad_norm_([p], 1., norm_type=float("inf")), p.grad',
    'p = nn.Parameter(torch.ones(3))\np.grad = torch.tensor([3., float("nan"), 0.])\n'
    'nn.utils.clip_grad_norm_([p], 1., error_if_nonfinite=True)',
    'nn.utils.clip_grad_norm_([], 1.)', 'nn.utils.clip_grad_norm(nn.Parameter(torch.ones(1)), 1.)',
    'p = nn.Parameter(torch.ones(3))\np.grad = torch.tensor([3., -4., 0.])\n'
    'nn.utils.clip_grad_value_([p], 2)\np.grad',
    'nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(3)], batch_first=True)',
    'nn.utils.rnn.pad_sequence([torch.ones(2, 1), torch.ones(3, 1)], padding_value=9.)',
], GRADS + 'x = data(4, 3)')

test_golden, test_golden_is_pytorch = make_tests(scenarios)
