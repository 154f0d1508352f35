/* Random tensors: checks, and filling in memory order; the algorithms are kernels/random.h's. A fill is serial and holds the
 * generator, so threads never change a stream. */
#include "kernels/kernels.h"
#include "ops/ops.h"
#include <math.h>

typedef enum { RANDOM_UNIFORM, RANDOM_NORMAL, RANDOM_INTEGERS, RANDOM_INTEGERS_ALL, RANDOM_BERNOULLI, RANDOM_EXPONENTIAL, RANDOM_CAUCHY,
               RANDOM_LOG_NORMAL, RANDOM_GEOMETRIC } random_what;
typedef struct random_job { random_what what; double a, b; uint64_t range; int64_t from; } random_job;

static void random_run(ct__mt *m, const random_job *j, int dtype, void *out, int64_t n, int64_t stride, bool whole)
{
    const ct__random_kernels *k = &ct__k_random;
    switch (j->what) {
    case RANDOM_UNIFORM: k->uniform(m, dtype, out, n, stride, j->a, j->b); break;
    case RANDOM_NORMAL:
        if (whole)
            k->normal(m, dtype, out, n, j->a, j->b);
        else
            k->normal_serial(m, dtype, out, n, stride, j->a, j->b);
        break;
    case RANDOM_INTEGERS: k->integers(m, dtype, out, n, stride, j->range, j->from); break;
    case RANDOM_INTEGERS_ALL: k->integers_all(m, dtype, out, n, stride); break;
    case RANDOM_BERNOULLI: k->bernoulli(m, dtype, out, n, stride, j->a, 1); break;
    case RANDOM_EXPONENTIAL: k->exponential(m, dtype, out, n, stride, j->a); break;
    case RANDOM_CAUCHY: k->cauchy(m, dtype, out, n, stride, j->a, j->b); break;
    case RANDOM_LOG_NORMAL: k->log_normal(m, dtype, out, n, stride, j->a, j->b); break;
    case RANDOM_GEOMETRIC: k->geometric(m, dtype, out, n, stride, j->a); break;
    }
}

