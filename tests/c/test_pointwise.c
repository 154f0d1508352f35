/* The pointwise engine: values against the C library, promotion, broadcasting, memory order, out= and
 * in-place rules, refusals, results that do not depend on how work is cut, and every allocation failing once.
 */
#include "base/base.h"
#include <ctorch/ctorch.h>
#include <math.h>
#include "faults.h"
#include <stdio.h>

static int failures;
#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static void check_failed(const char *what, int line)
{
    faults_leave();
    failures++;
    fprintf(stderr, "line %d: %s (error: %s)\n", line, what, ct_error_message());
}
static void check_error(ct_error_kind kind, const char *words, int line)
{
    if (ct_error() != kind || !strstr(ct_error_message(), words)) {
        faults_leave();
        failures++;
        fprintf(stderr, "line %d: expected error %d '%s', got %d '%s'\n", line, kind, words, ct_error(),
                ct_error_message());
    }
    ct_error_clear();
}
#define CHECK_ERROR(call, kind, words) (CHECK((call) == NULL), check_error(kind, words, __LINE__))

static ct_tensor *doubles(int64_t n, const double *v, ct_dtype dtype)
{
    return ct_tensor_from_doubles(v, CT_SHAPE(n), dtype);
}
#define T(dtype, ...) \
    doubles((int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (const double[]){__VA_ARGS__}, dtype)
#define F(...) T(CT_FLOAT32, __VA_ARGS__)
#define I(...) T(CT_INT64, __VA_ARGS__)

static void check_values(ct_tensor *t, ct_dtype dtype, int64_t n, const double *want, double tolerance,
                         int line)
{
    bool same = t && ct_dtype_of(t) == dtype && ct_numel(t) == n;
    for (int64_t i = 0; same && i < n; i++) {
        double got = ct_float_at(t, i), w = want[i];
        same = (w != w && got != got) || got == w || fabs(got - w) <= tolerance * fmax(1, fabs(w));
        if (!same)
            fprintf(stderr, "line %d: element %lld is %.9g, not %.9g\n", line, (long long)i, got, w);
    }
    if (!same) {
        faults_leave();
        failures++;
        char *text = t ? ct_to_string(t) : NULL;
        fprintf(stderr, "line %d: %s %s\n", line, text ? text : "NULL", ct_error_message());
        ct_free_string(text);
        ct_error_clear();
    }
}
#define GIVES(t, dtype, ...) \
    check_values(t, dtype, (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), \
                 (const double[]){__VA_ARGS__}, 2e-7, __LINE__)

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double gelu(double x) { return 0.5 * x * (1 + erf(x * sqrt(0.5))); }
static double softplus(double x) { return x > 20 ? x : log1p(exp(x)); }
static double relu(double x) { return x != x ? x : x > 0 ? x : 0; }

/* Each unary function on a range, on ends and on special values, contiguous and strided, in both precisions.
 */
static void test_functions(void)
{
    static const struct {
        const char *name;
        ct_tensor *(*op)(ct_tensor *);
        double (*reference)(double);
        double low, high;
    } list[] = {{"exp", ct_exp, exp, -90, 90},       {"exp2", ct_exp2, exp2, -130, 130},
                {"expm1", ct_expm1, expm1, -30, 88}, {"log", ct_log, log, 0, 1e3},
                {"log2", ct_log2, log2, 0, 1e3},     {"log10", ct_log10, log10, 0, 1e3},
                {"log1p", ct_log1p, log1p, -1, 10},  {"sin", ct_sin, sin, -1e4, 1e4},
                {"cos", ct_cos, cos, -1e4, 1e4},     {"tan", ct_tan, tan, -1, 1},
                {"tanh", ct_tanh, tanh, -12, 12},    {"sigmoid", ct_sigmoid, sigmoid, -60, 60},
                {"erf", ct_erf, erf, -5, 5},         {"erfc", ct_erfc, erfc, -5, 5},
                {"sqrt", ct_sqrt, sqrt, 0, 100},     {"floor", ct_floor, floor, -9, 9},
                {"ceil", ct_ceil, ceil, -9, 9},      {"round", ct_round, rint, -9, 9},
                {"trunc", ct_trunc, trunc, -9, 9},   {"abs", ct_abs, fabs, -9, 9},
                {"asin", ct_asin, asin, -1, 1},      {"acos", ct_acos, acos, -1, 1},
                {"atan", ct_atan, atan, -9, 9},      {"sinh", ct_sinh, sinh, -9, 9},
                {"cosh", ct_cosh, cosh, -9, 9},      {"relu", ct_relu, relu, -9, 9},
                {"gelu", ct_gelu_erf, gelu, -9, 9},  {"log1p'", ct_log1p, log1p, -1e-3, 1e-3}};
    const int64_t n = 2003;
    for (size_t f = 0; f < sizeof list / sizeof *list; f++)
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            CT_SCOPE();
            ct_tensor *x = ct_linspace(list[f].low, list[f].high, n, .dtype = dtype);
            const double special[] = {NAN, INFINITY, -INFINITY, 0, -0.0, 1e-40, 3e38};
            for (int k = 0; k < 7; k++)
                ct_set_at(ct_narrow(x, 0, 100 * k, 1), "...", special[k]);
            for (int strided = 0; strided < 2; strided++) {
                ct_tensor *in = strided ? ct_slice(x, .dim = 0, .step = 2) : x, *y = list[f].op(in);
                int64_t bad = 0;
                for (int64_t i = 0; i < ct_numel(in); i++) {
                    double v = ct_float_at(in, i), want = list[f].reference(v), got = ct_float_at(y, i);
                    double eps = dtype == CT_FLOAT32 ? 3e-7 : 1e-15;
                    if (dtype == CT_FLOAT32)
                        want = (float)want;
                    bool close =
                        (want != want && got != got) || got == want
                        || fabs(got - want) <= eps * fmax(fabs(want), list[f].op == ct_gelu_erf ? 1 : 1e-37);
                    if (!close && bad++ == 0)
                        fprintf(stderr, "%s(%.9g) is %.9g, not %.9g\n", list[f].name, v, got, want);
                }
                CHECK(bad == 0);
            }
        }
    CT_SCOPE();
    GIVES(ct_sin(F(1e9, 3e38)), CT_FLOAT32, (float)sin(1e9), (float)sin((double)3e38f));
    ct_tensor *x = ct_linspace(-30, 30, 501);
    ct_tensor *y = ct_softplus(x);
    for (int64_t i = 0; i < 501; i++)
        CHECK(fabs(ct_float_at(y, i) - softplus(ct_float_at(x, i)))
              <= 3e-7 * softplus(ct_float_at(x, i)) + 1e-37);
}

