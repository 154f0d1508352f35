/* Three spatial dimensions, put together from the two-dimensional ops: a 3-D convolution is a sum over the kernel's planes,
 * a 3-D pool one over (H, W) and then one over D. Gradients come with the ops that they are made of. */
#include "ops/ops.h"

/* ---- Convolution: input (N, C, D, H, W), weight (out, in / groups, kD, kH, kW) ---- */

static bool volume_check(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation,
                         int64_t groups, bool transposed)
{
    const char *name = transposed ? "conv_transpose3d" : "conv3d";
    if (input->ndim != 4 && input->ndim != 5)
        return ct__fail(CT_ERR_RUNTIME, "Expected 4D (unbatched) or 5D (batched) input to %s, but got input of size: %s", name,
                        ct__shape_text(input)) != NULL;
    if (weight->ndim != 5)
        return ct__fail(CT_ERR_RUNTIME, "expected 5-dimensional weight for 5-dimensional input %s, but got %d-dimensional input of size %s instead",
                        ct__shape_text(weight), input->ndim, ct__shape_text(input)) != NULL;
    if (groups <= 0)
        return ct__fail(CT_ERR_RUNTIME, "non-positive groups is not supported") != NULL;
    for (int64_t i = 0; i < 3; i++) {
        if (stride.v[i] <= 0)
            return ct__fail(CT_ERR_RUNTIME, "non-positive stride is not supported") != NULL;
        if (padding.v[i] < 0)
            return ct__fail(CT_ERR_RUNTIME, "negative padding is not supported") != NULL;
        if (dilation.v[i] <= 0)
            return ct__fail(CT_ERR_RUNTIME, "dilation should be greater than zero") != NULL;
    }
    int64_t batched[5] = {1};
    memcpy(batched + (input->ndim == 4), input->sizes, sizeof(int64_t) * (size_t)input->ndim);
    int64_t channels = batched[1], want = transposed ? weight->sizes[0] : weight->sizes[1] * groups;
    if (weight->sizes[0] % groups || weight->sizes[0] < groups)
        return ct__fail(CT_ERR_RUNTIME, "Given groups=%lld, expected weight to be at least %lld at dimension 0 and divisible by it, but got "
                        "weight of size %s instead", (long long)groups, (long long)groups, ct__shape_text(weight)) != NULL;
    if (channels != want)
        return ct__fail(CT_ERR_RUNTIME, "Given %s=%lld, weight of size %s, expected input%s to have %lld channels, but got %lld channels "
                        "instead", transposed ? "transposed" : "groups", transposed ? 1LL : (long long)groups, ct__shape_text(weight),
                        ct__ints_text(5, batched), (long long)want, (long long)channels) != NULL;
    int64_t out_channels = transposed ? weight->sizes[1] * groups : weight->sizes[0];
    if (bias && (bias->ndim != 1 || bias->numel != out_channels))
        return ct__fail(CT_ERR_RUNTIME, "Given %sweight of size %s, expected bias to be 1-dimensional with %lld elements, but got bias of size %s "
                        "instead", transposed ? "transposed=1, " : "", ct__shape_text(weight), (long long)out_channels, ct__shape_text(bias)) != NULL;
    return true;
}

/* (N, C, D, H, W) as N * D images (N * D, C, H, W), and back. */
static ct_tensor *volume_planes(ct_tensor *x)
{
    return ct_flatten(ct_transpose(x, 1, 2), .start_dim = 0, .end_dim = 1);
}

static ct_tensor *volume_of_planes(ct_tensor *x, int64_t n, int64_t depth)
{
    int64_t sizes[5] = {n, depth, x->sizes[1], x->sizes[2], x->sizes[3]};
    return ct_transpose(ct_reshape(x, ((ct_ints){5, sizes})), 1, 2);
}

static ct_tensor *volume_bias(ct_tensor *y, ct_tensor *bias)
{
    int64_t sizes[5] = {1, bias ? bias->numel : 0, 1, 1, 1};
    return bias ? ct_add(y, ct_view(bias, ((ct_ints){5, sizes}))) : y;
}

