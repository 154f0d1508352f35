/* The optimizers' steps, f32 and f64. See kernels/step.h. Plain loops that the compiler vectorises: each variant is one
 * always-inline body with constant flags. */
#include "kernels/kernels.h"

#define STEP_START(T) \
    const T lr = (T)k->lr, decay = (T)k->weight_decay, sign = k->maximize ? (T)-1 : (T)1; \
    (void)decay
/* The gradient that the step uses, at element i. */
#define STEP_GRAD(has_decay) ((has_decay) ? sign * g[i] + decay * p[i] : sign * g[i])

#define STEP_KERNELS(T, S, SQRT) \
CT_KINLINE T step_##S##_lerp(T a, T b, T w) { return w < (T)0.5 ? a + w * (b - a) : b - (b - a) * ((T)1 - w); } \
\
CT_KINLINE void step_##S##_sgd_body(int64_t n, T *restrict p, const T *restrict g, T *restrict buf, const ct__step_numbers *k, \
                                    bool has_decay, bool has_buf, bool fresh, bool nesterov) \
{ \
    STEP_START(T); \
    const T momentum = (T)k->beta1, keep = (T)k->beta2; \
    for (int64_t i = 0; i < n; i++) { \
        T d = STEP_GRAD(has_decay); \
        if (has_buf) { \
            T b = fresh ? d : buf[i] * momentum + keep * d; \
            buf[i] = b; \
            d = nesterov ? d + momentum * b : b; \
        } \
        p[i] = p[i] + lr * d; \
    } \
} \
static void step_##S##_sgd(int64_t n, T *p, const T *g, T *buf, bool fresh, const ct__step_numbers *k) \
{ \
    bool decay = k->weight_decay != 0; \
    if (!buf) \
        decay ? step_##S##_sgd_body(n, p, g, NULL, k, true, false, false, false) \
              : step_##S##_sgd_body(n, p, g, NULL, k, false, false, false, false); \
    else if (fresh) \
        step_##S##_sgd_body(n, p, g, buf, k, decay, true, true, k->nesterov); \
    else if (k->nesterov) \
        decay ? step_##S##_sgd_body(n, p, g, buf, k, true, true, false, true) \
              : step_##S##_sgd_body(n, p, g, buf, k, false, true, false, true); \
    else \
        decay ? step_##S##_sgd_body(n, p, g, buf, k, true, true, false, false) \
              : step_##S##_sgd_body(n, p, g, buf, k, false, true, false, false); \
} \
\
CT_KINLINE void step_##S##_adam_body(int64_t n, T *restrict p, const T *restrict g, T *restrict m, T *restrict v, \
                                     T *restrict top, const ct__step_numbers *k, bool has_decay, bool has_top) \
{ \
    STEP_START(T); \
    const T shrink = (T)k->shrink, w = (T)(1 - k->beta1), beta2 = (T)k->beta2, w2 = (T)(1 - k->beta2); \
    const T correction = (T)k->correction, eps = (T)k->eps; \
    const bool near = w < (T)0.5; \
    const T rest = (T)1 - w; \
    for (int64_t i = 0; i < n; i++) { \
        T x = p[i] * shrink, d = sign * g[i]; \
        if (has_decay) d = d + decay * x; \
        T mi = near ? m[i] + w * (d - m[i]) : d - (d - m[i]) * rest; \
        T vi = v[i] * beta2 + (w2 * d) * d; \
        m[i] = mi; \
        v[i] = vi; \
        if (has_top) { \
            T t = top[i]; \
            t = vi > t || vi != vi ? vi : t; \
            top[i] = t; \
            vi = t; \
        } \
        p[i] = x + (lr * mi) / (SQRT(vi) / correction + eps); \
    } \
} \
static void step_##S##_adam(int64_t n, T *p, const T *g, T *m, T *v, T *top, const ct__step_numbers *k) \
{ \
    bool decay = k->weight_decay != 0; \
    if (top) \
        decay ? step_##S##_adam_body(n, p, g, m, v, top, k, true, true) : step_##S##_adam_body(n, p, g, m, v, top, k, false, true); \
    else \
        decay ? step_##S##_adam_body(n, p, g, m, v, NULL, k, true, false) \
              : step_##S##_adam_body(n, p, g, m, v, NULL, k, false, false); \
} \
\
CT_KINLINE void step_##S##_rmsprop_body(int64_t n, T *restrict p, const T *restrict g, T *restrict v, T *restrict a, \
                                        T *restrict buf, const ct__step_numbers *k, bool centered, bool has_buf) \
{ \
    STEP_START(T); \
    const T momentum = (T)k->beta1, alpha = (T)k->beta2, w = (T)(1 - k->beta2), eps = (T)k->eps; \
    const bool has_decay = k->weight_decay != 0; \
    for (int64_t i = 0; i < n; i++) { \
        T d = STEP_GRAD(has_decay), vi = v[i] * alpha + (w * d) * d, average = vi; \
        v[i] = vi; \
        if (centered) { \
            T ai = step_##S##_lerp(a[i], d, w); \
            a[i] = ai; \
            average = vi + (-ai) * ai; \
        } \
        average = SQRT(average) + eps; \
        if (has_buf) { \
            T b = buf[i] * momentum + d / average; \
            buf[i] = b; \
            p[i] = p[i] + lr * b; \
        } else { \
            p[i] = p[i] + (lr * d) / average; \
        } \
    } \
} \
static void step_##S##_rmsprop(int64_t n, T *p, const T *g, T *v, T *a, T *buf, const ct__step_numbers *k) \
{ \
    if (a) \
        buf ? step_##S##_rmsprop_body(n, p, g, v, a, buf, k, true, true) : step_##S##_rmsprop_body(n, p, g, v, a, NULL, k, true, false); \
    else \
        buf ? step_##S##_rmsprop_body(n, p, g, v, NULL, buf, k, false, true) \
            : step_##S##_rmsprop_body(n, p, g, v, NULL, NULL, k, false, false); \
} \
\
CT_KINLINE void step_##S##_adagrad_body(int64_t n, T *restrict p, const T *restrict g, T *restrict s, const ct__step_numbers *k, \
                                        bool has_decay) \
{ \
    STEP_START(T); \
    const T eps = (T)k->eps; \
    for (int64_t i = 0; i < n; i++) { \
        T d = STEP_GRAD(has_decay), si = s[i] + d * d; \
        s[i] = si; \
        p[i] = p[i] + (lr * d) / (SQRT(si) + eps); \
    } \
} \
static void step_##S##_adagrad(int64_t n, T *p, const T *g, T *s, const ct__step_numbers *k) \
{ \
    k->weight_decay != 0 ? step_##S##_adagrad_body(n, p, g, s, k, true) : step_##S##_adagrad_body(n, p, g, s, k, false); \
}

STEP_KERNELS(float, f32, sqrtf)
STEP_KERNELS(double, f64, sqrt)

void CT_LEVEL(ct__step_fill)(ct__step_kernels *t)
{
    t->sgd_f32 = step_f32_sgd;
    t->sgd_f64 = step_f64_sgd;
    t->adam_f32 = step_f32_adam;
    t->adam_f64 = step_f64_adam;
    t->rmsprop_f32 = step_f32_rmsprop;
    t->rmsprop_f64 = step_f64_rmsprop;
    t->adagrad_f32 = step_f32_adagrad;
    t->adagrad_f64 = step_f64_adagrad;
}
