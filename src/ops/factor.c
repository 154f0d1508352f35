/* Inverses, systems of equations, determinants, Cholesky, QR, eigenvalues and singular values of batches of matrices (*, m, n), and
 * their gradients. A matrix at a time is copied into double, which the kernels of kernels/cpu/factor.c work in, and rounded once. */
#include "kernels/kernels.h"
#include "ops/ops.h"
#include <stdio.h>

/* ---- Batches ---- */

typedef struct factor_job factor_job;
struct factor_job {
    void (*one)(factor_job *j, int64_t i, double *work); /* matrix i; work is the thread's own */
    const ct_tensor *a, *b;                              /* contiguous float or double */
    ct_tensor *out[3];
    int64_t m, n, k;
    size_t work; /* doubles */
    bool upper, left, unit, full, vectors;
    _Atomic int64_t failed; /* the first matrix without convergence, + 1 */
};

static void factor_range(void *context, int64_t begin, int64_t end)
{
    factor_job *j = context;
    double *work = ct__alloc((j->work + 1) * sizeof *work);
    if (!work)
        return;
    for (int64_t i = begin; i < end; i++)
        j->one(j, i, work);
    ct__free(work, (j->work + 1) * sizeof *work);
}

/* How many matrices of m x n a contiguous tensor holds, of its sizes alone: m or n may be 0. */
static int64_t factor_count(const ct_tensor *t, int64_t core)
{
    int64_t n = 1;
    for (int64_t i = 0; i < t->ndim - core; i++)
        n *= t->sizes[i];
    return n;
}

static bool factor_run(factor_job *j)
{
    if (!j->a->data && j->a->numel)
        return true; /* meta */
    double cost = (double)(j->m + 1) * (double)(j->n + 1) * (double)((j->m < j->n ? j->m : j->n) + j->k + 1);
    ct__parallel(factor_count(j->a, 2), cost > 1 << 16 ? 1 : ct__grain((int64_t)cost, 1 << 16), factor_range, j);
    return !ct__pending();
}

/* Matrix i (m, n) of a contiguous tensor as rows of doubles, or transposed as (n, m). */
static void factor_load(const ct_tensor *t, int64_t i, int64_t m, int64_t n, bool transposed, double *to)
{
    const double *wide = (const double *)t->data + i * m * n;
    const float *narrow = (const float *)t->data + i * m * n;
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n; c++)
            to[transposed ? c * m + r : r * n + c] = t->dtype == CT_FLOAT64 ? wide[r * n + c] : (double)narrow[r * n + c];
}

/* Rows of doubles (m, n), or transposed (n, m), as matrix i (m, n). */
static void factor_store(ct_tensor *t, int64_t i, int64_t m, int64_t n, bool transposed, const double *from)
{
    double *wide = (double *)t->data + i * m * n;
    float *narrow = (float *)t->data + i * m * n;
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < n; c++) {
            double v = from[transposed ? c * m + r : r * n + c];
            if (t->dtype == CT_FLOAT64)
                wide[r * n + c] = v;
            else
                narrow[r * n + c] = (float)v;
        }
}

static void factor_info(ct_tensor *t, int64_t i, int64_t v) { ((int32_t *)t->data)[i] = (int32_t)v; }

/* A new tensor of like's batch dimensions (all but the last two) and `core` more. */
static ct_tensor *factor_new(const ct_tensor *like, ct_dtype dtype, int64_t core, int64_t m, int64_t n)
{
    int64_t sizes[CT_MAX_DIMS], dims = like->ndim - 2;
    memcpy(sizes, like->sizes, sizeof sizes);
    sizes[dims] = m;
    sizes[dims + (core > 1)] = core > 1 ? n : m;
    return ct__new(dtype, ct__device_of(like), dims + core, sizes);
}

/* ---- Checks ---- */

static bool factor_check_dtype(const ct_tensor *a, const char *name)
{
    if (a->dtype == CT_FLOAT32 || a->dtype == CT_FLOAT64)
        return true;
    if (ct_is_floating((ct_dtype)a->dtype))
        return ct__fail(CT_ERR_RUNTIME, "%s: Low precision dtypes not supported. Got %s", name,
                        ct_dtype_type_name((ct_dtype)a->dtype)) != NULL;
    return ct__fail(CT_ERR_RUNTIME, "%s: Expected a floating point or complex tensor as input. Got %s", name,
                    ct_dtype_type_name((ct_dtype)a->dtype)) != NULL;
}

static bool factor_check_matrix(const ct_tensor *a, const char *name, const char *argument)
{
    return a->ndim >= 2 || ct__fail(CT_ERR_RUNTIME, "%s: The input tensor %s must have at least 2 dimensions.", name, argument);
}

static bool factor_check_square(const ct_tensor *a, const char *name)
{
    if (!factor_check_matrix(a, name, "A"))
        return false;
    int64_t m = a->sizes[a->ndim - 2], n = a->sizes[a->ndim - 1];
    return m == n || ct__fail(CT_ERR_RUNTIME, "%s: A must be batches of square matrices, but they are %lld by %lld matrices", name,
                              (long long)m, (long long)n);
}

static bool factor_checked(const ct_tensor *a, const char *name) { return factor_check_square(a, name) && factor_check_dtype(a, name); }

/* The first of info's numbers that is not 0, and as text which matrix of the batch it belongs to. */
static int64_t factor_bad(const ct_tensor *info, char *where, size_t size)
{
    where[0] = 0;
    for (int64_t i = 0; info->data && i < info->numel; i++)
        if (((const int32_t *)info->data)[i]) {
            if (info->ndim)
                snprintf(where, size, "(Batch element %lld): ", (long long)i);
            return ((const int32_t *)info->data)[i];
        }
    return 0;
}

static bool factor_singular(const ct_tensor *info, const char *name)
{
    char where[64];
    int64_t k = factor_bad(info, where, sizeof where);
    return !k || ct__fail(CT_ERR_LINALG, "%s: %sThe diagonal element %lld is zero, the inversion could not be completed because the input "
                          "matrix is singular.", name, where, (long long)k);
}

static bool factor_unsolved(const ct_tensor *info, const char *name)
{
    char where[64];
    return !factor_bad(info, where, sizeof where)
           || ct__fail(CT_ERR_LINALG, "%s: %sThe solver failed because the input matrix is singular.", name, where);
}

