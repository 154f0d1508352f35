"""Resizing, sampling, windows, three-dimensional layers, unpooling, lazy layers, bags of embeddings, later losses: compared with
PyTorch."""
from scenario import Scenarios, make_tests
from test_nn_layers import GRADS

scenarios = Scenarios('nn_spatial')

scenarios.many('in place', [
    f'check(lambda x: F.{f}, 2, 5)' for f in (
        'leaky_relu(x * 1, 0.2, True)', 'elu(x * 1, 0.7, True)', 'silu(x * 1, True)', 'selu(x * 1, True)', 'celu(x * 1, 0.5, True)',
        'mish(x * 1, True)', 'hardtanh(x * 1, -0.5, 0.7, True)', 'relu6(x * 4, True)', 'hardsigmoid(x * 3, True)',
        'hardswish(x * 3, True)', 'threshold(x * 1, 0.1, 5, True)', 'rrelu(x * 1, inplace=True)', 'leaky_relu_(x * 1)',
        'elu_(x * 1)', 'hardtanh_(x * 1)', 'rrelu(x * 1, 0.1, 0.4, training=True)', 'rrelu(x * 1, 0.1, 0.4, True, True)')
] + [
    f'check(nn.{m}, 2, 3, 4)' for m in (
        'LeakyReLU(0.2, inplace=True)', 'ELU(inplace=True)', 'SELU(True)', 'Mish()', 'Hardswish()', 'Hardsigmoid()', 'CELU(0.3)',
        'Threshold(0.1, 2)', 'Softshrink(0.2)', 'Hardshrink(0.2)', 'PReLU()', 'PReLU(3)')
] + ['F.softshrink(data(2), -1)', 'F.prelu(data(2, 3), data(2))', 'F.rrelu(data(2), 2, 1)', 'F.prelu(data(2, 3), data(3).float())'],
    GRADS)

SIZES = ['size=(5, 3)', 'scale_factor=2', 'scale_factor=(1.7, 0.6)', 'scale_factor=1.3, recompute_scale_factor=True']
scenarios.many('interpolate', [
    f'check(lambda x: F.interpolate(x, {s}, mode="{m}"), 1, 2, 3, 4)' for s in SIZES
    for m in ('nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area')
] + [
    'check(lambda x: F.interpolate(x, (5, 3), mode="bilinear", align_corners=True), 1, 2, 3, 4)',
    'check(lambda x: F.interpolate(x, (1, 6), mode="bicubic", align_corners=True), 1, 2, 3, 4)',
    'check(lambda x: F.interpolate(x, (2, 3), mode="bilinear", antialias=True), 1, 2, 5, 7)',
    'check(lambda x: F.interpolate(x, (3, 9), mode="bicubic", antialias=True), 1, 1, 7, 5)',
    'check(lambda x: F.interpolate(x, 7, mode="linear"), 2, 2, 3)', 'check(lambda x: F.interpolate(x, 7), 2, 2, 3)',
    'check(lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), 1, 1, 2, 3, 2)',
    'check(lambda x: F.interpolate(x, scale_factor=1.5), 1, 1, 2, 3, 2)', 'check(nn.UpsamplingBilinear2d(scale_factor=2), 1, 1, 2, 3)',
    'F.interpolate(data(1, 1, 3, 3, dtype=torch.float32), 7, mode="bicubic")',
    'F.interpolate(data(1, 1, 2, 2))', 'F.interpolate(data(1, 1, 2, 2), 3, 2)', 'F.interpolate(data(1, 1, 2, 2), 3, mode="x")',
    'F.interpolate(data(1, 1, 2, 2), 3, mode="linear")', 'F.interpolate(data(1, 1, 2, 2), 3, align_corners=True)',
    'F.interpolate(data(1, 1, 2, 2), (3,))', 'F.interpolate(data(1, 1, 2, 2), scale_factor=(2.,))', 'F.interpolate(data(2, 2), 3)',
    'F.interpolate(data(1, 1, 2, 2), 3, mode="nearest", antialias=True)', 'F.interpolate(data(1, 1, 2, 2), 0)',
    'F.interpolate(torch.arange(4, dtype=torch.uint8).view(1, 1, 2, 2), 3)', 'F.upsample(data(1, 1, 2, 2), scale_factor=2)',
], GRADS)