/* Dimensions by stride, smallest innermost, joined; elements may not share memory. */
static bool random_fill(ct_tensor *t, ct_generator *g, const random_job *j)
{
    int order[CT_MAX_DIMS], n = 0;
    if (!t->data || t->numel == 0)
        return true;
    for (int i = 0; i < t->ndim; i++) {
        if (t->sizes[i] == 1)
            continue;
        if (t->strides[i] == 0)
            return ct__fail(CT_ERR_RUNTIME, "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                            "location. Please clone() the tensor before performing the operation.") != NULL;
        int k = n++;
        for (; k > 0 && t->strides[order[k - 1]] < t->strides[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    int64_t size = ct__itemsize(t->dtype), dense = 1;
    bool whole = true;
    for (int k = n - 1; k >= 0; k--) {
        whole = whole && t->strides[order[k]] == dense;
        dense *= t->sizes[order[k]];
    }
    ct__mt *gen = ct__generator_lock(g);
    if (whole) {
        random_run(gen, j, t->dtype, t->data, t->numel, 1, t->contiguous);
    } else {
        int64_t at[CT_MAX_DIMS] = {0}, inner = t->sizes[order[n - 1]], stride = t->strides[order[n - 1]], offset = 0;
        for (int64_t done = 0; done < t->numel; done += inner) {
            random_run(gen, j, t->dtype, t->data + offset * size, inner, stride, false);
            for (int k = n - 2; k >= 0; k--) {
                offset += t->strides[order[k]];
                if (++at[k] < t->sizes[order[k]])
                    break;
                offset -= t->strides[order[k]] * t->sizes[order[k]];
                at[k] = 0;
            }
        }
    }
    ct__generator_unlock(g);
    return true;
}

static bool random_float_only(const ct_tensor *t, const char *name)
{
    if (ct_is_floating((ct_dtype)t->dtype))
        return true;
    return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"%s\" not implemented for '%s'", name, ct_dtype_type_name((ct_dtype)t->dtype)) != NULL;
}

/* The finite numbers of a dtype, and the digits up to which a float dtype holds every integer. */
typedef struct random_limit { double low, high; int digits; const char *name; } random_limit;
static const random_limit random_limits[CT_NUM_DTYPES] = {
    [CT_UINT8] = {0, 255, 0, "unsigned char"}, [CT_INT8] = {-128, 127, 0, "signed char"}, [CT_INT16] = {-32768, 32767, 0, "short int"},
    [CT_INT32] = {-2147483648.0, 2147483647, 0, "int"}, [CT_INT64] = {-0x1p63, 0x1p63, 0, "long int"}, [CT_BOOL] = {0, 1, 0, "bool"},
    [CT_FLOAT16] = {-65504, 65504, 11, "c10::Half"}, [CT_BFLOAT16] = {-0x1.fep127, 0x1.fep127, 8, "c10::BFloat16"},
    [CT_FLOAT32] = {-0x1.fffffep127, 0x1.fffffep127, 24, "float"}, [CT_FLOAT64] = {-0x1.fffffffffffffp1023, 0x1.fffffffffffffp1023, 53, "double"}};

/* ---- In place ---- */

bool ct__uniform_(ct_tensor *self, double from, double to, ct_generator *generator)
{
    if (!random_float_only(self, "check_uniform_bounds"))
        return false;
    const random_limit *l = &random_limits[self->dtype];
    if (!(from >= l->low && from <= l->high) || !(to >= l->low && to <= l->high))
        return ct__fail(CT_ERR_RUNTIME, "%s is out of bounds for %s", from >= l->low && from <= l->high ? "to" : "from", l->name) != NULL;
    if (!(from <= to))
        return ct__fail(CT_ERR_RUNTIME, "uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from, to) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_UNIFORM, .a = from, .b = to});
}

bool ct__normal_(ct_tensor *self, double mean, double std, ct_generator *generator)
{
    if (!random_float_only(self, "normal_kernel_cpu"))
        return false;
    if (!(std >= 0))
        return ct__fail(CT_ERR_RUNTIME, "normal expects std >= 0.0, but found std %g", std) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_NORMAL, .a = mean, .b = std});
}

bool ct__random_(ct_tensor *self, ct_generator *generator)
{
    return random_fill(self, generator, &(random_job){.what = RANDOM_INTEGERS_ALL});
}

static bool random_in_range(const random_limit *l, int64_t v, const char *what)
{
    if ((double)v < l->low || (double)v > l->high)
        return ct__fail(CT_ERR_RUNTIME, "%s is out of bounds for %s", what, l->name) != NULL;
    if (l->digits && (v < -((int64_t)1 << l->digits) || v > (int64_t)1 << l->digits))
        ct_warn("%s is out of bounds [-(2^%d), 2^%d]. Due to precision limitations %s can support discrete uniform distribution only within "
                "this range. This warning will become an error in version 1.7 release, please fix the code in advance", what, l->digits,
                l->digits, l->name);
    return true;
}

/* v as the float dtype has it, and how far apart its integers lie there. */
static int64_t random_rounded(ct_dtype dtype, int64_t v, int64_t *gap)
{
    double d = dtype == CT_FLOAT64 ? (double)v : (double)(float)v;
    if (dtype == CT_FLOAT16)
        d = ct__half_to_float(ct__float_to_half((float)v));
    if (dtype == CT_BFLOAT16) {
        uint32_t bits = (uint32_t)ct__float_to_bfloat((float)v) << 16;
        float f;
        memcpy(&f, &bits, 4);
        d = f;
    }
    int n = 63 - __builtin_clzll((v < 0 ? 0 - (uint64_t)v : (uint64_t)v) | 1) - random_limits[dtype].digits + 1;
    *gap = n > 0 ? (int64_t)1 << n : 1;
    return d >= -0x1p63 && d < 0x1p63 ? (int64_t)d : INT64_MIN;
}

/* [from, to), or up to the dtype's last exact integer; in a float dtype the limits are moved inward where they would round out. */
static bool random_between(ct_tensor *self, int64_t from, int64_t to, bool open, ct_generator *generator)
{
    ct_dtype dtype = (ct_dtype)self->dtype;
    const random_limit *l = &random_limits[dtype];
    int64_t gap, last = l->digits ? (int64_t)1 << l->digits : l->high < 0x1p63 ? (int64_t)l->high : INT64_MAX;
    if (!open && from >= to)
        return ct__fail(CT_ERR_RUNTIME, "random_ expects 'from' to be less than 'to', but got from=%lld >= to=%lld", (long long)from,
                        (long long)to) != NULL;
    bool all = open && from == INT64_MIN; /* any 64 bits */
    if (l->digits && !all) {
        int64_t next = random_rounded(dtype, from + 1, &gap), before = open ? 0 : random_rounded(dtype, to - 1, &gap);
        if (!open && before >= to)
            to = before - gap;
        if (next < from) {
            random_rounded(dtype, from + 1, &gap);
            from = next + gap;
        }
        if (from >= (open ? last : to))
            return ct__fail(CT_ERR_RUNTIME, "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=%lld "
                            ">= to=%lld", (long long)from, (long long)(open ? last : to)) != NULL;
    }
    last = open ? last : to - 1;
    if (!all && (!random_in_range(l, from, "from") || !random_in_range(l, last, open ? "to" : "to - 1")))
        return false;
    return random_fill(self, generator, &(random_job){.what = RANDOM_INTEGERS, .from = from,
                                                      .range = all ? 0 : (uint64_t)last - (uint64_t)from + 1});
}

bool ct__random__to(ct_tensor *self, int64_t to, ct_generator *generator) { return random_between(self, 0, to, false, generator); }

bool ct__random__from(ct_tensor *self, int64_t from, int64_t to, ct_generator *generator)
{
    return random_between(self, from, to, to == CT_NO_INT, generator);
}

static bool random_probability(double p)
{
    return (p >= 0 && p <= 1) || ct__fail(CT_ERR_RUNTIME, "bernoulli_ expects p to be in [0, 1], but got p=%g", p) != NULL;
}

bool ct__bernoulli_(ct_tensor *self, double p, ct_generator *generator)
{
    return random_probability(p) && random_fill(self, generator, &(random_job){.what = RANDOM_BERNOULLI, .a = p});
}

bool ct__bernoulli__Tensor(ct_tensor *self, ct_tensor *p, ct_generator *generator)
{
    if (!random_float_only(p, "bernoulli_tensor_cpu_p_"))
        return false;
    CT_COMPUTE();
    int64_t order[CT_MAX_DIMS]; /* numbers are drawn in the order of self's memory */
    for (int i = 0; i < self->ndim; i++) {
        int k = i;
        for (; k > 0 && self->strides[order[k - 1]] < self->strides[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    ct_ints by_stride = {self->ndim, order};
    ct_tensor *target = ct_permute(self, by_stride), *wide = ct_contiguous(ct_permute(ct_expand(p, ct__sizes_of(self)), by_stride));
    CT_AUTO ct_tensor *out = target && wide ? ct__new((ct_dtype)self->dtype, ct__device_of(self), target->ndim, target->sizes) : NULL;
    if (!out)
        return false;
    ct__mt *gen = ct__generator_lock(generator);
    bool ok = !out->data || ct__k_random.bernoulli_each(gen, out->dtype, out->data, 1, wide->dtype, wide->data, 1, out->numel);
    ct__generator_unlock(generator);
    if (!ok)
        return ct__fail(CT_ERR_RUNTIME, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please "
                        "report an enhancement request to PyTorch.)") != NULL;
    return ct__copy(target, out);
}

bool ct__exponential_(ct_tensor *self, double lambd, ct_generator *generator)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_RUNTIME, "Exponential distribution is a continuous probability distribution. dtype must be a floating point but "
                        "you specified %s", ct_dtype_type_name((ct_dtype)self->dtype)) != NULL;
    if (!(lambd > 0))
        return ct__fail(CT_ERR_RUNTIME, "exponential_ expects lambda > 0.0, but found lambda=%g", lambd) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_EXPONENTIAL, .a = lambd});
}

bool ct__cauchy_(ct_tensor *self, double median, double sigma, ct_generator *generator)
{
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_RUNTIME, "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but "
                        "you specified %s", ct__c_type_name((ct_dtype)self->dtype)) != NULL;
    if (!(sigma > 0))
        return ct__fail(CT_ERR_RUNTIME, "cauchy_ expects sigma > 0.0, but found sigma=%g", sigma) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_CAUCHY, .a = median, .b = sigma});
}