static bool factor_indefinite(const ct_tensor *info, const char *name)
{
    char where[64];
    int64_t k = factor_bad(info, where, sizeof where);
    return !k || ct__fail(CT_ERR_LINALG, "%s: %sThe factorization could not be completed because the input is not positive-definite (the "
                          "leading minor of order %lld is not positive-definite).", name, where, (long long)k);
}

/* False with an error where a matrix of the batch did not converge; why: what the matrix is or has. */
static bool factor_converged(const factor_job *j, const char *name, const char *why)
{
    char where[64] = "";
    if (j->failed && j->a->ndim > 2)
        snprintf(where, sizeof where, "(Batch element %lld): ", (long long)j->failed - 1);
    return !j->failed
           || ct__fail(CT_ERR_LINALG, "%s: %sThe algorithm failed to converge because the input matrix %s", name, where, why);
}

/* Frees what is there of the results where something failed. */
static bool factor_done(bool ok, int64_t n, ct_tensor **results)
{
    for (int64_t i = 0; i < n; i++)
        ok = ok && results[i];
    for (int64_t i = 0; !ok && i < n; i++) {
        if (results[i])
            ct_release(results[i]);
        results[i] = NULL;
    }
    return ok;
}

/* ---- Inverses and systems ---- */

/* P b: the rows of b (n, k) exchanged as the pivots say. */
static void factor_exchange(const int32_t *pivots, double *b, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; pivots[i] != i + 1 && c < k; c++) {
            double t = b[i * k + c];
            b[i * k + c] = b[(pivots[i] - 1) * k + c];
            b[(pivots[i] - 1) * k + c] = t;
        }
}

static void factor_solve_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n, k = j->k;
    double *a = work, *b = a + n * n;
    int32_t *pivots = (int32_t *)(b + n * k);
    factor_load(j->a, i, n, n, !j->left, a);
    if (j->b)
        factor_load(j->b, i, j->left ? n : k, j->left ? k : n, !j->left, b);
    else
        for (int64_t e = 0; e < n * n; e++)
            b[e] = e / n == e % n;
    int64_t zero = ct__k_factor.lu(a, n, n, pivots);
    factor_exchange(pivots, b, n, k);
    ct__k_factor.triangular(a, b, n, k, false, true);
    ct__k_factor.triangular(a, b, n, k, true, false);
    factor_store(j->out[0], i, j->left ? n : k, j->left ? k : n, !j->left, b);
    factor_info(j->out[1], i, zero);
}

bool ct__linalg_inv_ex(ct_tensor *A, bool check_errors, ct_tensor **results)
{
    if (!factor_checked(A, "linalg.inv"))
        return false;
    int64_t n = A->sizes[A->ndim - 1];
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    results[0] = factor_new(A, (ct_dtype)A->dtype, 2, n, n);
    results[1] = ct__new(CT_INT32, ct__device_of(A), A->ndim - 2, A->sizes);
    factor_job j = {.one = factor_solve_one, .a = a, .out = {results[0], results[1]}, .m = n, .n = n, .k = n, .left = true,
                    .work = (size_t)(n * n * 2 + n)};
    return factor_done(a && results[0] && results[1] && factor_run(&j) && (!check_errors || factor_singular(results[1], "linalg.inv_ex")),
                       2, results);
}

ct_tensor *ct__linalg_inv(ct_tensor *A)
{
    ct_linalg_inv_ex_result r = ct_linalg_inv_ex(A);
    return r.inverse && factor_singular(r.info, "linalg.inv") ? r.inverse : NULL;
}

ct_tensor *ct__inverse(ct_tensor *self) { return ct_linalg_inv(self); }

static bool factor_sizes_fit(const ct_tensor *a, int64_t rows, int64_t cols, bool left, const char *name)
{
    int64_t n = a->sizes[a->ndim - 1];
    return (left ? rows : cols) == n
           || ct__fail(CT_ERR_RUNTIME, "%s: Incompatible shapes of A and B for the equation %s = B (%lldx%lld and %lldx%lld)", name,
                       left ? "AX" : "XA", (long long)n, (long long)n, (long long)rows, (long long)cols);
}

/* The batch dimensions of a (all but the last two) and b (all but the last two) broadcast; both expanded and contiguous. */
static bool factor_broadcast(ct_tensor *a, ct_tensor *b, ct_tensor **x, ct_tensor **y)
{
    int64_t sizes[CT_MAX_DIMS] = {0}, n = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int64_t i = 0; i < n - 2; i++) {
        int64_t ia = i - (n - a->ndim), ib = i - (n - b->ndim), sa = ia < 0 ? 1 : a->sizes[ia], sb = ib < 0 ? 1 : b->sizes[ib];
        if (sa != sb && sa != 1 && sb != 1)
            return ct__fail(CT_ERR_RUNTIME, "The size of tensor a (%lld) must match the size of tensor b (%lld) at non-singleton dimension "
                            "%lld", (long long)sb, (long long)sa, (long long)i) != NULL;
        sizes[i] = sa == 1 ? sb : sa;
    }
    ct_tensor *t[2] = {a, b};
    for (int k = 0; k < 2; k++) {
        CT_COMPUTE();
        sizes[n - 2] = t[k]->sizes[t[k]->ndim - 2];
        sizes[n - 1] = t[k]->sizes[t[k]->ndim - 1];
        ct_tensor *wide = ct_expand(t[k], ((ct_ints){n, sizes}));
        *(k ? y : x) = wide ? ct__contiguous_of(wide) : NULL;
    }
    return *x && *y;
}

static bool factor_same_dtype(const ct_tensor *a, const ct_tensor *b, const char *name)
{
    return a->dtype == b->dtype
           || ct__fail(CT_ERR_RUNTIME, "%s: Expected A and B to have the same dtype, but found A of type %s and B of type %s instead", name,
                       ct_dtype_type_name((ct_dtype)a->dtype), ct_dtype_type_name((ct_dtype)b->dtype));
}

/* B counts as vectors: one, or as many as A has matrices. */
static bool factor_vectors(const ct_tensor *a, const ct_tensor *b)
{
    bool same = b->ndim == a->ndim - 1;
    for (int64_t i = 0; same && i < b->ndim; i++)
        same = a->sizes[i] == b->sizes[i];
    return b->ndim == 1 || same;
}

