/* Random numbers, bit for bit those of PyTorch's CPU generator: mt19937 and the distributions over it. Fills are serial: the
 * caller walks the output in memory order and holds the generator. A dtype is a number as in kernels/convert.h; strides are in
 * elements. Anything that a distribution does not refuse here was checked by the caller. */
#ifndef CT_KERNELS_RANDOM_H
#define CT_KERNELS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* left: words before the next refill, plus one; next: the next word. */
typedef struct ct__mt {
    uint32_t state[624];
    int32_t left, next;
    double cached_normal; /* the second of a pair of serial normals */
    bool has_cached_normal;
} ct__mt;

typedef struct ct__random_kernels {
    void (*words)(ct__mt *m, uint32_t *out, int64_t n);
    /* float dtypes: [from, to) */
    void (*uniform)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double from, double to);
    /* float dtypes. normal: contiguous tensors, in one call (from 16 elements on it is another algorithm); normal_serial: others. */
    void (*normal)(ct__mt *m, int dtype, void *out, int64_t n, double mean, double std);
    void (*normal_serial)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double mean, double std);
    /* any dtype: from + word mod range (range 0: any 64 bits, `from` does not matter); integers_all: random_() without bounds */
    void (*integers)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, uint64_t range, int64_t from);
    void (*integers_all)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride);
    void (*permutation)(ct__mt *m, int64_t *out, int64_t n);
    /* any dtype: `one` with probability p, else 0 (bernoulli_ has one = 1, dropout's noise 1 / (1 - p)) */
    void (*bernoulli)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double p, double one);
    /* a probability an element, of a float dtype; false where one is not in [0, 1] (what is drawn till then is drawn) */
    bool (*bernoulli_each)(ct__mt *m, int dtype, void *out, int64_t stride, int p_dtype, const void *p, int64_t p_stride, int64_t n);
    /* float dtypes */
    void (*exponential)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double lambda);
    void (*cauchy)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double median, double sigma);
    void (*log_normal)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double mean, double std);
    /* any dtype but bool */
    void (*geometric)(ct__mt *m, int dtype, void *out, int64_t n, int64_t stride, double p);
    /* Draws with replacement: weights (rows, cats) of dtype float32 or float64, overwritten by their cumulative shares; out
     * (rows, samples). NULL, or what is wrong with the weights. */
    const char *(*multinomial)(ct__mt *m, int dtype, void *weights, int64_t rows, int64_t cats, int64_t *out, int64_t samples);
} ct__random_kernels;

/* The next 624 words. */
static inline __attribute__((unused)) void ct__mt_twist(uint32_t *restrict s)
{
#define CT_MT_MIX(u, v) (((((u) & 0x80000000u) | ((v) & 0x7fffffffu)) >> 1) ^ ((0u - ((v) & 1u)) & 0x9908b0dfu))
    int i = 0;
    for (; i < 227; i++) s[i] = s[i + 397] ^ CT_MT_MIX(s[i], s[i + 1]);
    for (; i < 623; i++) s[i] = s[i - 227] ^ CT_MT_MIX(s[i], s[i + 1]);
    s[623] = s[396] ^ CT_MT_MIX(s[623], s[0]);
#undef CT_MT_MIX
}

static inline __attribute__((unused)) uint32_t ct__mt_temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static inline __attribute__((unused)) void ct__mt_seed(ct__mt *m, uint32_t seed)
{
    m->state[0] = seed;
    for (uint32_t j = 1; j < 624; j++) m->state[j] = 1812433253u * (m->state[j - 1] ^ m->state[j - 1] >> 30) + j;
    m->left = 1;
    m->next = 0;
    m->cached_normal = 0;
    m->has_cached_normal = false;
}

static inline __attribute__((unused)) uint32_t ct__mt_32(ct__mt *m)
{
    if (--m->left == 0) {
        ct__mt_twist(m->state);
        m->left = 624;
        m->next = 0;
    }
    return ct__mt_temper(m->state[m->next++]);
}

static inline __attribute__((unused)) uint64_t ct__mt_64(ct__mt *m)
{
    uint64_t high = ct__mt_32(m);
    return high << 32 | ct__mt_32(m);
}

/* 53 bits in [0, 1). */
static inline __attribute__((unused)) double ct__mt_double(ct__mt *m)
{
    return (double)(ct__mt_64(m) & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}
#endif
