/* Distributions over mt19937 with PyTorch's streams and rounding (its x86 builds with AVX2). Words come in bulk, values are made a
 * block at a time in float or double and stored as the dtype asks. Every level gives the same bits: each fused multiply-add below
 * is one, in hardware or not, and nothing else is fused. */
#include "kernels/kernels.h"

#define RANDOM_BLOCK 256
#define RANDOM_TWO_PI 6.283185307179586476925

/* dtypes, as in <ctorch/tensor.h> */
enum { RANDOM_U8 = 1, RANDOM_I8, RANDOM_I16, RANDOM_I32, RANDOM_I64, RANDOM_BOOL, RANDOM_F16, RANDOM_BF16, RANDOM_F32, RANDOM_F64 };

#if defined(__FMA__) || defined(__aarch64__)
CT_KINLINE float random_fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
/* The product is exact in double; the sum is rounded to odd there, so that rounding it to float rounds once. */
CT_KINLINE float random_fmaf(float a, float b, float c)
{
    double p = (double)a * b, q = c, s = p + q, t = s - p, e = (p - (s - t)) + (q - t);
    int64_t bits, step;
    memcpy(&bits, &s, 8);
    step = (e > 0) == (s > 0) ? 1 : -1;
    bits += e != 0 && !(bits & 1) ? step : 0;
    memcpy(&s, &bits, 8);
    return (float)s;
}
#endif

/* ---- Words ---- */

static void random_words(ct__mt *m, uint32_t *out, int64_t n)
{
    while (n > 0) {
        int64_t have = m->left - 1;
        if (have <= 0) {
            ct__mt_twist(m->state);
            m->left = 625;
            m->next = 0;
            have = 624;
        }
        int64_t k = n < have ? n : have;
        const uint32_t *s = m->state + m->next;
        for (int64_t i = 0; i < k; i++) out[i] = ct__mt_temper(s[i]);
        m->next += (int32_t)k;
        m->left -= (int32_t)k;
        out += k;
        n -= k;
    }
}

/* Uniform floats of 24 bits, one word each. n <= RANDOM_BLOCK here and below. */
static void random_floats(ct__mt *m, float *out, int64_t n)
{
    uint32_t w[RANDOM_BLOCK];
    random_words(m, w, n);
    for (int64_t i = 0; i < n; i++) out[i] = (float)(int32_t)(w[i] & 0xffffff) * 0x1p-24f;
}

/* Uniform doubles of 53 bits times 2^53, two words each, the high one first. */
static void random_wholes(ct__mt *m, double *out, int64_t n)
{
    uint32_t w[2 * RANDOM_BLOCK];
    random_words(m, w, 2 * n);
    for (int64_t i = 0; i < n; i++) {
        double high = (double)(int32_t)(w[2 * i] & 0x1fffff) * 0x1p32;
        out[i] = high + ((double)(int32_t)(w[2 * i + 1] ^ 0x80000000u) + 0x1p31);
    }
}

static void random_doubles(ct__mt *m, double *out, int64_t n)
{
    random_wholes(m, out, n);
    for (int64_t i = 0; i < n; i++) out[i] *= 0x1p-53;
}

/* ---- Storing ---- */

CT_KINLINE uint16_t random_half(float f)
{
    uint32_t u, a;
    memcpy(&u, &f, 4);
    uint32_t sign = u >> 16 & 0x8000;
    a = u & 0x7fffffff;
    float g, magic = 0.5f;
    memcpy(&g, &a, 4);
    g += magic;
    uint32_t tiny;
    memcpy(&tiny, &g, 4);
    uint32_t h = a - 0x38000000 + 0xfff + (a >> 13 & 1);
    h = a < 0x38800000 ? tiny - 0x3f000000 : a >= 0x477ff000 ? (a > 0x7f800000 ? 0x7e00u : 0x7c00u) : h >> 13;
    return (uint16_t)(sign | h);
}