/* Of the broadcast batch's info what A's own batch has. Caller owns. */
static ct_tensor *factor_info_of(const ct_tensor *A, ct_tensor *info)
{
    if (!info->numel) {
        CT_AUTO ct_tensor *none = ct__new(CT_INT32, ct__device_of(A), A->ndim - 2, A->sizes);
        return none && (!none->data || ct__fill(none, ct_int_scalar(0))) ? ct_retain(none) : NULL;
    }
    CT_COMPUTE();
    ct_tensor *own = info;
    while (own && own->ndim > A->ndim - 2)
        own = ct_select(own, 0, 0);
    for (int64_t i = 0; own && i < own->ndim; i++)
        own = ct_narrow(own, i, 0, A->sizes[i]);
    return own ? ct__contiguous_of(own) : NULL;
}

static bool factor_solve(ct_tensor *A, ct_tensor *B, bool left, ct_tensor **results)
{
    const char *name = "linalg.solve";
    if (!factor_check_dtype(A, name) || !factor_check_square(A, name) || !factor_same_dtype(A, B, name))
        return false;
    CT_COMPUTE();
    bool vectors = factor_vectors(A, B);
    if (vectors && !left)
        return ct__fail(CT_ERR_RUNTIME, "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this "
                        "case linalg.solve is equivalent to B / A.squeeze(-1)") != NULL;
    ct_tensor *b = vectors ? ct_unsqueeze(B, -1) : B;
    if (!b || !factor_check_matrix(b, name, "B")
        || !factor_sizes_fit(A, b->sizes[b->ndim - 2], b->sizes[b->ndim - 1], left, name))
        return false;
    CT_AUTO ct_tensor *x = NULL;
    CT_AUTO ct_tensor *y = NULL;
    if (!factor_broadcast(A, b, &x, &y))
        return false;
    int64_t n = A->sizes[A->ndim - 1], k = b->sizes[b->ndim - (left ? 1 : 2)];
    CT_AUTO ct_tensor *out = ct__new((ct_dtype)A->dtype, ct__device_of(A), y->ndim, y->sizes);
    CT_AUTO ct_tensor *info = ct__new(CT_INT32, ct__device_of(A), y->ndim - 2, y->sizes);
    factor_job j = {.one = factor_solve_one, .a = x, .b = y, .out = {out, info}, .m = n, .n = n, .k = k, .left = left,
                    .work = (size_t)(n * n + n * k + n)};
    if (!out || !info || !factor_run(&j))
        return false;
    results[0] = vectors ? ct_retain(ct_squeeze_dim(out, -1)) : ct_retain(out);
    results[1] = factor_info_of(A, info);
    return factor_done(!ct__pending(), 2, results);
}

bool ct__linalg_solve_ex(ct_tensor *A, ct_tensor *B, bool left, bool check_errors, ct_tensor **results)
{
    if (!factor_solve(A, B, left, results))
        return false;
    return factor_done(!check_errors || factor_unsolved(results[1], "torch.linalg.solve_ex"), 2, results);
}

ct_tensor *ct__linalg_solve(ct_tensor *A, ct_tensor *B, bool left)
{
    ct_linalg_solve_ex_result r = ct_linalg_solve_ex(A, B, .left = left);
    return r.result && factor_unsolved(r.info, "torch.linalg.solve") ? r.result : NULL;
}

static ct_tensor *factor_t(ct_tensor *t) { return ct_transpose(t, -2, -1); }

bool ct__linalg_solve_backward(ct_tensor *grad, ct_tensor *A, ct_tensor *result, bool left, ct_tensor **results)
{
    bool vectors = result->ndim == A->ndim - 1;
    ct_tensor *gb = ct_linalg_solve_ex(factor_t(A), grad, .left = left).result;
    ct_tensor *x = vectors ? ct_unsqueeze(result, -1) : result, *g = vectors && gb ? ct_unsqueeze(gb, -1) : gb;
    if (!g)
        return false;
    results[0] = ct_neg(left ? ct_matmul(g, factor_t(x)) : ct_matmul(factor_t(x), g));
    results[1] = gb;
    return !ct__pending();
}

static void factor_triangular_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n, k = j->k;
    double *a = work, *b = a + n * n;
    factor_load(j->a, i, n, n, !j->left, a);
    factor_load(j->b, i, j->left ? n : k, j->left ? k : n, !j->left, b);
    ct__k_factor.triangular(a, b, n, k, j->upper == j->left, j->unit);
    factor_store(j->out[0], i, j->left ? n : k, j->left ? k : n, !j->left, b);
}

ct_tensor *ct__linalg_solve_triangular(ct_tensor *A, ct_tensor *B, bool upper, bool left, bool unitriangular)
{
    const char *name = "linalg.solve_triangular";
    if (!factor_check_square(A, name) || !factor_check_matrix(B, name, "B")
        || !factor_sizes_fit(A, B->sizes[B->ndim - 2], B->sizes[B->ndim - 1], left, name))
        return NULL;
    if (!ct_is_floating((ct_dtype)A->dtype) || ct__itemsize((ct_dtype)A->dtype) < 4)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"triangular_solve_cpu\" not implemented for '%s'",
                        ct_dtype_type_name((ct_dtype)A->dtype));
    if (!factor_same_dtype(A, B, name))
        return NULL;
    CT_AUTO ct_tensor *x = NULL;
    CT_AUTO ct_tensor *y = NULL;
    if (!factor_broadcast(A, B, &x, &y))
        return NULL;
    int64_t n = A->sizes[A->ndim - 1], k = B->sizes[B->ndim - (left ? 1 : 2)];
    ct_tensor *out = ct__new((ct_dtype)A->dtype, ct__device_of(A), y->ndim, y->sizes);
    factor_job j = {.one = factor_triangular_one, .a = x, .b = y, .out = {out}, .m = n, .n = n, .k = k, .left = left, .upper = upper,
                    .unit = unitriangular, .work = (size_t)(n * n + n * k)};
    return factor_done(out && factor_run(&j), 1, &out) ? out : NULL;
}