static void test_promotion(void)
{
    CT_SCOPE();
    GIVES(ct_add(I(1, 2), 1.5), CT_FLOAT32, 2.5, 3.5);
    GIVES(ct_add(T(CT_INT8, 1, 127), 1), CT_INT8, 2, -128);
    GIVES(ct_add(T(CT_BOOL, 1, 0), 1), CT_INT64, 2, 1);
    GIVES(ct_add(T(CT_BOOL, 1, 0), T(CT_BOOL, 1, 1)), CT_BOOL, 1, 1);
    GIVES(ct_add(T(CT_FLOAT16, 1, 2), 1.0), CT_FLOAT16, 2, 3);
    GIVES(ct_add(T(CT_UINT8, 1), 300), CT_UINT8, 45);
    GIVES(ct_sub(T(CT_UINT8, 1), 2), CT_UINT8, 255);
    GIVES(ct_add(F(1), ct_reshape(T(CT_FLOAT64, 2), CT_INTS())), CT_FLOAT32, 3);
    GIVES(ct_add(T(CT_INT32, 1), ct_reshape(T(CT_FLOAT64, 2), CT_INTS())), CT_FLOAT64, 3);
    GIVES(ct_div(I(7, -7), 2), CT_FLOAT32, 3.5, -3.5);
    GIVES(ct_floor_divide(I(7, -7), 2), CT_INT64, 3, -4);
    GIVES(ct_remainder(I(7, -7), 3), CT_INT64, 1, 2);
    GIVES(ct_fmod(I(7, -7), 3), CT_INT64, 1, -1);
    GIVES(ct_remainder(F(5.5, -5.5), F(2, 2)), CT_FLOAT32, 1.5, 0.5);
    GIVES(ct_pow(I(2, 3), 3), CT_INT64, 8, 27);
    GIVES(ct_sqrt(I(4, 9)), CT_FLOAT32, 2, 3);
    GIVES(ct_eq(T(CT_UINT8, 44), 300), CT_BOOL, 1);
    GIVES(ct_lt(F(1, NAN), F(2, 2)), CT_BOOL, 1, 0);
    GIVES(ct_maximum(F(1, NAN, 3), F(2, 2, NAN)), CT_FLOAT32, 2, NAN, NAN);
    GIVES(ct_clamp(F(-2, 0.5, 2, NAN), .min = ct_num(-1), .max = ct_num(1)), CT_FLOAT32, -1, 0.5, 1, NAN);
    GIVES(ct_clamp(I(1, 5), .min = ct_num(3), .max = ct_num(-3)), CT_INT64, -3, -3);
    GIVES(ct_bitwise_not(T(CT_BOOL, 1, 0)), CT_BOOL, 0, 1);
    GIVES(ct_bitwise_not(I(5)), CT_INT64, -6);
    GIVES(ct_round(F(0.5, 1.5, 2.5, -0.5)), CT_FLOAT32, 0, 2, 2, 0);
    GIVES(ct_addcmul(F(1, 2), F(2, 3), F(3, 4), .value = ct_num(0.5)), CT_FLOAT32, 4, 8);
    GIVES(ct_lerp(F(0, 10), F(10, 20), 0.25), CT_FLOAT32, 2.5, 12.5);
    GIVES(ct_where(T(CT_BOOL, 1, 0, 1), F(1, 2, 3), 0), CT_FLOAT32, 1, 0, 3);
    GIVES(ct_add(T(CT_FLOAT16, 2048), T(CT_FLOAT16, 1)), CT_FLOAT16, 2048);
    GIVES(ct_mul(ct_tensor_from_ints((int64_t[]){INT64_MAX}, CT_SHAPE(1), CT_INT64), 2), CT_INT64, -2);
    GIVES(ct_square(T(CT_BOOL, 1)), CT_INT64, 1);
}

