/* torch.nn.init: the same draws and the same bounds as PyTorch's. */
#include "nn/nn.h"
#include <math.h>

static bool init_fans(ct_tensor *t, double *in, double *out)
{
    ct_ints s = ct_shape_of(t);
    if (s.n < 2) {
        ct_fail(CT_ERR_VALUE, "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
        return false;
    }
    double receptive = 1;
    for (int64_t i = 2; i < s.n; i++)
        receptive *= (double)s.v[i];
    *in = (double)s.v[1] * receptive;
    *out = (double)s.v[0] * receptive;
    return true;
}

ct_tensor *ct_init_uniform_(ct_tensor *t, double from, double to)
{
    ct_tensor *r = NULL;
    ct_no_grad r = ct_uniform_(t, .from = from, .to = to);
    return r;
}

ct_tensor *ct_init_normal_(ct_tensor *t, double mean, double std)
{
    ct_tensor *r = NULL;
    ct_no_grad r = ct_normal_(t, .mean = mean, .std = std);
    return r;
}

ct_tensor *ct_init_constant_(ct_tensor *t, double value)
{
    ct_tensor *r = NULL;
    ct_no_grad r = ct_fill_(t, value);
    return r;
}

ct_tensor *ct_init_xavier_uniform_(ct_tensor *t, double gain)
{
    double in, out;
    if (!t || !ct_ok() || !init_fans(t, &in, &out))
        return NULL;
    double bound = sqrt(3.0) * (gain * sqrt(2.0 / (in + out)));
    return ct_init_uniform_(t, -bound, bound);
}

ct_tensor *ct_init_xavier_normal_(ct_tensor *t, double gain)
{
    double in, out;
    return t && ct_ok() && init_fans(t, &in, &out) ? ct_init_normal_(t, 0, gain * sqrt(2.0 / (in + out))) : NULL;
}

ct_tensor *ct_init_kaiming_uniform_(ct_tensor *t, double gain, bool fan_out)
{
    double in, out;
    if (!t || !ct_ok() || !init_fans(t, &in, &out) || ct_numel(t) == 0)
        return t && ct_ok() ? t : NULL;
    double bound = sqrt(3.0) * (gain / sqrt(fan_out ? out : in));
    return ct_init_uniform_(t, -bound, bound);
}

ct_tensor *ct_init_kaiming_normal_(ct_tensor *t, double gain, bool fan_out)
{
    double in, out;
    if (!t || !ct_ok() || !init_fans(t, &in, &out) || ct_numel(t) == 0)
        return t && ct_ok() ? t : NULL;
    return ct_init_normal_(t, 0, gain / sqrt(fan_out ? out : in));
}