bool ct__linalg_solve_triangular_backward(ct_tensor *grad, ct_tensor *A, ct_tensor *result, bool upper, bool left, bool unitriangular,
                                          ct_tensor **results)
{
    ct_tensor *gb = ct_linalg_solve_triangular(factor_t(A), grad, !upper, .left = left, .unitriangular = unitriangular);
    ct_tensor *ga = ct_neg(left ? ct_matmul(gb, factor_t(result)) : ct_matmul(factor_t(result), gb));
    results[0] = upper ? ct_triu(ga, .diagonal = unitriangular) : ct_tril(ga, .diagonal = -(int64_t)unitriangular);
    results[1] = gb;
    return !ct__pending();
}

/* ---- LU and determinants ---- */

static void factor_lu_one(factor_job *j, int64_t i, double *work)
{
    int64_t k = j->m < j->n ? j->m : j->n;
    factor_load(j->a, i, j->m, j->n, false, work);
    factor_info(j->out[2], i, ct__k_factor.lu(work, j->m, j->n, (int32_t *)j->out[1]->data + i * k));
    factor_store(j->out[0], i, j->m, j->n, false, work);
}

bool ct__linalg_lu_factor_ex(ct_tensor *A, bool pivot, bool check_errors, ct_tensor **results)
{
    if (A->ndim < 2)
        return ct__fail(CT_ERR_RUNTIME, "torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: %s instead",
                        ct__shape_text(A));
    if (!factor_check_dtype(A, "torch.lu_factor"))
        return false;
    if (!pivot)
        return ct__fail(CT_ERR_RUNTIME, "linalg.lu_factor: LU without pivoting is not implemented on the CPU") != NULL;
    int64_t m = A->sizes[A->ndim - 2], n = A->sizes[A->ndim - 1], k = m < n ? m : n;
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    results[0] = factor_new(A, (ct_dtype)A->dtype, 2, m, n);
    results[1] = factor_new(A, CT_INT32, 1, k, 0);
    results[2] = ct__new(CT_INT32, ct__device_of(A), A->ndim - 2, A->sizes);
    factor_job j = {.one = factor_lu_one, .a = a, .out = {results[0], results[1], results[2]}, .m = m, .n = n, .work = (size_t)(m * n)};
    bool ok = a && results[0] && results[1] && results[2] && factor_run(&j);
    char where[64];
    int64_t bad = ok && check_errors ? factor_bad(results[2], where, sizeof where) : 0;
    if (bad)
        ok = ct__fail(CT_ERR_RUNTIME, "torch.linalg.lu_factor: %sU[%lld,%lld] is zero and using it on lu_solve would result in a division "
                      "by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                      "linalg.lu_factor_ex(A, pivot)", where, (long long)bad, (long long)bad) != NULL;
    return factor_done(ok, 3, results);
}

ct_tensor *ct__linalg_lu_permutation(ct_tensor *pivots, int64_t n)
{
    if (pivots->dtype != CT_INT32 || pivots->ndim < 1)
        return ct__fail(CT_ERR_RUNTIME, "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.");
    int64_t k = pivots->sizes[pivots->ndim - 1], sizes[CT_MAX_DIMS];
    memcpy(sizes, pivots->sizes, sizeof sizes);
    sizes[pivots->ndim - 1] = n;
    CT_AUTO ct_tensor *p = ct__contiguous_of(pivots);
    ct_tensor *out = p ? ct__new(CT_INT64, ct__device_of(pivots), pivots->ndim, sizes) : NULL;
    if (!out || !out->data || !p->data)
        return out;
    for (int64_t b = 0; b < factor_count(pivots, 1); b++) {
        int64_t *to = (int64_t *)out->data + b * n;
        const int32_t *from = (const int32_t *)p->data + b * k;
        for (int64_t i = 0; i < n; i++)
            to[i] = i;
        for (int64_t i = 0; i < k; i++) {
            if (i >= n || from[i] < 1 || from[i] > n) {
                ct_release(out);
                return ct__fail(CT_ERR_RUNTIME, "pivots passed to lu_solve must be between 1 and A.size(-2)."
                                "Did you properly call lu_factor?");
            }
            int64_t t = to[i];
            to[i] = to[from[i] - 1];
            to[from[i] - 1] = t;
        }
    }
    return out;
}

ct_tensor *ct__linalg_lu_factor_backward(ct_tensor *grad, ct_tensor *LU, ct_tensor *pivots)
{
    int64_t n = LU->sizes[LU->ndim - 1];
    if (LU->sizes[LU->ndim - 2] != n)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "the gradient of an LU factorization is implemented for square matrices");
    ct_tensor *inner = ct_add(ct_tril(ct_matmul(factor_t(ct_add(ct_tril(LU, .diagonal = -1), ct_eye(n, .dtype = (ct_dtype)LU->dtype))),
                                                ct_tril(grad, .diagonal = -1)), .diagonal = -1),
                              ct_triu(ct_matmul(ct_triu(grad), factor_t(ct_triu(LU)))));
    ct_tensor *left = ct_linalg_solve_triangular(factor_t(LU), inner, true, .unitriangular = true);
    ct_tensor *g = ct_linalg_solve_triangular(factor_t(LU), left, false, .left = false);
    ct_tensor *order = ct_argsort(ct_linalg_lu_permutation(pivots, n)); /* P^T: the rows back to their places */
    if (!g || !order)
        return NULL;
    return ct_gather(g, -2, ct_expand(ct_unsqueeze(order, -1), ct__sizes_of(g)));
}

static void factor_det_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n;
    int32_t *pivots = (int32_t *)(work + n * n);
    factor_load(j->a, i, n, n, false, work);
    ct__k_factor.lu(work, n, n, pivots);
    double product = 1, sign = 1, sum = 0;
    for (int64_t k = 0; k < n; k++) {
        double d = work[k * n + k] * (pivots[k] == k + 1 ? 1 : -1);
        product *= d;
        sum += log(fabs(d));
        sign = d == 0 ? 0 : d < 0 ? -sign : d > 0 ? sign : d;
    }
    for (int64_t k = 0; k < n; k++)
        if (work[k * n + k] == 0) {
            sign = 0;
            sum = -HUGE_VAL;
        }
    factor_store(j->out[0], i, 1, 1, false, j->out[1] ? &sign : &product);
    if (j->out[1])
        factor_store(j->out[1], i, 1, 1, false, &sum);
}