bool ct__log_normal_(ct_tensor *self, double mean, double std, ct_generator *generator)
{
    if (!random_float_only(self, "log_normal_cpu"))
        return false;
    if (!(std > 0))
        return ct__fail(CT_ERR_RUNTIME, "log_normal_ expects std > 0.0, but found std=%g", std) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_LOG_NORMAL, .a = mean, .b = std});
}

bool ct__geometric_(ct_tensor *self, double p, ct_generator *generator)
{
    if (!(p > 0 && p < 1))
        return ct__fail(CT_ERR_RUNTIME, "geometric_ expects p to be in (0, 1), but got p=%g", p) != NULL;
    return random_fill(self, generator, &(random_job){.what = RANDOM_GEOMETRIC, .a = p});
}

/* ---- Fresh tensors ---- */

/* Gives up a result whose fill failed. */
static ct_tensor *random_filled(ct_tensor *t, bool ok)
{
    if (ok)
        return t;
    ct_release(t);
    return NULL;
}

ct_tensor *ct__rand(ct_ints size, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    ct_tensor *t = ct__empty(size, dtype, device, CT_PRESERVE_FORMAT);
    return t ? random_filled(t, ct__uniform_(t, 0, 1, generator)) : NULL;
}

ct_tensor *ct__randn(ct_ints size, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    ct_tensor *t = ct__empty(size, dtype, device, CT_PRESERVE_FORMAT);
    return t ? random_filled(t, ct__normal_(t, 0, 1, generator)) : NULL;
}

