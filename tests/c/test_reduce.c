/* Reductions against plain loops, over every set of dimensions; dtypes, NaN, empty tensors, refusals; sums
 * that do not depend on the number of threads; every allocation failing once. */
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

typedef enum { SUM, PROD, MAX, MIN, NORM, VAR, ANY, ALL } what;

/* One element of the result, by a loop over everything that falls onto it. */
static double reference(ct_tensor *x, uint32_t mask, int64_t place, what w)
{
    double sum = 0, product = 1, high = -INFINITY, low = INFINITY, squares = 0, mean = 0;
    int64_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < ct_numel(x); i++) {
            int64_t rest = i, at = 0, step = 1;
            for (int64_t d = ct_ndim(x) - 1; d >= 0; d--) {
                int64_t k = rest % ct_size(x, d);
                rest /= ct_size(x, d);
                if (!(mask >> d & 1)) {
                    at += k * step;
                    step *= ct_size(x, d);
                }
            }
            if (at != place)
                continue;
            double v = ct_float_at(x, i);
            if (pass) {
                squares += (v - mean) * (v - mean);
                continue;
            }
            n++;
            sum += v;
            product *= v;
            high = v > high ? v : high;
            low = v < low ? v : low;
        }
        mean = w == NORM ? 0 : sum / (double)n;
    }
    switch (w) {
    case SUM: return sum;
    case PROD: return product;
    case MAX: return high;
    case MIN: return low;
    case NORM: return sqrt(squares);
    case VAR: return squares / (double)(n - 1);
    case ANY: return high != 0 || low != 0;
    default: return product != 0;
    }
}

static void test_dimensions(void)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int turned = 0; turned < 2; turned++) {
            CT_SCOPE();
            ct_tensor *x = ct_sin(ct_reshape(ct_arange(3 * 70 * 5, .dtype = dtype), CT_INTS(3, 70, 5)));
            x = turned ? ct_permute(x, CT_INTS(1, 2, 0)) : x;
            for (uint32_t mask = 1; mask < 8; mask++) {
                int64_t dims[3], n = 0;
                for (int d = 0; d < 3; d++)
                    if (mask >> d & 1)
                        dims[n++] = d;
                ct_ints dim = {n, dims};
                ct_tensor *truth = ct_gt(x, 0.99);
                ct_tensor *r[8] = {ct_sum(x, .dim = dim),     n == 1 ? ct_prod_dim(x, dims[0]) : NULL,
                                   ct_amax(x, .dim = dim),    ct_amin(x, .dim = dim),
                                   ct_norm(x, .dim = dim),    ct_var(x, .dim = dim),
                                   ct_any(truth, .dim = dim), ct_all(truth, .dim = dim)};
                for (int w = SUM; w <= ALL; w++)
                    for (int64_t i = 0; r[w] && i < FAULTS_FEW(ct_numel(r[w]), 1); i++) {
                        double want = reference(w >= ANY ? truth : x, mask, i, (what)w),
                               got = ct_float_at(r[w], i);
                        double scale = w == SUM ? 30 : fmax(fabs(want), 1e-30);
                        CHECK(fabs(got - want) <= (dtype == CT_FLOAT32 ? 1e-6 : 1e-14) * scale);
                    }
                ct_tensor *kept = ct_sum(x, .dim = dim, .keepdim = true);
                CHECK(ct_ndim(kept) == 3 && ct_equal(ct_reshape(kept, ct_shape_of(r[SUM])), r[SUM]));
                if (n == 1) {
                    ct_max_dim_result m = ct_max_dim(x, dims[0]);
                    CHECK(ct_equal(m.values, r[MAX]) && ct_equal(m.indices, ct_argmax(x, .dim = dims[0])));
                    CHECK(ct_equal(
                        ct_squeeze_dim(ct_gather(x, dims[0], ct_unsqueeze(m.indices, dims[0])), dims[0]),
                        m.values));
                    CHECK(ct_equal(ct_min_dim(x, dims[0]).indices, ct_argmax(ct_neg(x), .dim = dims[0])));
                    ct_tensor *running = ct_cumsum(x, dims[0]);
                    CHECK(ct_allclose(ct_select(running, dims[0], -1), r[SUM], .rtol = 1e-5, .atol = 1e-5));
                }
            }
        }
}