static bool factor_det(ct_tensor *A, int64_t count, ct_tensor **results)
{
    int64_t n = A->sizes[A->ndim - 1];
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    for (int64_t i = 0; a && i < count; i++)
        results[i] = ct__new((ct_dtype)A->dtype, ct__device_of(A), A->ndim - 2, A->sizes);
    bool ok = a && results[0] && results[count - 1];
    factor_job j = {.one = factor_det_one, .a = a, .m = n, .n = n, .work = (size_t)(n * n + n)};
    for (int64_t i = 0; i < count; i++)
        j.out[i] = results[i];
    return factor_done(ok && factor_run(&j), count, results);
}

ct_tensor *ct__linalg_det(ct_tensor *A)
{
    ct_tensor *r[1] = {NULL};
    return factor_checked(A, "linalg.det") && factor_det(A, 1, r) ? r[0] : NULL;
}

ct_tensor *ct__det(ct_tensor *self) { return ct_linalg_det(self); }

bool ct__linalg_slogdet(ct_tensor *A, ct_tensor **results) { return factor_checked(A, "linalg.slogdet") && factor_det(A, 2, results); }

bool ct__slogdet(ct_tensor *self, ct_tensor **results)
{
    ct_linalg_slogdet_result r = ct_linalg_slogdet(self);
    results[0] = r.sign;
    results[1] = r.logabsdet;
    return r.sign != NULL;
}

ct_tensor *ct__logdet(ct_tensor *self)
{
    if (!factor_checked(self, "logdet"))
        return NULL;
    ct_linalg_slogdet_result r = ct_linalg_slogdet(self);
    return r.sign ? ct_where(ct_eq(r.sign, -1), ct_number(ct_float_scalar(NAN)), r.logabsdet) : NULL;
}

ct_tensor *ct__linalg_slogdet_backward(ct_tensor *grad, ct_tensor *A)
{
    if (!grad)
        return ct_zeros_like(A);
    ct_tensor *inverse = ct_linalg_inv_ex(A).inverse;
    return inverse ? ct_mul(ct_unsqueeze(ct_unsqueeze(grad, -1), -1), factor_t(inverse)) : NULL;
}

/* ---- Singular values ---- */

/* Matrix i as U^T (k rows of m), S, Vh (k rows of n) in doubles; k = min(m, n), with `full` m and n rows. Columns that belong to
 * singular values of 0 are completed. False: no convergence. */
static bool factor_svd_rows(const ct_tensor *t, int64_t i, int64_t m, int64_t n, bool full, bool vectors, double *ut, double *s, double *vh,
                            double *work)
{
    bool tall = m >= n;
    int64_t k = tall ? n : m, length = tall ? m : n, rows = full ? length : k;
    double *across = tall ? ut : vh, *turns = tall ? vh : ut; /* tall: J A^T = S U^T; wide: J A = S Vh, U = J^T */
    factor_load(t, i, m, n, tall, across);
    for (int64_t e = 0; e < m * n; e++)
        if (!isfinite(across[e]))
            return false;
    if (!ct__k_factor.jacobi(across, vectors ? turns : NULL, s, k, length))
        return false;
    if (!vectors)
        return true;
    int64_t rank = 0;
    while (rank < k && s[rank] > 0 && s[rank] > s[0] * 1e-140)
        rank++;
    for (int64_t r = 0; r < rank; r++)
        for (int64_t c = 0; c < length; c++)
            across[r * length + c] /= s[r];
    ct__k_factor.complete(across, work, rank, rows, length);
    return true;
}