static ct_tensor *volume_conv(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation, int64_t groups)
{
    int64_t p[3], k[3];
    for (int64_t i = 0; i < 3; i++) {
        p[i] = x->sizes[2 + i] + 2 * padding.v[i];
        k[i] = dilation.v[i] * (weight->sizes[2 + i] - 1) + 1;
    }
    for (int64_t i = 0; i < 3; i++)
        if (p[i] < k[i])
            return ct__fail(CT_ERR_RUNTIME, "Calculated padded input size per channel: (%lld x %lld x %lld). Kernel size: (%lld x %lld x %lld). "
                            "Kernel size can't be greater than actual input size", (long long)p[0], (long long)p[1], (long long)p[2],
                            (long long)k[0], (long long)k[1], (long long)k[2]);
    int64_t depth = (p[0] - k[0]) / stride.v[0] + 1, pad[6] = {0, 0, 0, 0, padding.v[0], padding.v[0]};
    if (padding.v[0])
        x = ct_constant_pad_nd(x, ((ct_ints){6, pad}));
    ct_tensor *sum = NULL;
    for (int64_t i = 0; i < weight->sizes[2] && x; i++) {
        int64_t from = i * dilation.v[0];
        ct_tensor *part = ct_slice(x, .dim = 2, .start = from, .end = from + (depth - 1) * stride.v[0] + 1, .step = stride.v[0]);
        ct_tensor *y = ct_conv2d(volume_planes(part), ct_select(weight, 2, i), .stride = {2, stride.v + 1}, .padding = {2, padding.v + 1},
                                 .dilation = {2, dilation.v + 1}, .groups = groups);
        sum = sum ? ct_add(sum, y) : y;
    }
    return sum ? volume_bias(volume_of_planes(sum, x->sizes[0], depth), bias) : NULL;
}