static void test_refusals(void)
{
    CT_SCOPE();
    ct_tensor *b = T(CT_BOOL, 1, 0), *i = I(1, 2), *x = F(1, 2);
    CHECK_ERROR(ct_sub(b, b), CT_ERR_RUNTIME,
                "Subtraction, the `-` operator, with two bool tensors is not supported.");
    CHECK_ERROR(ct_sub(i, b), CT_ERR_RUNTIME,
                "Subtraction, the `-` operator, with a bool tensor is not supported.");
    CHECK_ERROR(ct_neg(b), CT_ERR_RUNTIME, "Negation, the `-` operator, on a bool tensor is not supported.");
    CHECK_ERROR(ct_floor_divide(i, 0), CT_ERR_RUNTIME, "ZeroDivisionError");
    CHECK_ERROR(ct_remainder(i, I(1, 0)), CT_ERR_RUNTIME, "ZeroDivisionError");
    CHECK_ERROR(ct_pow(i, -1), CT_ERR_RUNTIME, "Integers to negative integer powers are not allowed.");
    CHECK_ERROR(ct_add(i, i, .alpha = ct_num(0.5)), CT_ERR_RUNTIME,
                "argument alpha must not be a floating point number");
    CHECK_ERROR(ct_add(x, F(1, 2, 3)), CT_ERR_RUNTIME,
                "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0");
    CHECK_ERROR(ct_bitwise_and(x, x), CT_ERR_NOT_IMPLEMENTED, "not implemented for 'Float'");
    CHECK_ERROR(ct_silu(i), CT_ERR_NOT_IMPLEMENTED, "\"silu_cpu\" not implemented for 'Long'");
    CHECK_ERROR(ct_abs(b), CT_ERR_NOT_IMPLEMENTED, "\"abs_cpu\" not implemented for 'Bool'");
    CHECK_ERROR(ct_mul_(i, 0.5), CT_ERR_RUNTIME,
                "result type Float can't be cast to the desired output type Long");
    CHECK_ERROR(ct_add_(x, ct_zeros(CT_SHAPE(3, 2))), CT_ERR_RUNTIME,
                "output with shape [2] doesn't match the broadcast shape [3, 2]");
    CHECK_ERROR(ct_add_(ct_expand(ct_zeros(CT_SHAPE(1)), CT_INTS(3)), 1), CT_ERR_RUNTIME,
                "more than one element of the written-to tensor");
    CHECK_ERROR(ct_addcdiv(i, i, i), CT_ERR_RUNTIME, "Integer division with addcdiv is no longer supported");
    CHECK_ERROR(ct_lerp(x, T(CT_FLOAT64, 1, 2), 0.5), CT_ERR_RUNTIME,
                "expected dtype float for `end` but got dtype double");
}

static void test_geometry(void)
{
    CT_SCOPE();
    ct_tensor *x = ct_reshape(ct_arange(24), CT_INTS(2, 3, 4));
    ct_tensor *turned = ct_permute(x, CT_INTS(2, 0, 1));
    ct_tensor *y = ct_add(turned, 1);
    CHECK(ct_stride(y, 0) == 1 && ct_stride(y, 1) == 12 && ct_stride(y, 2) == 4); /* keeps the memory order */
    CHECK(ct_int_at(y, 23) == 24 && ct_int_at(y, 1) == 5);
    ct_tensor *image = ct_empty(CT_INTS(2, 3, 4, 5), .memory_format = CT_CHANNELS_LAST);
    ct_fill_(image, 1);
    CHECK(ct_is_contiguous(ct_relu(image), CT_CHANNELS_LAST));
    CHECK(ct_is_contiguous(ct_add(image, ct_ones(CT_SHAPE(3, 1, 1))), CT_CHANNELS_LAST));
    ct_tensor *rows = ct_add(ct_zeros(CT_SHAPE(3, 4)), ct_unsqueeze(ct_arange(3), 1));
    CHECK(ct_float_at(rows, 0) == 0 && ct_float_at(rows, 11) == 2);
    ct_tensor *sum = ct_add(x, ct_slice(ct_arange(8), .dim = 0, .step = 2));
    CHECK(ct_int_at(sum, 5) == 5 + 2);
    CHECK(ct_numel(ct_exp(ct_zeros(CT_SHAPE(0, 3)))) == 0 && ct_ndim(ct_add(ct_zeros(CT_SHAPE()), 1)) == 0);
    ct_tensor *meta = ct_empty(CT_INTS(2, 3), .device = {CT_META, 0});
    CHECK(ct_device_of(ct_add(meta, ct_zeros(CT_SHAPE(3)))).type == CT_META);
}