static void factor_fail_at(factor_job *j, int64_t i)
{
    int64_t none = 0;
    __atomic_compare_exchange_n((int64_t *)&j->failed, &none, i + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void factor_svd_one(factor_job *j, int64_t i, double *work)
{
    int64_t m = j->m, n = j->n, k = m < n ? m : n, um = j->full ? m : k, vn = j->full ? n : k;
    double *ut = work, *vh = ut + um * m, *s = vh + vn * n;
    if (!factor_svd_rows(j->a, i, m, n, j->full, j->vectors, ut, s, vh, s + k)) {
        factor_fail_at(j, i);
        return;
    }
    factor_store(j->out[1], i, k, 1, false, s);
    if (!j->vectors)
        return;
    factor_store(j->out[0], i, m, um, true, ut);
    factor_store(j->out[2], i, vn, n, false, vh);
}

static bool factor_svd(ct_tensor *A, bool full, bool vectors, ct_tensor **results)
{
    if (!factor_check_matrix(A, "linalg.svd", "A") || !factor_check_dtype(A, "linalg.svd"))
        return false;
    int64_t m = A->sizes[A->ndim - 2], n = A->sizes[A->ndim - 1], k = m < n ? m : n;
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    if (!a)
        return false;
    if (vectors) {
        results[0] = factor_new(A, (ct_dtype)A->dtype, 2, m, full ? m : k);
        results[2] = factor_new(A, (ct_dtype)A->dtype, 2, full ? n : k, n);
    }
    results[1] = factor_new(A, (ct_dtype)A->dtype, 1, k, 0);
    factor_job j = {.one = factor_svd_one, .a = a, .out = {results[0], results[1], results[2]}, .m = m, .n = n, .full = full,
                    .vectors = vectors, .work = (size_t)((full ? m : k) * m + (full ? n : k) * n + k + m + n)};
    bool ok = results[1] && (!vectors || (results[0] && results[2])) && factor_run(&j);
    ok = ok && factor_converged(&j, "linalg.svd", "contained non-finite values.");
    return vectors ? factor_done(ok, 3, results) : factor_done(ok, 1, results + 1);
}

bool ct__linalg_svd(ct_tensor *A, bool full_matrices, ct_tensor **results) { return factor_svd(A, full_matrices, true, results); }

ct_tensor *ct__linalg_svdvals_only(ct_tensor *A)
{
    ct_tensor *r[3] = {NULL, NULL, NULL};
    return factor_svd(A, false, false, r) ? r[1] : NULL;
}

static ct_tensor *factor_diagonal(ct_tensor *s) { return ct_diag_embed(s); }

ct_tensor *ct__linalg_svd_backward(ct_tensor *gU, ct_tensor *gS, ct_tensor *gVh, ct_tensor *U, ct_tensor *S, ct_tensor *Vh)
{
    int64_t m = U->sizes[U->ndim - 2], n = Vh->sizes[Vh->ndim - 1], k = S->sizes[S->ndim - 1];
    ct_tensor *u = ct_narrow(U, -1, 0, k), *vh = ct_narrow(Vh, -2, 0, k), *core = gS ? factor_diagonal(gS) : NULL;
    ct_tensor *row = ct_unsqueeze(S, -2), *column = ct_unsqueeze(S, -1), *square = ct_mul(S, S), *outer = NULL, *wide = NULL;
    if (!u || !vh || !square)
        return NULL;
    ct_tensor *gap = ct_add(ct_sub(ct_unsqueeze(square, -2), ct_unsqueeze(square, -1)), ct_eye(k, .dtype = (ct_dtype)S->dtype));
    if (gU) {
        ct_tensor *g = ct_narrow(gU, -1, 0, k), *p = ct_matmul(factor_t(u), g);
        ct_tensor *part = ct_mul(ct_div(ct_sub(p, factor_t(p)), gap), row);
        core = core ? ct_add(core, part) : part;
        if (m > k)
            outer = ct_div(ct_sub(g, ct_matmul(u, p)), row);
    }
    if (gVh) {
        ct_tensor *g = ct_narrow(gVh, -2, 0, k), *p = ct_matmul(vh, factor_t(g));
        ct_tensor *part = ct_mul(column, ct_div(ct_sub(p, factor_t(p)), gap));
        core = core ? ct_add(core, part) : part;
        if (n > k)
            wide = ct_matmul(u, ct_div(ct_sub(g, ct_matmul(factor_t(p), vh)), column));
    }
    if (!core)
        return ct_matmul(ct_mul(u, 0), vh);
    ct_tensor *left = ct_matmul(u, core);
    ct_tensor *g = ct_matmul(outer ? ct_add(left, outer) : left, vh);
    return wide ? ct_add(g, wide) : g;
}

bool ct__svd(ct_tensor *self, bool some, bool compute_uv, ct_tensor **results)
{
    ct_linalg_svd_result r = ct_linalg_svd(self, .full_matrices = compute_uv && !some);
    if (!r.U)
        return false;
    int64_t m = self->sizes[self->ndim - 2], n = self->sizes[self->ndim - 1], sizes[CT_MAX_DIMS];
    memcpy(sizes, self->sizes, sizeof sizes);
    sizes[self->ndim - 1] = m;
    results[0] = compute_uv ? r.U : ct_zeros(((ct_ints){self->ndim, sizes}), .dtype = (ct_dtype)self->dtype);
    results[1] = r.S;
    sizes[self->ndim - 2] = sizes[self->ndim - 1] = n;
    results[2] = compute_uv ? factor_t(r.Vh) : ct_zeros(((ct_ints){self->ndim, sizes}), .dtype = (ct_dtype)self->dtype);
    return !ct__pending();
}

/* det(A) A^-T: with A = U S Vh it is det(U) det(Vh) U diag(the product of the other singular values) Vh. */
static void factor_cofactor_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n;
    double *ut = work, *vh = ut + n * n, *s = vh + n * n, *others = s + n, *lu = others + n, sign = 1;
    int32_t *pivots = (int32_t *)(lu + n * n);
    if (!factor_svd_rows(j->a, i, n, n, false, true, ut, s, vh, others)) {
        for (int64_t e = 0; e < n * n; e++)
            lu[e] = NAN;
        factor_store(j->out[0], i, n, n, false, lu);
        return;
    }
    for (int side = 0; side < 2; side++) {
        memcpy(lu, side ? vh : ut, (size_t)(n * n) * sizeof *lu);
        ct__k_factor.lu(lu, n, n, pivots);
        for (int64_t k = 0; k < n; k++)
            sign *= (lu[k * n + k] < 0) == (pivots[k] == k + 1) ? -1 : 1;
    }
    for (int64_t r = 0; r < n; r++) {
        others[r] = sign;
        for (int64_t k = 0; k < n; k++)
            others[r] *= k == r ? 1 : s[k];
    }
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += ut[k * n + r] * others[k] * vh[k * n + c];
            lu[r * n + c] = sum;
        }
    factor_store(j->out[0], i, n, n, false, lu);
}

ct_tensor *ct__linalg_cofactor(ct_tensor *A)
{
    if (!factor_checked(A, "linalg.det"))
        return NULL;
    int64_t n = A->sizes[A->ndim - 1];
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    ct_tensor *out = a ? factor_new(A, (ct_dtype)A->dtype, 2, n, n) : NULL;
    factor_job j = {.one = factor_cofactor_one, .a = a, .out = {out}, .m = n, .n = n, .work = (size_t)(3 * n * n + 4 * n)};
    return factor_done(out && factor_run(&j), 1, &out) ? out : NULL;
}

ct_tensor *ct__linalg_cofactor_backward(ct_tensor *grad, ct_tensor *A, ct_tensor *result)
{
    ct_tensor *inverse = ct_linalg_inv_ex(A).inverse;
    if (!inverse)
        return NULL;
    ct_tensor *whole = ct_sum(ct_mul(grad, result), .dim = CT_INTS(-2, -1), .keepdim = true);
    return ct_sub(ct_mul(whole, factor_t(inverse)), ct_matmul(ct_matmul(result, factor_t(grad)), factor_t(inverse)));
}

/* ---- Cholesky ---- */

static void factor_cholesky_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n;
    factor_load(j->a, i, n, n, j->upper, work);
    factor_info(j->out[1], i, ct__k_factor.cholesky(work, n));
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = r + 1; c < n; c++)
            work[r * n + c] = 0;
    factor_store(j->out[0], i, n, n, j->upper, work);
}