ct_tensor *ct__conv3d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints dilation, int64_t groups)
{
    if (!volume_check(input, weight, bias, stride, padding, dilation, groups, false))
        return NULL;
    if (input->ndim == 4)
        return ct_squeeze_dim(volume_conv(ct_unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0);
    return volume_conv(input, weight, bias, stride, padding, dilation, groups);
}

ct_tensor *ct__conv3d_padding(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, const char *padding, ct_ints dilation,
                              int64_t groups)
{
    int64_t pads[3] = {0}, extra[6] = {0};
    bool uneven = false;
    if (strcmp(padding, "valid") && strcmp(padding, "same"))
        return ct__fail(CT_ERR_RUNTIME, "Invalid padding string: '%s'", padding);
    if (!strcmp(padding, "same") && weight->ndim == 5)
        for (int64_t i = 0; i < 3; i++) {
            if (stride.v[i] != 1)
                return ct__fail(CT_ERR_RUNTIME, "padding='same' is not supported for strided convolutions");
            int64_t total = dilation.v[i] * (weight->sizes[2 + i] - 1);
            pads[i] = total / 2;
            extra[2 * (2 - i) + 1] = total % 2;
            uneven = uneven || total % 2;
        }
    if (uneven && input->ndim >= 3)
        input = ct_constant_pad_nd(input, ((ct_ints){6, extra}));
    return ct_conv3d(input, weight, .bias = bias, .stride = stride, .padding = {3, pads}, .dilation = dilation, .groups = groups);
}

/* Every kernel plane's images, spread `stride` apart in depth and shifted to where that plane writes, added up. */
static ct_tensor *volume_transposed(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints output_padding,
                                    int64_t groups, ct_ints dilation)
{
    int64_t in = x->sizes[2], spread = (in - 1) * stride.v[0] + 1, span = dilation.v[0] * (weight->sizes[2] - 1) + 1;
    int64_t depth = spread - 1 + span - 2 * padding.v[0] + output_padding.v[0];
    if (depth <= 0)
        return ct__fail(CT_ERR_RUNTIME, "Given input size per channel: %s. Calculated output size per channel would be too small",
                        ct__shape_text(x));
    ct_tensor *sum = NULL;
    for (int64_t i = 0; i < weight->sizes[2]; i++) {
        ct_tensor *y = ct_conv_transpose2d(volume_planes(x), ct_select(weight, 2, i), .stride = {2, stride.v + 1}, .padding = {2, padding.v + 1},
                                           .output_padding = {2, output_padding.v + 1}, .groups = groups, .dilation = {2, dilation.v + 1});
        if (!y)
            return NULL;
        ct_tensor *v = volume_of_planes(y, x->sizes[0], in);
        if (stride.v[0] > 1) {
            int64_t gap[6] = {0, 0, 0, 0, 0, stride.v[0] - 1};
            ct_tensor *apart = ct_constant_pad_nd(ct_unsqueeze(v, 3), ((ct_ints){6, gap}));
            v = ct_slice(ct_flatten(apart, .start_dim = 2, .end_dim = 3), .dim = 2, .start = 0, .end = spread);
        }
        int64_t before = i * dilation.v[0] - padding.v[0], pad[6] = {0, 0, 0, 0, before, depth - before - spread};
        v = ct_constant_pad_nd(v, ((ct_ints){6, pad}));
        sum = sum ? ct_add(sum, v) : v;
    }
    return volume_bias(sum, bias);
}

ct_tensor *ct__conv_transpose3d(ct_tensor *input, ct_tensor *weight, ct_tensor *bias, ct_ints stride, ct_ints padding, ct_ints output_padding,
                                int64_t groups, ct_ints dilation)
{
    if (!volume_check(input, weight, bias, stride, padding, dilation, groups, true))
        return NULL;
    for (int64_t i = 0; i < 3; i++)
        if (output_padding.v[i] < 0 || (output_padding.v[i] >= stride.v[i] && output_padding.v[i] >= dilation.v[i]))
            return ct__fail(CT_ERR_RUNTIME, "output padding must be smaller than either stride or dilation, but got output_padding: %s, stride: "
                            "%s, dilation: %s", ct__ints_text(3, output_padding.v), ct__ints_text(3, stride.v), ct__ints_text(3, dilation.v));
    if (input->ndim == 4)
        return ct_squeeze_dim(volume_transposed(ct_unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation), 0);
    return volume_transposed(input, weight, bias, stride, padding, output_padding, groups, dilation);
}

/* ---- Pooling: (N, C, D, H, W) or (C, D, H, W) ---- */

static bool volume_pool_input(ct_tensor *self, const char *name)
{
    if (self->ndim != 4 && self->ndim != 5)
        return ct__fail(CT_ERR_RUNTIME, "non-empty 4D or 5D (batch mode) tensor expected for input") != NULL;
    for (int d = self->ndim == 5; d < self->ndim; d++)
        if (self->sizes[d] == 0)
            return ct__fail(CT_ERR_RUNTIME, "%s(): Expected input's non-batch dimensions to have positive length, but input has a shape of %s "
                            "and non-batch dimension %d has length zero!", name, ct__shape_text(self), d) != NULL;
    return true;
}

/* (..., D, H, W) as (planes of depth, D, H, W); and (planes, D, h, w) as (planes, 1, D, h * w), to pool over D alone. */
static ct_tensor *volume_flat(ct_tensor *self)
{
    int64_t sizes[4] = {-1, self->sizes[self->ndim - 3], self->sizes[self->ndim - 2], self->sizes[self->ndim - 1]};
    sizes[0] = self->ndim == 5 ? self->sizes[0] * self->sizes[1] : self->sizes[0];
    return ct_reshape(self, ((ct_ints){4, sizes}));
}

static ct_tensor *volume_columns(ct_tensor *x)
{
    int64_t sizes[4] = {x->sizes[0], 1, x->sizes[1], x->sizes[2] * x->sizes[3]};
    return ct_reshape(x, ((ct_ints){4, sizes}));
}

/* The pooled columns (planes, 1, d, h * w) in the shape of the result. */
static ct_tensor *volume_unflat(ct_tensor *y, ct_tensor *self, int64_t h, int64_t w)
{
    int64_t sizes[5], n = self->ndim - 3;
    memcpy(sizes, self->sizes, sizeof(int64_t) * (size_t)n);
    sizes[n] = y->sizes[2];
    sizes[n + 1] = h;
    sizes[n + 2] = w;
    return ct_reshape(y, ((ct_ints){n + 3, sizes}));
}

/* Where the columns' winners stand in the volume: their depth, then the place that had won in that plane. */
static ct_tensor *volume_places(ct_tensor *winners, ct_tensor *places, int64_t columns, int64_t plane)
{
    ct_tensor *flat = ct_reshape(winners, ((ct_ints){2, (int64_t[]){winners->sizes[0], winners->numel / winners->sizes[0]}}));
    ct_tensor *in = ct_reshape(places, ((ct_ints){2, (int64_t[]){winners->sizes[0], places->numel / winners->sizes[0]}}));
    ct_tensor *depth = ct_floor_divide(flat, columns);
    return ct_add(ct_mul(depth, plane), ct_gather(in, 1, flat));
}

bool ct__max_pool3d_with_indices(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode,
                                 ct_tensor **results)
{
    if (!volume_pool_input(self, "max_pool3d_with_indices"))
        return false;
    ct_ints st = stride.n ? stride : kernel_size;
    ct_max_pool2d_with_indices_result flat =
        ct_max_pool2d_with_indices(volume_flat(self), ((ct_ints){2, kernel_size.v + 1}), .stride = {2, st.v + 1}, .padding = {2, padding.v + 1},
                                   .dilation = {2, dilation.v + 1}, .ceil_mode = ceil_mode);
    if (!flat.output)
        return false;
    int64_t h = flat.output->sizes[2], w = flat.output->sizes[3];
    const int64_t k[2] = {kernel_size.v[0], 1}, s[2] = {st.v[0], 1}, p[2] = {padding.v[0], 0}, d[2] = {dilation.v[0], 1};
    ct_max_pool2d_with_indices_result deep = ct_max_pool2d_with_indices(
        volume_columns(flat.output), ((ct_ints){2, k}), .stride = {2, s}, .padding = {2, p}, .dilation = {2, d}, .ceil_mode = ceil_mode);
    if (!deep.output)
        return false;
    results[0] = volume_unflat(deep.output, self, h, w);
    results[1] = self->numel ? ct_reshape(volume_places(deep.indices, flat.indices, h * w, self->sizes[self->ndim - 2] * self->sizes[self->ndim - 1]),
                                          ct__sizes_of(results[0]))
                             : ct_zeros(ct__sizes_of(results[0]), .dtype = CT_INT64);
    return results[1] != NULL;
}

ct_tensor *ct__max_pool3d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, ct_ints dilation, bool ceil_mode)
{
    return ct_max_pool3d_with_indices(self, kernel_size, .stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode).output;
}