static void test_targets(void)
{
    CT_SCOPE();
    ct_tensor *x = F(1, 2, 3, 4), *out = ct_empty(CT_INTS(0));
    CHECK(ct_add_out(out, x, x) == out && ct_numel(out) == 4 && ct_float_at(out, 3) == 8);
    ct_tensor *wide = ct_empty(CT_INTS(4), .dtype = CT_FLOAT64);
    ct_add_out(wide, T(CT_FLOAT16, 2048, 0, 0, 0),
               T(CT_FLOAT16, 1, 0, 0, 0)); /* rounded to float16 before it is widened */
    CHECK(ct_float_at(wide, 0) == 2048);
    ct_add_(ct_slice(x, .dim = 0, .start = 1),
            ct_slice(x, .dim = 0, .end = 3)); /* overlapping: as if the input had been copied first */
    GIVES(x, CT_FLOAT32, 1, 3, 5, 7);
    int64_t version = ct_version(x);
    GIVES(ct_mul_(x, 2), CT_FLOAT32, 2, 6, 10, 14);
    CHECK(ct_version(x) == version + 1);
    ct_tensor *m = ct_reshape(ct_arange(9), CT_INTS(3, 3));
    ct_add_(m, ct_t(m));
    CHECK(ct_int_at(m, 1) == 4 && ct_int_at(m, 3) == 4 && ct_int_at(m, 8) == 16);
    GIVES(ct_ge_(T(CT_UINT8, 1, 255), 254), CT_UINT8, 0, 1);
    ct_tensor *half = T(CT_FLOAT16, 1, 2);
    GIVES(ct_add_(half, T(CT_FLOAT64, 0.5, 0.25)), CT_FLOAT16, 1.5, 2.25);
}

/* Large tensors, one thread and several, strided or not: the same bits. */
static void test_cutting(void)
{
    CT_SCOPE();
    int threads = ct_num_threads();
    ct_tensor *x = ct_sub(ct_reshape(ct_arange(300 * 401, .dtype = CT_FLOAT32), CT_INTS(300, 401)), 60000),
              *y[2];
    x = ct_div(x, 9973);
    for (int k = 0; k < 2; k++) {
        ct_set_num_threads(k ? 4 : 1);
        y[k] = ct_mul(ct_tanh(x), ct_exp(ct_slice(ct_cat(CT_TENSORS(x, x), .dim = 1), .dim = 1, .step = 2)));
    }
    ct_set_num_threads(threads);
    CHECK(ct_equal(y[0], y[1]));
    bool same = true;
    for (int64_t i = 0; i < 401; i += 37) { /* one by one */
        ct_tensor *one = ct_tanh(ct_select(ct_select(x, 0, 7), 0, i));
        same = same && ct_item(one) == ct_float_at(ct_tanh(x), 7 * 401 + i);
    }
    CHECK(same);
}

static void test_faults(void)
{
    bool done = false;
    for (int64_t k = 0; !done && k < 300; k++) {
        CT_SCOPE();
        ct__alloc_fail_after(k);
        ct_tensor *x =
            ct_add(ct_ones(CT_SHAPE(3, 4), .dtype = CT_INT32), ct_ones(CT_SHAPE(4), .dtype = CT_FLOAT16));
        ct_tensor *y = ct_add_(ct_t(x), ct_t(ct_where(ct_gt(x, 1), x, 0.5)));
        ct_tensor *z = ct_exp_out(ct_empty(CT_INTS(0), .dtype = CT_FLOAT64), y);
        ct__alloc_fail_after(-1);
        done = z != NULL;
        CHECK(done || ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
    }
    CHECK(done);
}

int main(void)
{
    test_functions();
    test_promotion();
    test_refusals();
    test_geometry();
    test_targets();
    test_cutting();
    if (!faults_on())
        test_faults();
    printf(failures ? "%d failures\n" : "ok\n", failures);
    return failures != 0;
}