bool ct__linalg_cholesky_ex(ct_tensor *self, bool upper, bool check_errors, ct_tensor **results)
{
    if (!factor_checked(self, "linalg.cholesky"))
        return false;
    int64_t n = self->sizes[self->ndim - 1];
    CT_AUTO ct_tensor *a = ct__contiguous_of(self);
    results[0] = factor_new(self, (ct_dtype)self->dtype, 2, n, n);
    results[1] = ct__new(CT_INT32, ct__device_of(self), self->ndim - 2, self->sizes);
    factor_job j = {.one = factor_cholesky_one, .a = a, .out = {results[0], results[1]}, .m = n, .n = n, .upper = upper,
                    .work = (size_t)(n * n)};
    return factor_done(a && results[0] && results[1] && factor_run(&j)
                       && (!check_errors || factor_indefinite(results[1], "linalg.cholesky_ex")), 2, results);
}

ct_tensor *ct__linalg_cholesky(ct_tensor *self, bool upper)
{
    ct_linalg_cholesky_ex_result r = ct_linalg_cholesky_ex(self, .upper = upper);
    return r.L && factor_indefinite(r.info, "linalg.cholesky") ? r.L : NULL;
}

ct_tensor *ct__linalg_cholesky_backward(ct_tensor *grad, ct_tensor *L, bool upper)
{
    ct_tensor *l = upper ? factor_t(L) : L, *g = upper ? factor_t(grad) : grad, *p = ct_tril(ct_matmul(factor_t(l), g));
    ct_tensor *symmetric = ct_mul(ct_add(p, factor_t(ct_tril(p, .diagonal = -1))), 0.5);
    ct_tensor *left = ct_linalg_solve_triangular(factor_t(l), symmetric, true);
    return ct_linalg_solve_triangular(l, left, false, .left = false);
}

/* ---- QR ---- */

static void factor_qr_one(factor_job *j, int64_t i, double *work)
{
    int64_t m = j->m, n = j->n, k = j->k, least = m < n ? m : n;
    double *a = work, *tau = a + m * n, *row = tau + least, *q = row + (m > n ? m : n);
    factor_load(j->a, i, m, n, false, a);
    ct__k_factor.qr(a, tau, row, m, n);
    if (j->vectors) {
        ct__k_factor.qr_q(a, tau, q, row, m, n, k);
        factor_store(j->out[0], i, m, k, false, q);
    }
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = 0; c < r && c < n; c++)
            a[r * n + c] = 0;
    factor_store(j->out[1], i, k, n, false, a);
}

bool ct__linalg_qr(ct_tensor *A, const char *mode, ct_tensor **results)
{
    bool complete = !strcmp(mode, "complete"), only = !strcmp(mode, "r");
    if (!complete && !only && strcmp(mode, "reduced"))
        return ct__fail(CT_ERR_RUNTIME, "qr received unrecognized mode '%s' but expected one of 'reduced' (default), 'r', or 'complete'",
                        mode) != NULL;
    if (!factor_check_matrix(A, "linalg.qr", "A") || !factor_check_dtype(A, "linalg.qr"))
        return false;
    int64_t m = A->sizes[A->ndim - 2], n = A->sizes[A->ndim - 1], least = m < n ? m : n, k = complete ? m : least;
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    if (!a)
        return false;
    int64_t none = 0;
    results[0] = only ? ct__new((ct_dtype)A->dtype, ct__device_of(A), 1, &none) : factor_new(A, (ct_dtype)A->dtype, 2, m, k);
    results[1] = factor_new(A, (ct_dtype)A->dtype, 2, k, n);
    factor_job j = {.one = factor_qr_one, .a = a, .out = {results[0], results[1]}, .m = m, .n = n, .k = k, .vectors = !only,
                    .work = (size_t)(m * n + least + (m > n ? m : n) + m * k)};
    return factor_done(results[0] && results[1] && factor_run(&j), 2, results);
}

ct_tensor *ct__linalg_qr_backward(ct_tensor *gQ, ct_tensor *gR, ct_tensor *Q, ct_tensor *R, const char *mode)
{
    if (!strcmp(mode, "r"))
        return ct__fail(CT_ERR_RUNTIME, "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                        "linalg.qr(A, mode='reduced') if you are going to require gradients");
    int64_t m = Q->sizes[Q->ndim - 2], k = Q->sizes[Q->ndim - 1], n = R->sizes[R->ndim - 1];
    if (k == m && m > n)
        return ct__fail(CT_ERR_RUNTIME, "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.");
    ct_tensor *square = R, *gsquare = gR, *rest = NULL;
    if (n > k) { /* A = Q [R1 R2]: the columns beyond the square send Q gR2 back, and A2 gR2^T to Q */
        square = ct_narrow(R, -1, 0, k);
        if (gR) {
            ct_tensor *g2 = ct_narrow(gR, -1, k, n - k), *toward = ct_matmul(ct_matmul(Q, ct_narrow(R, -1, k, n - k)), factor_t(g2));
            gsquare = ct_narrow(gR, -1, 0, k);
            rest = ct_matmul(Q, g2);
            gQ = gQ ? ct_add(gQ, toward) : toward;
        }
    }
    ct_tensor *p = gsquare ? ct_matmul(square, factor_t(gsquare)) : NULL;
    if (gQ) {
        ct_tensor *own = ct_matmul(factor_t(gQ), Q);
        p = p ? ct_sub(p, own) : ct_neg(own);
    }
    if (!p)
        return NULL;
    ct_tensor *low = ct_add(ct_tril(p), factor_t(ct_tril(p, .diagonal = -1))); /* the lower triangle, mirrored */
    ct_tensor *g = ct_matmul(Q, low);
    g = ct_linalg_solve_triangular(factor_t(square), gQ ? ct_add(gQ, g) : g, false, .left = false);
    if (n == k)
        return g;
    ct_tensor *parts[2] = {g, rest ? rest : ct_mul(ct_matmul(Q, ct_narrow(R, -1, k, n - k)), 0)};
    return ct_cat(((ct_tensors){2, parts}), .dim = -1);
}

bool ct__qr(ct_tensor *self, bool some, ct_tensor **results)
{
    ct_linalg_qr_result r = ct_linalg_qr(self, .mode = some ? "reduced" : "complete");
    results[0] = r.Q;
    results[1] = r.R;
    return r.Q != NULL;
}

/* ---- Eigenvalues of symmetric matrices ---- */

static void factor_eigh_one(factor_job *j, int64_t i, double *work)
{
    int64_t n = j->n;
    double *a = work, *w = a + n * n;
    bool ok = true;
    factor_load(j->a, i, n, n, j->upper, a);
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c <= r; c++)
            ok = ok && isfinite(a[r * n + c]);
    if (ok && !ct__k_factor.eigh(a, w, w + n, n, j->vectors))
        factor_fail_at(j, i);
    for (int64_t e = 0; !ok && e < n * n + n; e++)
        a[e] = NAN;
    factor_store(j->out[0], i, n, 1, false, w);
    if (j->vectors)
        factor_store(j->out[1], i, n, n, true, a);
}