static void test_values(void)
{
    CT_SCOPE();
    CHECK(ct_dtype_of(ct_sum(T(CT_BOOL, 1, 1))) == CT_INT64
          && ct_item_int(ct_sum(T(CT_UINT8, 200, 200))) == 400);
    CHECK(ct_dtype_of(ct_any(T(CT_UINT8, 1))) == CT_UINT8 && ct_dtype_of(ct_any(F(1))) == CT_BOOL);
    CHECK(isnan(ct_item(ct_max(F(1, NAN, 3)))) && ct_item_int(ct_argmax(F(1, NAN, 3))) == 1
          && isnan(ct_item(ct_amin(F(NAN, 1)))));
    CHECK(ct_item_int(ct_argmax(F(1, 3, 3))) == 1 && ct_item_int(ct_argmin(F(2, 1, 1))) == 1);
    ct_tensor *nan = ct_ones(CT_SHAPE(100));
    ct_set_at(nan, "77", NAN);
    CHECK(isnan(ct_item(ct_max(nan))) && ct_item_int(ct_argmin(nan)) == 77);
    CHECK(ct_item(ct_sum(ct_zeros(CT_SHAPE(0)))) == 0 && ct_item(ct_prod(ct_zeros(CT_SHAPE(0)))) == 1
          && isnan(ct_item(ct_mean(ct_zeros(CT_SHAPE(0))))));
    CHECK(ct_item(ct_sum(ct_full(CT_SHAPE(4096), 1, .dtype = CT_FLOAT16)))
          == 4096); /* accumulates in float32 */
    CHECK(ct_item(ct_norm(F(3, -4))) == 5 && ct_item(ct_norm(F(3, -4), .p = ct_num(1))) == 7
          && ct_item(ct_norm(F(3, 0), .p = ct_num(0))) == 1);
    CHECK(ct_item(ct_norm(F(3, -4), .p = ct_num(INFINITY))) == 4);
    CHECK(fabs(ct_item(ct_std(F(1, 2, 3, 4))) - 1.2909944) < 1e-6
          && ct_item(ct_var(F(1, 2, 3, 4), .correction = ct_num(0))) == 1.25);
    CHECK(fabs(ct_item(ct_logsumexp(F(1000, 1000), CT_INTS(0))) - 1000.6931) < 1e-3);
    CHECK(ct_item(ct_logsumexp(F(-INFINITY, -INFINITY), CT_INTS(0))) == -INFINITY);
    CHECK(ct_item_int(ct_count_nonzero(F(0, 1, NAN))) == 2);
    CHECK(ct_int_at(ct_cumsum(T(CT_INT8, 100, 100), 0), 1) == 200
          && ct_float_at(ct_cumprod(F(2, 3, 4), 0), 2) == 24);
    CHECK(ct_item(ct_mean(T(CT_INT64, 1, 2), .dtype = CT_FLOAT32)) == 1.5);
}

static void test_refusals(void)
{
    CT_SCOPE();
    ct_tensor *none = ct_zeros(CT_SHAPE(0)), *i = T(CT_INT64, 1, 2);
    CHECK_ERROR(ct_mean(i), CT_ERR_RUNTIME,
                "mean(): could not infer output dtype. Input dtype must be either a floating point or "
                "complex dtype. Got: Long");
    CHECK_ERROR(ct_std(i), CT_ERR_RUNTIME, "std and var only support floating point and complex dtypes");
    CHECK_ERROR(ct_max(none), CT_ERR_RUNTIME,
                "Expected reduction dim to be specified for input.numel() == 0.");
    CHECK_ERROR(ct_argmax(none), CT_ERR_INDEX,
                "argmax(): Expected reduction dim to be specified for input.numel() == 0.");
    CHECK_ERROR(ct_argmax(T(CT_BOOL, 1)), CT_ERR_RUNTIME, "argmax(): does not support bool input");
    CHECK_ERROR(ct_amax(ct_zeros(CT_SHAPE(2, 0)), .dim = CT_INTS(-1)), CT_ERR_INDEX,
                "amax(): Expected reduction dim -1 to have non-zero size.");
    CHECK_ERROR(ct_sum(i, .dim = CT_INTS(1)), CT_ERR_INDEX,
                "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
    CHECK_ERROR(ct_sum(ct_zeros(CT_SHAPE(2, 2)), .dim = CT_INTS(0, 0)), CT_ERR_RUNTIME,
                "dim 0 appears multiple times in the list of dims");
    CHECK_ERROR(ct_norm(i), CT_ERR_RUNTIME,
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long");
}

static void test_precision(void)
{
    CT_SCOPE();
    int threads = ct_num_threads();
    ct_tensor *x = ct_sin(ct_arange(1000000, .dtype = CT_FLOAT32));
    x = ct_add(x, 1);
    double exact = ct_item(ct_sum(ct_to_dtype(x, CT_FLOAT64))), got[3];
    for (int k = 0; k < 3; k++) {
        ct_set_num_threads(k + 1);
        got[k] = ct_item(ct_sum(x));
    }
    ct_tensor *rows[2];
    for (int k = 0; k < 2; k++) {
        ct_set_num_threads(1 + 3 * k);
        ct_tensor *m = ct_reshape(x, CT_INTS(100, 100, 100));
        rows[k] = ct_add(ct_sum(m, .dim = CT_INTS(0, 2)), ct_sum(m, .dim = CT_INTS(0)));
    }
    ct_set_num_threads(threads);
    CHECK(fabs(got[0] - exact) <= 1e-7 * exact && got[0] == got[1] && got[0] == got[2]
          && ct_equal(rows[0], rows[1]));
}

static void test_faults(void)
{
    bool done = false;
    for (int64_t k = 0; !done && k < 400; k++) {
        CT_SCOPE();
        ct__alloc_fail_after(k);
        ct_tensor *x = ct_reshape(ct_arange(60, .dtype = CT_FLOAT16), CT_INTS(3, 4, 5));
        ct_tensor *s = ct_sum(x, .dim = CT_INTS(0, 2)), *m = ct_max_dim(x, 1).indices,
                  *v = ct_std(x, .dim = CT_INTS(1));
        ct_tensor *e = ct_logsumexp(x, CT_INTS(0, 1)), *a = ct_any(x), *c = ct_cumsum(x, 1);
        ct__alloc_fail_after(-1);
        done = s && m && v && e && a && c;
        CHECK(done || ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
    }
    CHECK(done);
}

int main(void)
{
    test_dimensions();
    test_values();
    test_refusals();
    test_precision();
    if (!faults_on())
        test_faults();
    printf(failures ? "%d failures\n" : "ok\n", failures);
    return failures != 0;
}
