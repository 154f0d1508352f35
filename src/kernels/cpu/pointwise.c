/* The loops of the pointwise ops: each scalar function of scalar.h over dense memory, with one repeated
 * operand, and over any strides. Compiled once per ISA level; the compiler vectorises the dense forms. Where vecmath.h has a
 * function for vectors, that takes the place of the loop in floats, for any strides, so that a number has one result. */
#include "kernels/kernels.h"
#include "kernels/scalar.h"
#include "kernels/vecmath.h"

#define POINTWISE_ARGS1 a[i], 0, 0, p, q
#define POINTWISE_ARGS2 a[i], b[i], 0, p, q
#define POINTWISE_ARGS3 a[i], b[i], c[i], p, q

#define POINTWISE_LOOP(name, suffix, inputs, T, R, pp, qq) \
    static void pointwise_##name##_##suffix(int64_t n, char *const *data, const int64_t *s, \
        const ct__pointwise_params *params) \
    { \
        const T p = (T)params->pp, q = (T)params->qq; \
        const int64_t size = (int64_t)sizeof(T); \
        (void)p, (void)q; \
        if (s[0] == (int64_t)sizeof(R) && s[1] == size && (inputs < 2 || s[2] == size) \
            && (inputs < 3 || s[3] == size)) { \
            R *r = (R *)data[0]; \
            const T *a = (const T *)data[1], *b = (const T *)data[inputs < 2 ? 1 : 2], \
                *c = (const T *)data[inputs < 3 ? 1 : 3]; \
            (void)b, (void)c; \
            _Pragma("GCC ivdep") \
            for (int64_t i = 0; i < n; i++) \
                r[i] = scalar_##name##_##suffix(POINTWISE_ARGS##inputs); \
        } else if (inputs == 2 && s[0] == (int64_t)sizeof(R) && s[1] == size && s[2] == 0) { \
            R *r = (R *)data[0]; \
            const T *a = (const T *)data[1]; \
            const T y = *(const T *)data[2]; \
            _Pragma("GCC ivdep") \
            for (int64_t i = 0; i < n; i++) \
                r[i] = scalar_##name##_##suffix(a[i], y, 0, p, q); \
        } else if (inputs == 3 && s[0] == (int64_t)sizeof(R) && s[1] == 0 && s[2] == size && s[3] == size) { \
            R *r = (R *)data[0]; /* a mean's gradient is one number */ \
            const T x = *(const T *)data[1], *b = (const T *)data[inputs < 2 ? 1 : 2], *c = (const T *)data[inputs < 3 ? 1 : 3]; \
            _Pragma("GCC ivdep") \
            for (int64_t i = 0; i < n; i++) \
                r[i] = scalar_##name##_##suffix(x, b[i], c[i], p, q); \
        } else { \
            const char *a = data[1], *b = data[inputs < 2 ? 1 : 2], *c = data[inputs < 3 ? 1 : 3]; \
            const int64_t sb = inputs < 2 ? 0 : s[2], sc = inputs < 3 ? 0 : s[3]; \
            for (int64_t i = 0; i < n; i++) \
                *(R *)(data[0] + i * s[0]) = scalar_##name##_##suffix(*(const T *)(a + i * s[1]), \
                    *(const T *)(b + i * sb), \
                                                                     *(const T *)(c + i * sc), p, q); \
        } \
    }
#define POINTWISE_LOOPS_FLOAT(name, inputs) \
    POINTWISE_LOOP(name, f32, inputs, float, float, pf, qf) \
    POINTWISE_LOOP(name, f64, inputs, double, double, pf, qf)
#define POINTWISE_LOOPS_INT(name, inputs) POINTWISE_LOOP(name, i64, inputs, int64_t, int64_t, pi, qi)
#define POINTWISE_LOOPS_ANY(name, inputs) \
    POINTWISE_LOOPS_FLOAT(name, inputs) POINTWISE_LOOPS_INT(name, inputs)
#define POINTWISE_LOOPS_BOOL(name, inputs) \
    POINTWISE_LOOP(name, f32, inputs, float, uint8_t, pf, qf) POINTWISE_LOOP(name, f64, inputs, double, \
        uint8_t, pf, qf) \
    POINTWISE_LOOP(name, i64, inputs, int64_t, uint8_t, pi, qi)
#define POINTWISE_DEFINE(name, inputs, class, rule) POINTWISE_LOOPS_##class(name, inputs)
CT_POINTWISE(POINTWISE_DEFINE)