static bool factor_eigh(ct_tensor *A, const char *uplo, int64_t count, ct_tensor **results)
{
    if (!factor_check_square(A, "linalg.eigh"))
        return false;
    if (strcmp(uplo, "L") && strcmp(uplo, "U") && strcmp(uplo, "l") && strcmp(uplo, "u"))
        return ct__fail(CT_ERR_RUNTIME, "Expected UPLO argument to be 'L' or 'U', but got %s", uplo) != NULL;
    if (A->dtype != CT_FLOAT32 && A->dtype != CT_FLOAT64)
        return ct__fail(CT_ERR_NOT_IMPLEMENTED, "\"linalg_eigh_cpu\" not implemented for '%s'",
                        ct_dtype_type_name((ct_dtype)A->dtype)) != NULL;
    int64_t n = A->sizes[A->ndim - 1];
    CT_AUTO ct_tensor *a = ct__contiguous_of(A);
    if (!a)
        return false;
    results[0] = factor_new(A, (ct_dtype)A->dtype, 1, n, 0);
    if (count > 1)
        results[1] = factor_new(A, (ct_dtype)A->dtype, 2, n, n);
    factor_job j = {.one = factor_eigh_one, .a = a, .out = {results[0], count > 1 ? results[1] : NULL}, .m = n, .n = n,
                    .upper = uplo[0] == 'U' || uplo[0] == 'u', .vectors = count > 1, .work = (size_t)(n * n + 3 * n)};
    bool ok = results[0] && results[count - 1] && factor_run(&j);
    ok = ok && factor_converged(&j, "linalg.eigh", "is ill-conditioned or has too many repeated eigenvalues (error code: 1).");
    return factor_done(ok, count, results);
}

bool ct__linalg_eigh(ct_tensor *A, const char *UPLO, ct_tensor **results) { return factor_eigh(A, UPLO, 2, results); }

ct_tensor *ct__linalg_eigvals_symmetric(ct_tensor *A, const char *UPLO)
{
    ct_tensor *r[1] = {NULL};
    return factor_eigh(A, UPLO, 1, r) ? r[0] : NULL;
}

ct_tensor *ct__linalg_eigh_backward(ct_tensor *gw, ct_tensor *gV, ct_tensor *w, ct_tensor *V)
{
    int64_t n = w->sizes[w->ndim - 1];
    if (!gV && !gw)
        return NULL;
    if (!gV)
        return ct_matmul(ct_mul(V, ct_unsqueeze(gw, -2)), factor_t(V));
    ct_tensor *eye = ct_eye(n, .dtype = (ct_dtype)w->dtype), *p = ct_matmul(factor_t(V), gV);
    ct_tensor *gap = ct_add(ct_sub(ct_unsqueeze(w, -2), ct_unsqueeze(w, -1)), eye);
    ct_tensor *core = ct_div(ct_mul(ct_sub(p, factor_t(p)), 0.5), gap); /* the diagonal is 0 */
    if (gw)
        core = ct_add(core, factor_diagonal(gw));
    return ct_matmul(ct_matmul(V, core), factor_t(V));
}

/* ---- The pseudoinverse ---- */

ct_tensor *ct__linalg_pinv_tolerance(ct_tensor *A, double atol, double rtol, bool hermitian)
{
    CT_COMPUTE();
    if (!A->numel) {
        int64_t sizes[CT_MAX_DIMS];
        if (!factor_check_matrix(A, "linalg.pinv", "A"))
            return NULL;
        memcpy(sizes, A->sizes, sizeof sizes);
        sizes[A->ndim - 2] = A->sizes[A->ndim - 1];
        sizes[A->ndim - 1] = A->sizes[A->ndim - 2];
        return ct__new((ct_dtype)A->dtype, ct__device_of(A), A->ndim, sizes);
    }
    ct_tensor *left, *values, *right;
    if (hermitian) {
        ct_linalg_eigh_result r = ct_linalg_eigh(A);
        left = r.eigenvectors, values = r.eigenvalues, right = left ? factor_t(left) : NULL;
    } else {
        ct_linalg_svd_result r = ct_linalg_svd(A, .full_matrices = false);
        left = r.Vh ? factor_t(r.Vh) : NULL, values = r.S, right = r.U ? factor_t(r.U) : NULL;
    }
    if (!left || !right)
        return NULL;
    ct_tensor *size = ct_abs(values), *most = ct_amax(size, .dim = CT_INTS(-1), .keepdim = true);
    ct_tensor *limit = ct_clamp(ct_mul(most, rtol), .min = ct_num(atol));
    ct_tensor *inverse = ct_where(ct_gt(size, limit), ct_reciprocal(values), ct_zeros_like(values));
    return ct_retain(ct_matmul(ct_mul(left, ct_unsqueeze(inverse, -2)), right));
}

/* -P^T G P^T + (I - A P) G^T P P^T + P^T P G^T (I - P A), from dP = -P dA P + P P^T dA^T (I - A P) + (I - P A) dA^T P^T P. */
ct_tensor *ct__linalg_pinv_backward(ct_tensor *grad, ct_tensor *pinv, ct_tensor *A)
{
    ct_tensor *p = factor_t(pinv), *g = factor_t(grad);
    ct_tensor *first = ct_matmul(ct_matmul(p, grad), p), *over = ct_matmul(ct_matmul(g, pinv), p);
    ct_tensor *under = ct_matmul(p, ct_matmul(pinv, g));
    ct_tensor *second = ct_sub(over, ct_matmul(A, ct_matmul(pinv, over))), *third = ct_sub(under, ct_matmul(ct_matmul(under, pinv), A));
    return ct_add(ct_sub(second, first), third);
}