ct_tensor *ct__avg_pool3d(ct_tensor *self, ct_ints kernel_size, ct_ints stride, ct_ints padding, bool ceil_mode, bool count_include_pad,
                          int64_t divisor_override)
{
    if (!volume_pool_input(self, "avg_pool3d"))
        return NULL;
    if (divisor_override == 0)
        return ct__fail(CT_ERR_RUNTIME, "divisor must be not zero");
    ct_ints st = stride.n ? stride : kernel_size;
    bool over = divisor_override != CT_NO_INT;
    ct_tensor *flat = ct_avg_pool2d(volume_flat(self), ((ct_ints){2, kernel_size.v + 1}), .stride = {2, st.v + 1}, .padding = {2, padding.v + 1},
                                    .ceil_mode = ceil_mode, .count_include_pad = count_include_pad,
                                    .divisor_override = over ? 1 : CT_NO_INT);
    if (!flat)
        return NULL;
    const int64_t k[2] = {kernel_size.v[0], 1}, s[2] = {st.v[0], 1}, p[2] = {padding.v[0], 0};
    ct_tensor *deep = ct_avg_pool2d(volume_columns(flat), ((ct_ints){2, k}), .stride = {2, s}, .padding = {2, p}, .ceil_mode = ceil_mode,
                                    .count_include_pad = count_include_pad, .divisor_override = divisor_override);
    return deep ? volume_unflat(deep, self, flat->sizes[2], flat->sizes[3]) : NULL;
}