scenarios.many('grid_sample', [
    f'check(lambda x: F.grid_sample(x, g, "{m}", "{p}", {a}), 1, 2, 3, 4)' for m in ('bilinear', 'nearest', 'bicubic')
    for p in ('zeros', 'border', 'reflection') for a in (False, True)
] + [
    'g.requires_grad_()\nF.grid_sample(data(1, 2, 3, 4), g, align_corners=False).sum().backward()\ng.grad',
    'check(lambda x: F.grid_sample(x, data(1, 2, 2, 2, 3) * 0.7, align_corners=True), 1, 2, 3, 4, 2)',
    'F.affine_grid(data(2, 2, 3), (2, 1, 3, 2), align_corners=False)', 'F.affine_grid(data(1, 3, 4), (1, 1, 2, 3, 2), True)',
    'F.grid_sample(data(1, 2, 3, 4), g)[0, 0, 0]', 'F.grid_sample(data(1, 2, 3, 4), g, "x")', 'F.grid_sample(data(2, 2, 3, 4), g)',
    'F.grid_sample(data(1, 2, 3, 4), g[..., :1])', 'F.affine_grid(data(2, 3, 3), (2, 1, 3, 2))',
], GRADS + 'g = data(1, 3, 2, 2) * 0.8')

scenarios.many('shapes', [
    'check(nn.Unfold((2, 3), (1, 2), (1, 0), (2, 1)), 1, 2, 4, 6)', 'check(nn.Fold((4, 5), 2, 1, 0, 1), 1, 8, 12)',
    'check(nn.Fold((4, 4), 2, 1, 1, 2), 8, 9)', 'nn.Unfold(3)(data(1, 1, 2, 2))', 'nn.Fold((4, 5), 2)(data(1, 8, 11))',
    'nn.Fold((4, 5), 2)(data(1, 7, 12))', 'repr(nn.Unfold(2)), repr(nn.Fold((4, 5), (2, 2)))',
    'check(nn.PixelShuffle(2), 1, 4, 2, 3)', 'check(nn.PixelUnshuffle(2), 1, 1, 4, 2)', 'check(nn.ChannelShuffle(2), 1, 4, 1, 2)',
    'nn.PixelShuffle(2)(data(3, 2, 2))', 'nn.PixelUnshuffle(2)(data(3, 3, 2))', 'F.pad(data(1, 2, 4), (1, -1), "circular")',
    'F.pad(data(4), (1, 1), "reflect")', 'F.pad(data(2, 3), (1,))', 'F.pad(data(2, 3), (1,) * 6)', 'nn.CircularPad2d(1)(data(2, 3))',
    'nn.ReflectionPad2d(1)(data(1, 1, 0, 3))',
], GRADS)

scenarios.many('three dimensions', [
    'check(nn.Conv3d(2, 3, 2), 1, 2, 3, 3, 3)', 'check(nn.Conv3d(2, 4, (1, 2, 3), 2, (1, 0, 1), (1, 2, 1), 2, False), 2, 3, 4, 4)',
    'check(nn.Conv3d(1, 1, 3, padding="same"), 1, 1, 3, 3, 3)', 'check(nn.ConvTranspose3d(2, 3, 2), 1, 2, 2, 2, 2)',
    'check(nn.ConvTranspose3d(2, 2, 3, 2, 1, 1, 2, bias=False), 1, 2, 2, 2, 3)', 'check(nn.MaxPool3d(2), 1, 2, 4, 4, 5)',
    'check(nn.MaxPool3d((2, 3, 1), 2, (1, 1, 0), ceil_mode=True), 2, 4, 5, 3)', 'check(nn.AvgPool3d(2), 1, 2, 4, 4, 5)',
    'check(nn.AvgPool3d(3, 2, 1, True, False), 1, 4, 5, 4)', 'check(nn.AvgPool3d(2, 1, divisor_override=3), 1, 3, 3, 3)',
    'check(nn.AdaptiveAvgPool3d((2, None, 1)), 1, 1, 3, 2, 5)', 'check(nn.AdaptiveMaxPool3d(2), 1, 1, 3, 4, 5)',
    'nn.MaxPool3d(2, 1, return_indices=True)(data(1, 3, 3, 3))', 'nn.AdaptiveMaxPool3d(2, True)(data(1, 3, 4, 5))',
    'check(nn.LPPool3d(2, 2), 1, 2, 2, 4)', 'nn.Conv3d(2, 3, 2)(torch.ones(1, 3, 3, 3, 3))', 'nn.Conv3d(2, 3, 2)(torch.ones(2, 3))',
    'nn.Conv3d(2, 3, 4)(torch.ones(2, 3, 3, 3))', 'nn.MaxPool3d(2)(torch.ones(2, 3))',
    '[repr(m) for m in (nn.Conv3d(1, 2, 3), nn.ConvTranspose3d(1, 2, 3), nn.MaxPool3d(2), nn.AvgPool3d(2), nn.AdaptiveAvgPool3d(1), '
    'nn.LPPool3d(2, 2), nn.MaxUnpool3d(2))]',
    'check(nn.Dropout3d(), 2, 3, 1, 2, 2)', 'F.dropout3d(torch.ones(3, 2, 2))', 'check(nn.FeatureAlphaDropout(), 2, 3, 2)',
], GRADS)