/* sin and cos of floats: vectors, except for blocks with an angle too large for them. */
#define POINTWISE_TURN(name) \
    static void pointwise_##name##_turn(int64_t n, char *const *data, const int64_t *s, \
        const ct__pointwise_params *params) \
    { \
        if (s[0] != 4 || s[1] != 4) { \
            pointwise_##name##_f32(n, data, s, params); \
            return; \
        } \
        float *r = (float *)data[0]; \
        const float *a = (const float *)data[1]; \
        for (int64_t i = 0; i < n; i += 256) { \
            int64_t m = n - i < 256 ? n - i : 256; \
            int large = 0; \
            for (int64_t k = 0; k < m; k++) \
                large |= !(__builtin_fabsf(a[i + k]) <= MATH_TURN_LIMIT); \
            if (large) { \
                for (int64_t k = i; k < i + m; k++) \
                    r[k] = math_##name##_any_f32(a[k]); \
            } else { \
                _Pragma("GCC ivdep") \
                for (int64_t k = i; k < i + m; k++) \
                    r[k] = math_##name##_f32(a[k]); \
            } \
        } \
    }
POINTWISE_TURN(sin)
POINTWISE_TURN(cos)

#if VECMATH_HERE
/* Two vectors a step; what is no whole vector, or not dense, goes through one. */
#define POINTWISE_VECTOR(name, expression) \
    CT_KINLINE vec_f32 pointwise_##name##_of(vec_f32 x) { return expression; } \
    static void pointwise_##name##_vector(int64_t n, char *const *data, const int64_t *s, const ct__pointwise_params *params) \
    { \
        enum { W = VEC_WIDTH(float) }; \
        int64_t i = 0; \
        if (s[0] == sizeof(float) && s[1] == sizeof(float)) { \
            float *r = (float *)data[0]; \
            const float *a = (const float *)data[1]; \
            for (; i + 2 * W <= n; i += 2 * W) { \
                vec_f32 x = pointwise_##name##_of(vec_load_f32(a + i)), y = pointwise_##name##_of(vec_load_f32(a + i + W)); \
                vec_store_f32(r + i, x); \
                vec_store_f32(r + i + W, y); \
            } \
        } \
        for (; i < n; i += W) { \
            float some[W] = {0}; \
            int64_t m = n - i < W ? n - i : W; \
            for (int64_t k = 0; k < m; k++) \
                some[k] = *(const float *)(data[1] + (i + k) * s[1]); \
            vec_store_f32(some, pointwise_##name##_of(vec_load_f32(some))); \
            for (int64_t k = 0; k < m; k++) \
                *(float *)(data[0] + (i + k) * s[0]) = some[k]; \
        } \
    }
#if VECMATH_HERE == 1
#define POINTWISE_VECTORS(X) X(exp, vec_exp_f32(x)) X(log, vec_log_f32(x))
#else
#define POINTWISE_VECTORS(X) \
    X(exp, vec_exp_f32(x)) \
    X(log, vec_log_f32(x)) \
    X(tanh, vec_tanh_f32(x)) \
    X(sigmoid, vec_sigmoid_f32(x)) \
    X(silu, x * vec_sigmoid_f32(x)) \
    X(gelu_tanh, 0.5f * x * (1.0f + vec_tanh_f32(0.7978845608f * (x + 0.044715f * x * x * x))))
#endif
POINTWISE_VECTORS(POINTWISE_VECTOR)
#endif

void CT_LEVEL(ct__pointwise_fill)(ct__pointwise_kernels *t)
{
#define POINTWISE_SET(name, class, suffix) t->loop[class][CT_PW_##name] = pointwise_##name##_##suffix;
#define POINTWISE_FILL_FLOAT(name) \
    POINTWISE_SET(name, CT_CLASS_F32, f32) POINTWISE_SET(name, CT_CLASS_F64, f64)
#define POINTWISE_FILL_INT(name) POINTWISE_SET(name, CT_CLASS_I64, i64)
#define POINTWISE_FILL_ANY(name) POINTWISE_FILL_FLOAT(name) POINTWISE_FILL_INT(name)
#define POINTWISE_FILL_BOOL(name) POINTWISE_FILL_ANY(name)
#define POINTWISE_FILL(name, inputs, class, rule) POINTWISE_FILL_##class(name)
    CT_POINTWISE(POINTWISE_FILL)
    t->loop[CT_CLASS_F32][CT_PW_sin] = pointwise_sin_turn;
    t->loop[CT_CLASS_F32][CT_PW_cos] = pointwise_cos_turn;
#if VECMATH_HERE
#define POINTWISE_SET_VECTOR(name, expression) POINTWISE_SET(name, CT_CLASS_F32, vector)
    POINTWISE_VECTORS(POINTWISE_SET_VECTOR)
#endif
}