ct_tensor *ct__randint_low(int64_t low, int64_t high, ct_ints size, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    ct_tensor *t = ct__empty(size, ct__dtype_or(dtype, CT_INT64), device, CT_PRESERVE_FORMAT);
    return t ? random_filled(t, random_between(t, low, high, false, generator)) : NULL;
}

ct_tensor *ct__randint(int64_t high, ct_ints size, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    return ct__randint_low(0, high, size, generator, dtype, device);
}

ct_tensor *ct__randperm(int64_t n, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    if (n < 0)
        return ct__fail(CT_ERR_RUNTIME, "Trying to create tensor with negative dimension %lld: [%lld]", (long long)n, (long long)n);
    if (!ct__scalar_fits(ct_int_scalar(n), ct__dtype_or(dtype, CT_INT64)))
        return NULL;
    ct_tensor *t = ct__empty((ct_ints){1, &n}, CT_INT64, device, CT_PRESERVE_FORMAT);
    if (!t || !t->data)
        return t;
    ct__mt *gen = ct__generator_lock(generator);
    ct__k_random.permutation(gen, (int64_t *)t->data, n);
    ct__generator_unlock(generator);
    ct_tensor *cast = ct__cast(t, ct__dtype_or(dtype, CT_INT64));
    ct_release(t);
    return cast;
}

ct_tensor *ct__rand_like(ct_tensor *self, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    ct_tensor *t = ct__empty_like(self, dtype, device, format);
    return t ? random_filled(t, ct__uniform_(t, 0, 1, NULL)) : NULL;
}

ct_tensor *ct__randn_like(ct_tensor *self, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    ct_tensor *t = ct__empty_like(self, dtype, device, format);
    return t ? random_filled(t, ct__normal_(t, 0, 1, NULL)) : NULL;
}

ct_tensor *ct__randint_like_low(ct_tensor *self, int64_t low, int64_t high, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    ct_tensor *t = ct__empty_like(self, dtype, device, format);
    return t ? random_filled(t, random_between(t, low, high, false, NULL)) : NULL;
}

ct_tensor *ct__randint_like(ct_tensor *self, int64_t high, ct_dtype dtype, ct_device device, ct_memory_format format)
{
    return ct__randint_like_low(self, 0, high, dtype, device, format);
}

ct_tensor *ct__bernoulli(ct_tensor *self, ct_generator *generator)
{
    ct_tensor *t = ct__empty_like(self, CT_DTYPE_NONE, (ct_device){CT_DEVICE_NONE, 0}, CT_CONTIGUOUS_FORMAT);
    return t ? random_filled(t, ct__bernoulli__Tensor(t, self, generator)) : NULL;
}

ct_tensor *ct__bernoulli_p(ct_tensor *self, double p, ct_generator *generator)
{
    ct_tensor *t = ct__empty_like(self, CT_DTYPE_NONE, (ct_device){CT_DEVICE_NONE, 0}, CT_CONTIGUOUS_FORMAT);
    return t ? random_filled(t, ct__bernoulli_(t, p, generator)) : NULL;
}