scenarios.many('pools', [
    'p, i = F.max_pool2d(data(1, 2, 4, 5), 2, return_indices=True)\nF.max_unpool2d(p, i, 2), F.max_unpool2d(p, i, 2, output_size=(4, 5))',
    'p, i = F.max_pool1d(data(2, 6), 3, 2, return_indices=True)\nF.max_unpool1d(p, i, 3, 2)',
    'p, i = F.max_pool3d(data(1, 2, 4, 4), 2, return_indices=True)\ncheck(lambda x: F.max_unpool3d(x, i, 2), 1, 1, 2, 2)',
    'F.max_unpool2d(data(1, 1, 2, 2), torch.full((1, 1, 2, 2), 99), 2)', 'F.max_unpool2d(data(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), 2)',
    'F.max_unpool2d(data(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).long(), 2, output_size=(9, 9))', 'repr(nn.MaxUnpool2d(2, 3))',
    'check(nn.MaxPool1d(3, 1, 2, 2), 2, 9)', 'nn.MaxPool1d(2)(data(5))', 'nn.MaxPool2d(2)(data(2, 3))', 'nn.AvgPool1d(2)(data(5))',
    'nn.MaxPool2d(2, 0)', 'F.max_pool2d(data(1, 2, 4), 2, 0)', 'F.max_pool2d(data(1, 2, 4), (2, 2, 2))',
    'F.max_pool2d(data(1, 2, 4), 2, padding=2)', 'nn.AdaptiveAvgPool2d((2, 2))(data(2, 3))', 'nn.AdaptiveMaxPool2d(2)(data(1, 1, 1, 3, 3))',
    'F.conv2d(data(1, 1, 3, 3), data(1, 1, 2, 2), stride=(1, 2, 3))', 'F.conv2d(data(1, 1, 3, 3), data(1, 1, 2, 2), padding="x")',
    'F.conv_transpose2d(data(1, 1, 3, 3), data(1, 1, 2, 2), output_padding=1)', 'nn.ConvTranspose2d(2, 1, 2)(torch.ones(1, 3, 2, 2))',
], GRADS)

BAGS = GRADS + 'w = data(5, 3).requires_grad_()\ni = torch.tensor([0, 2, 1, 1, 4])\n' \
    'def bag(*a, **k):\n  y = F.embedding_bag(i, w, *a, **k)\n  (y * (data(*y.shape) + .5)).sum().backward()\n  return y, w.grad\n'
scenarios.many('bags', [
    'bag(torch.tensor([0, 3]))', 'bag(torch.tensor([0, 3, 3]), mode="sum")', 'bag(torch.tensor([0, 2]), mode="max")',
    'bag(torch.tensor([0, 3]), mode="sum", per_sample_weights=data(5))', 'bag(torch.tensor([0, 3]), padding_idx=1)',
    'bag(torch.tensor([0, 3, 5]), include_last_offset=True)', 'F.embedding_bag(i.view(1, 5), w, mode="max")',
    'bag()', 'bag(torch.tensor([0, 9]))', 'bag(torch.tensor([0]), mode="x")',
    'repr(nn.EmbeddingBag(3, 2, mode="sum")), nn.EmbeddingBag(3, 2).weight',
    'F.embedding(i, w.detach().clone(), max_norm=0.5)', 'e = nn.Embedding(4, 3, max_norm=1.)\ne(torch.tensor([0, 3])), e.weight',
], BAGS)