/* The three sizes of an adaptive pooling's result; -1 keeps a size. */
static bool volume_adaptive(ct_tensor *self, ct_ints output_size, const char *name, int64_t *sizes)
{
    if (self->ndim != 4 && self->ndim != 5)
        return ct__fail(CT_ERR_RUNTIME, "%s(): Expected 4D or 5D tensor, but got%s %s", name, name[9] == 'm' ? ":" : "", ct__shape_text(self)) != NULL;
    if (output_size.n != 3)
        return ct__fail(CT_ERR_RUNTIME, name[9] == 'm' ? "%s(): internal error: output_size.size() must be 3" : "%s: output_size must be 3",
                        name) != NULL;
    for (int64_t i = 0; i < 3; i++) {
        int64_t at = self->ndim - 3 + i;
        if (self->sizes[at] == 0)
            return ct__fail(CT_ERR_RUNTIME, "%s(): Expected input to have non-zero size for non-batch dimensions, but input has sizes %s with "
                            "dimension %lld being empty", name, ct__shape_text(self), (long long)at) != NULL;
        sizes[i] = output_size.v[i] == -1 ? self->sizes[at] : output_size.v[i];
    }
    return true;
}

ct_tensor *ct__adaptive_avg_pool3d(ct_tensor *self, ct_ints output_size)
{
    int64_t to[3];
    if (!volume_adaptive(self, output_size, "adaptive_avg_pool3d", to))
        return NULL;
    ct_tensor *flat = ct_adaptive_avg_pool2d(volume_flat(self), ((ct_ints){2, to + 1}));
    if (!flat)
        return NULL;
    const int64_t column[2] = {to[0], to[1] * to[2]};
    ct_tensor *deep = ct_adaptive_avg_pool2d(volume_columns(flat), ((ct_ints){2, column}));
    return deep ? volume_unflat(deep, self, to[1], to[2]) : NULL;
}

bool ct__adaptive_max_pool3d_with_indices(ct_tensor *self, ct_ints output_size, ct_tensor **results)
{
    int64_t to[3];
    if (!volume_adaptive(self, output_size, "adaptive_max_pool3d", to))
        return false;
    ct_adaptive_max_pool2d_with_indices_result flat = ct_adaptive_max_pool2d_with_indices(volume_flat(self), ((ct_ints){2, to + 1}));
    if (!flat.output)
        return false;
    const int64_t column[2] = {to[0], to[1] * to[2]};
    ct_adaptive_max_pool2d_with_indices_result deep = ct_adaptive_max_pool2d_with_indices(volume_columns(flat.output), ((ct_ints){2, column}));
    if (!deep.output)
        return false;
    results[0] = volume_unflat(deep.output, self, to[1], to[2]);
    results[1] = self->numel ? ct_reshape(volume_places(deep.indices, flat.indices, to[1] * to[2],
                                                        self->sizes[self->ndim - 2] * self->sizes[self->ndim - 1]), ct__sizes_of(results[0]))
                             : ct_zeros(ct__sizes_of(results[0]), .dtype = CT_INT64);
    return results[1] != NULL;
}

ct_tensor *ct__adaptive_max_pool3d(ct_tensor *self, ct_ints output_size) { return ct_adaptive_max_pool3d_with_indices(self, output_size).output; }