CT_KINLINE float random_from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = (uint32_t)(h & 0x7fff) << 13, bits;
    float f;
    if ((h & 0x7c00) == 0x7c00) {
        bits = a + 0x70000000;
        memcpy(&f, &bits, 4);
    } else if (h & 0x7c00) {
        bits = a + 0x38000000;
        memcpy(&f, &bits, 4);
    } else {
        f = (float)(h & 0x3ff) * 0x1p-24f;
    }
    memcpy(&bits, &f, 4);
    bits |= sign;
    memcpy(&f, &bits, 4);
    return f;
}

CT_KINLINE uint16_t random_bfloat(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return f != f ? 0x7fc0 : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

CT_KINLINE float random_from_bfloat(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

CT_KINLINE float random_narrow(int dtype, float f)
{
    return dtype == RANDOM_F16 ? random_from_half(random_half(f)) : dtype == RANDOM_BF16 ? random_from_bfloat(random_bfloat(f)) : f;
}

CT_KINLINE int64_t random_to_i64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }

/* Stores v[0 .. n) at elements at, at + 1, ... of out, converted. */
#define RANDOM_STORE_LOOP(T, VALUE) \
    do { \
        T *restrict p = (T *)out + at * stride; \
        if (stride == 1) for (int64_t i = 0; i < n; i++) p[i] = VALUE; \
        else for (int64_t i = 0; i < n; i++) p[i * stride] = VALUE; \
    } while (0)
#define RANDOM_STORE(NAME, V, TO_INT) \
static void NAME(int dtype, void *out, int64_t stride, int64_t at, const V *v, int64_t n) \
{ \
    switch (dtype) { \
    case RANDOM_U8: RANDOM_STORE_LOOP(uint8_t, (uint8_t)TO_INT(v[i])); break; \
    case RANDOM_I8: RANDOM_STORE_LOOP(int8_t, (int8_t)TO_INT(v[i])); break; \
    case RANDOM_I16: RANDOM_STORE_LOOP(int16_t, (int16_t)TO_INT(v[i])); break; \
    case RANDOM_I32: RANDOM_STORE_LOOP(int32_t, (int32_t)TO_INT(v[i])); break; \
    case RANDOM_I64: RANDOM_STORE_LOOP(int64_t, TO_INT(v[i])); break; \
    case RANDOM_BOOL: RANDOM_STORE_LOOP(uint8_t, v[i] != 0); break; \
    case RANDOM_F16: RANDOM_STORE_LOOP(uint16_t, random_half((float)v[i])); break; \
    case RANDOM_BF16: RANDOM_STORE_LOOP(uint16_t, random_bfloat((float)v[i])); break; \
    case RANDOM_F32: RANDOM_STORE_LOOP(float, (float)v[i]); break; \
    case RANDOM_F64: RANDOM_STORE_LOOP(double, (double)v[i]); break; \
    } \
}
#define RANDOM_SAME(x) (x)
RANDOM_STORE(random_store_f, float, random_to_i64)
RANDOM_STORE(random_store_d, double, random_to_i64)
RANDOM_STORE(random_store_i, int64_t, RANDOM_SAME)

#define RANDOM_EACH_BLOCK for (int64_t at = 0, k; k = n - at < RANDOM_BLOCK ? n - at : RANDOM_BLOCK, at < n; at += k)

/* ---- uniform ---- */

static void random_uniform(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double from, double to)
{
    if (dtype == RANDOM_F64) {
        const double range = to - from;
        RANDOM_EACH_BLOCK {
            double buffer[RANDOM_BLOCK], *u = stride == 1 ? (double *)out + at : buffer;
            random_doubles(m, u, k);
            if (from != 0 || to != 1) for (int64_t i = 0; i < k; i++) u[i] = fma(u[i], range, from);
            if (stride != 1) random_store_d(dtype, out, stride, at, u, k);
        }
        return;
    }
    const float low = (float)from, high = (float)to, range = high - low, closed = random_narrow(dtype, high);
    RANDOM_EACH_BLOCK {
        float buffer[RANDOM_BLOCK], *u = dtype == RANDOM_F32 && stride == 1 ? (float *)out + at : buffer;
        random_floats(m, u, k);
        if (low != 0 || high != 1) for (int64_t i = 0; i < k; i++) u[i] = random_fmaf(u[i], range, low);
        if (dtype == RANDOM_F16 || dtype == RANDOM_BF16)
            for (int64_t i = 0; i < k; i++) u[i] = random_narrow(dtype, u[i]) == closed ? low : u[i];
        if (u == buffer) random_store_f(dtype, out, stride, at, u, k);
    }
}

/* ---- normal ---- */

CT_KINLINE float random_bits_float(int32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

CT_KINLINE float random_ln(float x)
{
    int32_t bits;
    x = x > 0x1p-126f ? x : 0x1p-126f;
    memcpy(&bits, &x, 4);
    float e = (float)((bits >> 23) - 126), m = random_bits_float((bits & 0x007fffff) | 0x3f000000);
    bool low = m < 0.70710678118654752440f;
    e = low ? e - 1 : e;
    m = (m - 1) + (low ? m : 0);
    float z = m * m, y = 7.0376836292e-2f;
    y = random_fmaf(y, m, -1.1514610310e-1f);
    y = random_fmaf(y, m, 1.1676998740e-1f);
    y = random_fmaf(y, m, -1.2420140846e-1f);
    y = random_fmaf(y, m, 1.4249322787e-1f);
    y = random_fmaf(y, m, -1.6668057665e-1f);
    y = random_fmaf(y, m, 2.0000714765e-1f);
    y = random_fmaf(y, m, -2.4999993993e-1f);
    y = random_fmaf(y, m, 3.3333331174e-1f);
    y = y * m;
    y = random_fmaf(y, z, e * -2.12194440e-4f);
    y = random_fmaf(z, -0.5f, y);
    return random_fmaf(e, 0.693359375f, m + y);
}

CT_KINLINE void random_sincos(float x, float *sine, float *cosine)
{
    int32_t j = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
    float y = (float)j;
    x = random_fmaf(y, -0.78515625f, x);
    x = random_fmaf(y, -2.4187564849853515625e-4f, x);
    x = random_fmaf(y, -3.77489497744594108e-8f, x);
    float z = x * x;
    float c = random_fmaf(random_fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f) * z;
    c = random_fmaf(c, z, -(z * 0.5f)) + 1;
    float s = random_fmaf(random_fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f) * z;
    s = random_fmaf(s, x, x);
    int32_t sb, cb;
    memcpy(&sb, &s, 4);
    memcpy(&cb, &c, 4);
    int32_t swap = -(j >> 1 & 1), d = (sb ^ cb) & swap;
    sb = (sb ^ d) ^ (int32_t)((uint32_t)(j & 4) << 29);
    cb = (cb ^ d) ^ (int32_t)((uint32_t)(~(j - 2) & 4) << 29);
    *sine = random_bits_float(sb);
    *cosine = random_bits_float(cb);
}

/* Box-Muller on blocks of 16 uniforms, in place: 8 radii, 8 angles. n is a multiple of 16. */
static void random_boxes_f(float *d, int64_t n, float mean, float std)
{
    float a[RANDOM_BLOCK / 2], b[RANDOM_BLOCK / 2];
    for (int64_t i = 0; i < n / 16; i++)
        for (int j = 0; j < 8; j++) {
            a[8 * i + j] = d[16 * i + j];
            b[8 * i + j] = d[16 * i + 8 + j];
        }
    for (int64_t i = 0; i < n / 2; i++) {
        float r = sqrtf(-2 * random_ln(1 - a[i])), s, c;
        random_sincos(6.2831854820251465f * b[i], &s, &c);
        a[i] = random_fmaf(r * c, std, mean);
        b[i] = random_fmaf(r * s, std, mean);
    }
    for (int64_t i = 0; i < n / 16; i++)
        for (int j = 0; j < 8; j++) {
            d[16 * i + j] = a[8 * i + j];
            d[16 * i + 8 + j] = b[8 * i + j];
        }
}

static void random_boxes_d(double *d, int64_t n, double mean, double std)
{
    for (; n >= 16; n -= 16, d += 16)
        for (int j = 0; j < 8; j++) {
            double r = sqrt(-2 * log(1 - d[j])), t = RANDOM_TWO_PI * d[j + 8];
            d[j] = fma(r * cos(t), std, mean);
            d[j + 8] = fma(r * sin(t), std, mean);
        }
}

CT_KINLINE double random_normal_one(ct__mt *m)
{
    if (m->has_cached_normal) {
        m->has_cached_normal = false;
        return m->cached_normal;
    }
    double u1 = ct__mt_double(m), u2 = ct__mt_double(m);
    double r = sqrt(-2 * log1p(-u2)), t = RANDOM_TWO_PI * u1;
    m->cached_normal = r * sin(t);
    m->has_cached_normal = true;
    return r * cos(t);
}

static void random_normal_serial(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double mean, double std)
{
    RANDOM_EACH_BLOCK {
        double v[RANDOM_BLOCK];
        for (int64_t i = 0; i < k; i++) v[i] = fma(random_normal_one(m), std, mean);
        random_store_d(dtype, out, stride, at, v, k);
    }
}

static void random_normal(ct__mt *m, int dtype, void *out, int64_t n, double mean, double std)
{
    if (n < 16) {
        random_normal_serial(m, dtype, out, n, 1, mean, std);
        return;
    }
    const int64_t whole = n & ~(int64_t)15, rest = n - whole;
    if (dtype == RANDOM_F64) {
        double *p = out, unused[16];
        for (int64_t at = 0, k; k = whole - at < RANDOM_BLOCK ? whole - at : RANDOM_BLOCK, at < whole; at += k) {
            random_doubles(m, p + at, k);
            random_boxes_d(p + at, k, mean, std);
        }
        if (!rest) return;
        random_doubles(m, unused, rest);
        random_doubles(m, p + n - 16, 16);
        random_boxes_d(p + n - 16, 16, mean, std);
        return;
    }
    float last[16];
    for (int64_t at = 0, k; k = whole - at < RANDOM_BLOCK ? whole - at : RANDOM_BLOCK, at < whole; at += k) {
        float buffer[RANDOM_BLOCK], *u = dtype == RANDOM_F32 ? (float *)out + at : buffer;
        random_floats(m, u, k);
        random_boxes_f(u, k, (float)mean, (float)std);
        if (u == buffer) random_store_f(dtype, out, 1, at, u, k);
    }
    if (!rest) return;
    if (dtype == RANDOM_F32) random_floats(m, last, rest); /* drawn and overwritten; half floats never drew them */
    random_floats(m, last, 16);
    random_boxes_f(last, 16, (float)mean, (float)std);
    random_store_f(dtype, out, 1, n - 16, last, 16);
}

/* ---- integers ---- */

static void random_integers(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, uint64_t range, int64_t from)
{
    const bool wide = range == 0 || range >= (uint64_t)1 << 28;
    const uint64_t inverse = wide ? 0 : UINT64_MAX / range + 1; /* 2^64 / range rounded up; range 1 wraps to 0 */
    RANDOM_EACH_BLOCK {
        uint32_t w[2 * RANDOM_BLOCK];
        int64_t v[RANDOM_BLOCK];
        random_words(m, w, wide ? 2 * k : k);
        if (!range)
            for (int64_t i = 0; i < k; i++) v[i] = (int64_t)((uint64_t)w[2 * i] << 32 | w[2 * i + 1]);
        else if (wide)
            for (int64_t i = 0; i < k; i++) v[i] = (int64_t)(((uint64_t)w[2 * i] << 32 | w[2 * i + 1]) % range + (uint64_t)from);
        else
            for (int64_t i = 0; i < k; i++) /* the remainder is the fraction of w / range, times range */
                v[i] = (int64_t)((uint64_t)(((unsigned __int128)(inverse * w[i]) * range) >> 64) + (uint64_t)from);
        random_store_i(dtype, out, stride, at, v, k);
    }
}

static void random_integers_all(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride)
{
    static const uint64_t ranges[11] = {0, 1 << 8, 1 << 7, 1 << 15, (uint64_t)1 << 31, (uint64_t)1 << 63, 2,
                                        (1 << 11) + 1, (1 << 8) + 1, (1 << 24) + 1, ((uint64_t)1 << 53) + 1};
    const uint64_t range = ranges[dtype];
    const bool wide = dtype == RANDOM_I64 || dtype == RANDOM_F64;
    RANDOM_EACH_BLOCK {
        uint32_t w[2 * RANDOM_BLOCK];
        int64_t v[RANDOM_BLOCK];
        random_words(m, w, wide ? 2 * k : k);
        for (int64_t i = 0; i < k; i++)
            v[i] = (int64_t)((wide ? (uint64_t)w[2 * i] << 32 | w[2 * i + 1] : w[i]) % range);
        random_store_i(dtype, out, stride, at, v, k);
    }
}

static void random_permutation(ct__mt *m, int64_t *out, int64_t n)
{
    if (n >= 214748364) { /* (2^32 - 1) / 20: 32 bits would no longer be fair */
        for (int64_t i = 0; i < n; i++) {
            int64_t z = (int64_t)(ct__mt_64(m) % (uint64_t)(i + 1));
            out[i] = i;
            out[i] = out[z];
            out[z] = i;
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) out[i] = i;
    for (int64_t at = 0, k; k = n - 1 - at < RANDOM_BLOCK ? n - 1 - at : RANDOM_BLOCK, at < n - 1; at += k) {
        uint32_t w[RANDOM_BLOCK];
        random_words(m, w, k);
        for (int64_t i = 0; i < k; i++) {
            w[i] %= (uint32_t)(n - at - i);
            __builtin_prefetch(out + at + i + w[i], 1);
        }
        for (int64_t i = 0; i < k; i++) {
            int64_t *a = out + at + i, *b = a + w[i], t = *a;
            *a = *b;
            *b = t;
        }
    }
}

/* ---- Bernoulli ---- */

static void random_bernoulli(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double p, double one)
{
    const double limit = p * 0x1p53;
    const float one_f = (float)one;
    RANDOM_EACH_BLOCK {
        double u[RANDOM_BLOCK];
        random_wholes(m, u, k);
        if (dtype == RANDOM_F32 && stride == 1) {
            float *f = (float *)out + at;
            for (int64_t i = 0; i < k; i++) f[i] = u[i] < limit ? one_f : 0;
            continue;
        }
        for (int64_t i = 0; i < k; i++) u[i] = u[i] < limit ? one : 0;
        random_store_d(dtype, out, stride, at, u, k);
    }
}

static bool random_bernoulli_each(ct__mt *m, int dtype, void *out, int64_t stride, int p_dtype, const void *p, int64_t p_stride,
                                  int64_t n)
{
    RANDOM_EACH_BLOCK {
        double v[RANDOM_BLOCK];
        bool good = true;
        if (p_dtype == RANDOM_F64) {
            const double *q = (const double *)p + at * p_stride;
            random_doubles(m, v, k);
            for (int64_t i = 0; i < k; i++) {
                good &= q[i * p_stride] >= 0 && q[i * p_stride] <= 1;
                v[i] = v[i] < q[i * p_stride];
            }
        } else {
            float u[RANDOM_BLOCK], q[RANDOM_BLOCK];
            random_floats(m, u, k);
            for (int64_t i = 0; i < k; i++) {
                int64_t e = (at + i) * p_stride;
                q[i] = p_dtype == RANDOM_F32 ? ((const float *)p)[e] : p_dtype == RANDOM_F16 ? random_from_half(((const uint16_t *)p)[e])
                       : random_from_bfloat(((const uint16_t *)p)[e]);
                good &= q[i] >= 0 && q[i] <= 1;
                v[i] = u[i] < q[i];
            }
        }
        if (!good) return false;
        random_store_d(dtype, out, stride, at, v, k);
    }
    return true;
}

/* ---- The others ---- */

static void random_exponential(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double lambda)
{
    RANDOM_EACH_BLOCK {
        double u[RANDOM_BLOCK];
        random_doubles(m, u, k);
        for (int64_t i = 0; i < k; i++) u[i] = -1 / lambda * log1p(-u[i]);
        random_store_d(dtype, out, stride, at, u, k);
    }
}

static void random_cauchy(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double median, double sigma)
{
    RANDOM_EACH_BLOCK {
        double u[RANDOM_BLOCK];
        random_doubles(m, u, k);
        for (int64_t i = 0; i < k; i++) u[i] = fma(sigma, tan(3.141592653589793 * (u[i] - 0.5)), median);
        random_store_d(dtype, out, stride, at, u, k);
    }
}

static void random_log_normal(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double mean, double std)
{
    RANDOM_EACH_BLOCK {
        double v[RANDOM_BLOCK];
        for (int64_t i = 0; i < k; i++) v[i] = exp(fma(random_normal_one(m), std, mean));
        random_store_d(dtype, out, stride, at, v, k);
    }
}

static void random_geometric(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double p)
{
    const double bottom = log1p(-p);
    RANDOM_EACH_BLOCK {
        double u[RANDOM_BLOCK];
        random_doubles(m, u, k);
        for (int64_t i = 0; i < k; i++) u[i] = ceil(log(u[i]) / bottom);
        random_store_d(dtype, out, stride, at, u, k);
    }
}

#define RANDOM_MULTINOMIAL(T, NAME) \
static const char *NAME(ct__mt *m, T *weights, int64_t rows, int64_t cats, int64_t *out, int64_t samples) \
{ \
    for (int64_t row = 0; row < rows; row++, weights += cats) { \
        T sum = 0; \
        for (int64_t j = 0; j < cats; j++) { \
            if (!(weights[j] >= 0)) return "invalid multinomial distribution (encountering probability entry < 0)"; \
            if (isinf(weights[j])) return "invalid multinomial distribution (encountering probability entry = infinity or NaN)"; \
            sum += weights[j]; \
            weights[j] = sum; \
        } \
        if (!(sum > 0)) return "invalid multinomial distribution (sum of probabilities <= 0)"; \
        for (int64_t j = 0; j < cats; j++) weights[j] /= sum; \
        weights[cats - 1] = 1; \
        for (int64_t i = 0; i < samples; i++) { \
            double u = ct__mt_double(m); \
            int64_t left = 0, right = cats; \
            while (right - left > 0) { \
                int64_t middle = left + (right - left) / 2; \
                if ((double)weights[middle] < u) left = middle + 1; \
                else right = middle; \
            } \
            *out++ = left; \
        } \
    } \
    return NULL; \
}
RANDOM_MULTINOMIAL(float, random_multinomial_f)
RANDOM_MULTINOMIAL(double, random_multinomial_d)

static const char *random_multinomial(ct__mt *m, int dtype, void *weights, int64_t rows, int64_t cats, int64_t *out, int64_t samples)
{
    return dtype == RANDOM_F64 ? random_multinomial_d(m, weights, rows, cats, out, samples)
                               : random_multinomial_f(m, weights, rows, cats, out, samples);
}

void CT_LEVEL(ct__random_fill)(ct__random_kernels *t)
{
    *t = (ct__random_kernels){
        .words = random_words, .uniform = random_uniform, .normal = random_normal, .normal_serial = random_normal_serial,
        .integers = random_integers, .integers_all = random_integers_all, .permutation = random_permutation,
        .bernoulli = random_bernoulli, .bernoulli_each = random_bernoulli_each, .exponential = random_exponential,
        .cauchy = random_cauchy, .log_normal = random_log_normal, .geometric = random_geometric,
        .multinomial = random_multinomial,
    };
}