scenarios.many('losses', [
    'check(lambda x: F.triplet_margin_with_distance_loss(x, x.detach() + 1, x.detach() - .3, swap=True), 4, 3)',
    'check(lambda x: F.multilabel_margin_loss(x, torch.tensor([[0, -1, 0], [1, 2, -1], [2, 0, 1], [-1, 0, 0]])), 4, 3)',
    'F.multilabel_margin_loss(data(3), torch.tensor([2, -1, 0]), reduction="none")',
    'check(lambda x: F.ctc_loss(x.log_softmax(2), torch.tensor([[1, 2, 2], [2, 1, 0]]), (6, 5), (3, 2)), 6, 2, 4)',
    'F.ctc_loss(data(6, 2, 4).log_softmax(2), torch.tensor([1, 2, 2, 2, 2]), torch.tensor([6, 2]), torch.tensor([3, 2]), '
    'reduction="none", zero_infinity=True)',
    'F.ctc_loss(data(6, 2, 4).log_softmax(2), torch.tensor([1, 2, 2, 2, 2]), (6, 2), (3, 2), reduction="none")',
    'F.ctc_loss(data(6, 4).log_softmax(1), torch.tensor([1, 2]), torch.tensor(6), torch.tensor(2), reduction="sum")',
    'check(lambda x: F.pdist(x), 4, 3)', 'F.triplet_margin_loss(data(2, 3), data(3), data(2, 3))',
    'F.cosine_embedding_loss(data(2, 3), data(2, 3), data(2, 3))', 'repr(nn.CTCLoss()), repr(nn.TripletMarginWithDistanceLoss())',
    'F.scaled_dot_product_attention(data(1, 2, 2), data(1, 2, 2), data(1, 2, 2), data(2, 2), is_causal=True)',
    'F.rms_norm(data(2, 3), (4,))', 'nn.RMSNorm(3)(data(2, 4).float())',
], GRADS)

scenarios.many('lazy', [
    f'm = nn.{m}\nx = data(2, 4, {s}).float()\nold = repr(m), m.has_uninitialized_params()\ny = m(x)\n[old, y, repr(m), '
    f'list(m.state_dict().items()), type(m).__name__]' for m, s in (
        ('LazyLinear(3)', '5'), ('LazyLinear(3, bias=False)', '5'), ('LazyConv1d(3, 2)', '5'), ('LazyConv2d(2, 2, groups=2)', '3, 3'),
        ('LazyConv3d(1, 2)', '2, 2, 2'), ('LazyConvTranspose2d(3, 2, bias=False)', '2, 2'), ('LazyBatchNorm1d()', '3'),
        ('LazyBatchNorm2d(affine=False)', '2, 2'), ('LazyInstanceNorm1d(affine=True)', '3'))
] + [
    'm, n = nn.LazyLinear(2), nn.LazyLinear(2)\nn(torch.ones(1, 3))\nm.load_state_dict(n.state_dict())\nm(torch.ones(1, 3)), m',
    'nn.LazyLinear(2).weight.shape', 'import copy\nm = copy.deepcopy(nn.LazyLinear(2))\nm(torch.ones(1, 3)), m',
    'm = nn.Sequential(nn.LazyConv2d(3, 2), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))\nm(torch.ones(2, 5, 3, 3)), m',
    'nn.LazyConv2d(2, 2)(torch.ones(3))',
    'p = nn.ParameterDict({"b": torch.ones(1), "a": torch.zeros(2)})\nlist(p), list(p.state_dict())',
    'nn.SyncBatchNorm(2, bias=False)', 'nn.NLLLoss2d()', 'm = nn.InstanceNorm1d(3)\nm(data(2, 4, 2))',
], GRADS)

test_golden, test_golden_is_pytorch = make_tests(scenarios)