/* ---- torch.normal ---- */

ct_tensor *ct__normal(ct_tensor *mean, ct_tensor *std, ct_generator *generator)
{
    ct_tensors both = ct_broadcast_tensors(CT_TENSORS(mean, std));
    ct_tensor *negative = std->numel && std->data ? ct_any(ct_lt(std, 0)) : NULL;
    if (negative && ct_item_int(negative))
        return ct__fail(CT_ERR_RUNTIME, "normal expects all elements of std >= 0.0");
    if (!both.n)
        return NULL;
    ct_tensor *z = ct_normal_(ct_empty_like(both.v[0]), .generator = generator);
    return ct_add(ct_mul(z, std), mean);
}

ct_tensor *ct__normal_tensor_float(ct_tensor *mean, double std, ct_generator *generator)
{
    return ct_add_(ct_normal_(ct_empty_like(mean), .mean = 0, .std = std, .generator = generator), mean);
}

ct_tensor *ct__normal_float_tensor(double mean, ct_tensor *std, ct_generator *generator)
{
    return ct_add_(ct_mul_(ct_normal_(ct_empty_like(std), .generator = generator), std), mean);
}

ct_tensor *ct__normal_float_float(double mean, double std, ct_ints size, ct_generator *generator, ct_dtype dtype, ct_device device)
{
    ct_tensor *t = ct__empty(size, dtype, device, CT_PRESERVE_FORMAT);
    return t ? random_filled(t, ct__normal_(t, mean, std, generator)) : NULL;
}

/* ---- Multinomial ---- */

ct_tensor *ct__multinomial(ct_tensor *self, int64_t num_samples, bool replacement, ct_generator *generator)
{
    if (self->ndim != 1 && self->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "prob_dist must be 1 or 2 dim");
    int64_t categories = self->sizes[self->ndim - 1], rows = self->ndim == 2 ? self->sizes[0] : 1;
    if (!ct_is_floating((ct_dtype)self->dtype))
        return ct__fail(CT_ERR_RUNTIME, "multinomial only supports floating-point dtypes for input, got: %s", ct_dtype_type_name((ct_dtype)self->dtype));
    if (num_samples <= 0)
        return ct__fail(CT_ERR_RUNTIME, "cannot sample n_sample <= 0 samples");
    if (!replacement && num_samples > categories)
        return ct__fail(CT_ERR_RUNTIME, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    CT_COMPUTE();
    ct_tensor *bad = ct_any(ct_logical_not(ct_logical_and(ct_isfinite(self), ct_ge(self, 0))));
    if (!bad || ct_item_int(bad))
        return ct__fail(CT_ERR_RUNTIME, "probability tensor contains either `inf`, `nan` or element < 0");
    ct_tensor *empty = ct_any(ct_le(ct_sum(self, .dim = CT_INTS(-1)), 0));
    if (!empty || ct_item_int(empty))
        return ct__fail(CT_ERR_RUNTIME, "invalid multinomial distribution (sum of probabilities <= 0)");
    if (!replacement || num_samples == 1) {
        ct_tensor *q = ct_div(self, ct_exponential_(ct_empty_like(self), .generator = generator));
        if (num_samples == 1)
            return ct_retain(ct_argmax(q, .dim = -1, .keepdim = true));
        return ct_retain(ct_topk(q, num_samples).indices);
    }
    ct_tensor *weights = ct_clone(ct_to_dtype(self, self->dtype == CT_FLOAT64 ? CT_FLOAT64 : CT_FLOAT32), .memory_format = CT_CONTIGUOUS_FORMAT);
    int64_t sizes[2] = {rows, num_samples};
    ct_tensor *out = weights ? ct__new(CT_INT64, ct__device_of(self), self->ndim, sizes + 2 - self->ndim) : NULL;
    if (!out)
        return NULL;
    ct__mt *gen = ct__generator_lock(generator);
    const char *wrong = ct__k_random.multinomial(gen, weights->dtype, weights->data, rows, categories, (int64_t *)out->data, num_samples);
    ct__generator_unlock(generator);
    if (!wrong)
        return out;
    ct_release(out);
    return ct__fail(CT_ERR_RUNTIME, "%s", wrong);
}
