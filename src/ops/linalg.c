/* Matrix products: checks, layouts and the cut into pieces; the arithmetic is kernels/cpu/gemm.c's. */
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "ops/matrix.h"

typedef struct linalg_job { ct__gemm_job gemm; int64_t round; void *shared; } linalg_job;

static void linalg_pack(void *context, int64_t begin, int64_t end)
{
    const linalg_job *j = context;
    ct__k_gemm.pack(&j->gemm, j->round, j->shared, begin, end);
}

static void linalg_run(void *context, int64_t begin, int64_t end)
{
    const linalg_job *j = context;
    ct__k_gemm.run(&j->gemm, j->round, j->shared, begin, end);
}

static void linalg_blas(void *context, int64_t begin, int64_t end)
{
    const linalg_job *j = context;
    ct__blas_run(&j->gemm, begin, end);
}

/* Which of a matrix's strides is the unit one, and the other as leading dimension. */
static bool linalg_transposed(int64_t rows, int64_t cols, int64_t row, int64_t col, int64_t *ld)
{
    if (col == 1 || cols == 1) {
        *ld = rows > 1 ? row : cols;
        return false;
    }
    *ld = cols > 1 ? col : rows;
    return true;
}

bool ct__gemm(ct_dtype dtype, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t a_row, int64_t a_col, const void *b,
              int64_t b_row, int64_t b_col, double beta, const void *d, int64_t ldd, void *c)
{
    if (m == 0 || n == 0)
        return true;
    if (n == 1 && m > 1 && b_row == 1 && (beta == 0 || ldd == 1)) { /* a column is made as the row c^T = B^T A^T */
        const void *t = a;
        int64_t row = a_row, col = a_col;
        a = b, a_row = k, a_col = 1;
        b = t, b_row = col, b_col = row;
        n = m, m = 1;
        ldd = n;
    }
    linalg_job j = {.gemm = {.f64 = dtype == CT_FLOAT64, .m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .a = a, .b = b,
                             .d = beta == 0 ? c : d, .ldd = beta == 0 ? n : ldd, .c = c, .ldc = n}};
    j.gemm.ta = linalg_transposed(m, k, a_row, a_col, &j.gemm.lda);
    j.gemm.tb = linalg_transposed(k, n, b_row, b_col, &j.gemm.ldb);
    if (n == 1 && b_row == 1) { /* a dense column is a row of the transpose: sums run along it */
        j.gemm.tb = true;
        j.gemm.ldb = k;
    }
    if ((double)m * (double)n * (double)k < 1 << 18) {
        ct__k_gemm.whole(&j.gemm);
        return true;
    }
    if (ct__blas_plan(&j.gemm)) {
        ct__parallel(j.gemm.pieces, 1, linalg_blas, &j);
        return true;
    }
    ct__k_gemm.plan(&j.gemm);
    if (j.gemm.packs && !(j.shared = ct__alloc(j.gemm.shared_bytes)))
        return false;
    int64_t grain = j.gemm.packs ? ct__grain((int64_t)j.gemm.shared_bytes / (j.gemm.f64 ? 8 : 4) / j.gemm.packs, 1 << 16) : 1;
    for (; j.round < j.gemm.rounds; j.round++) {
        ct__parallel(j.gemm.packs, grain, linalg_pack, &j);
        ct__parallel(j.gemm.pieces, 1, linalg_run, &j);
    }
    if (j.shared)
        ct__free(j.shared, j.gemm.shared_bytes);
    return true;
}

static bool linalg_fits(int64_t rows, int64_t cols, int64_t row, int64_t col)
{
    return (cols == 1 || col == 1) ? (rows == 1 || row >= (cols > 1 ? cols : 1)) : ((rows == 1 || row == 1) && col >= rows);
}

ct_tensor *ct__gemm_operand(ct_tensor *t)
{
    if (t->dtype != CT_FLOAT32 && t->dtype != CT_FLOAT64) {
        CT_AUTO ct_tensor *wide = ct__cast(t, CT_FLOAT32);
        return wide ? ct__contiguous_of(wide) : NULL;
    }
    if (linalg_fits(t->sizes[0], t->sizes[1], t->strides[0], t->strides[1]))
        return ct_retain(t);
    return ct__contiguous_of(t);
}

bool ct__mm_check(const ct_tensor *a, const ct_tensor *b)
{
    if (a->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "self must be a matrix") != NULL;
    if (b->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "mat2 must be a matrix") != NULL;
    if (a->sizes[1] != b->sizes[0])
        return ct__fail(CT_ERR_RUNTIME, "mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)", (long long)a->sizes[0],
                        (long long)a->sizes[1], (long long)b->sizes[0], (long long)b->sizes[1]) != NULL;
    if (a->dtype != b->dtype)
        return ct__fail(CT_ERR_RUNTIME, "expected m1 and m2 to have the same dtype, but got: %s != %s", ct__c_type_name((ct_dtype)a->dtype),
                        ct__c_type_name((ct_dtype)b->dtype)) != NULL;
    return true;
}

/* Products of integers, in int64 with wrap-around. */
static bool linalg_integer(const ct_tensor *a, const ct_tensor *b, ct_tensor *out)
{
    int64_t m = a->sizes[0], k = a->sizes[1], n = b->sizes[1], size = ct__itemsize(a->dtype);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            uint64_t sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum += (uint64_t)ct__load_int((ct_dtype)a->dtype, a->data + (i * a->strides[0] + p * a->strides[1]) * size)
                     * (uint64_t)ct__load_int((ct_dtype)b->dtype, b->data + (p * b->strides[0] + j * b->strides[1]) * size);
            ct__store_scalar((ct_dtype)out->dtype, out->data + (i * out->strides[0] + j * out->strides[1]) * size, ct_int_scalar((int64_t)sum));
        }
    return true;
}

/* out (m, n), contiguous, = alpha * a @ b + beta * d; d broadcasts to (m, n) and may be NULL where beta is 0. */
static bool linalg_product(ct_tensor *out, ct_tensor *a, ct_tensor *b, double alpha, double beta, ct_tensor *d)
{
    if (!out->data)
        return true;
    if (ct_is_integral((ct_dtype)a->dtype, true))
        return linalg_integer(a, b, out);
    CT_AUTO ct_tensor *x = ct__gemm_operand(a);
    CT_AUTO ct_tensor *y = ct__gemm_operand(b);
    int64_t n = out->ndim ? out->sizes[out->ndim - 1] : 1, ldd = n;
    CT_AUTO ct_tensor *z = x && y ? ct__cast(out, (ct_dtype)x->dtype) : NULL; /* out itself but for half-width floats */
    if (!z)
        return false;
    const void *from = z->data;
    if (beta != 0) {
        int64_t rows = d->ndim > 1 ? d->sizes[d->ndim - 2] : 1, columns = d->ndim ? d->sizes[d->ndim - 1] : 1;
        if (d->dtype == z->dtype && columns == n && (n == 1 || d->strides[d->ndim - 1] == 1)) { /* read where it lies */
            from = d->data;
            ldd = rows == 1 ? 0 : d->strides[d->ndim - 2];
        } else if (!ct__copy(z, d))
            return false;
    }
    return ct__gemm((ct_dtype)x->dtype, x->sizes[0], y->sizes[1], x->sizes[1], alpha, x->data, x->strides[0], x->strides[1], y->data,
                    y->strides[0], y->strides[1], beta, from, ldd, z->data)
           && (z == out || ct__copy(out, z));
}

static ct_tensor *linalg_new2(const ct_tensor *like, int64_t m, int64_t n)
{
    int64_t sizes[2] = {m, n};
    return ct__new((ct_dtype)like->dtype, ct__device_of(like), 2, sizes);
}

static ct_tensor *linalg_checked(ct_tensor *out, bool ok)
{
    if (ok)
        return out;
    ct_release(out);
    return NULL;
}

ct_tensor *ct__mm(ct_tensor *self, ct_tensor *mat2)
{
    if (!ct__mm_check(self, mat2))
        return NULL;
    ct_tensor *out = linalg_new2(self, self->sizes[0], mat2->sizes[1]);
    return out ? linalg_checked(out, linalg_product(out, self, mat2, 1, 0, NULL)) : NULL;
}

/* beta or alpha as the dtype has it: of a fraction integers keep the whole part. */
static bool linalg_factor(ct_dtype dtype, ct_scalar *s)
{
    if (!ct__scalar_fits(*s, dtype))
        return false;
    if (ct_is_integral(dtype, true) && s->kind == CT_SCALAR_FLOAT)
        *s = ct_int_scalar(dtype == CT_BOOL ? s->f != 0 : (int64_t)s->f);
    return true;
}

ct_tensor *ct__addmm(ct_tensor *self, ct_tensor *mat1, ct_tensor *mat2, ct_scalar beta, ct_scalar alpha)
{
    if (mat1->ndim != 2 || mat2->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "%s must be a matrix, got %d-D tensor", mat1->ndim != 2 ? "mat1" : "mat2",
                        mat1->ndim != 2 ? mat1->ndim : mat2->ndim);
    if (!ct__mm_check(mat1, mat2))
        return NULL;
    if (self->dtype != mat1->dtype)
        return ct__fail(CT_ERR_RUNTIME, "self and mat2 must have the same dtype, but got %s and %s", ct_dtype_type_name((ct_dtype)self->dtype),
                        ct_dtype_type_name((ct_dtype)mat2->dtype));
    int64_t sizes[2] = {mat1->sizes[0], mat2->sizes[1]};
    ct_tensor *out = linalg_new2(mat1, sizes[0], sizes[1]);
    if (!out)
        return NULL;
    double b = ct_scalar_double(beta), a = ct_scalar_double(alpha);
    if (ct_is_integral((ct_dtype)mat1->dtype, true)) {
        bool ok = linalg_factor((ct_dtype)mat1->dtype, &beta) && linalg_factor((ct_dtype)mat1->dtype, &alpha)
                  && linalg_integer(mat1, mat2, out);
        CT_COMPUTE();
        ct_tensor *sum = ok ? ct_add(ct_mul(out, ct_number(alpha)), ct_mul(self, ct_number(beta))) : NULL;
        return linalg_checked(out, sum && ct__copy(out, sum));
    }
    bool ok = true;
    if (b != 0) {
        for (int i = 0; i < 2; i++) {
            int64_t k = self->ndim - 2 + i;
            int64_t have = k < 0 ? 1 : self->sizes[k];
            if (have != 1 && have != sizes[i])
                ok = ct__fail(CT_ERR_RUNTIME, "The expanded size of the tensor (%lld) must match the existing size (%lld) at non-singleton "
                              "dimension %d.  Target sizes: %s.  Tensor sizes: %s", (long long)sizes[i], (long long)have, i,
                              ct__ints_text(2, sizes), ct__shape_text(self)) != NULL;
        }
    }
    return linalg_checked(out, ok && linalg_product(out, mat1, mat2, a, b, self));
}

ct_tensor *ct__mv(ct_tensor *self, ct_tensor *vec)
{
    if (self->ndim != 2 || vec->ndim != 1)
        return ct__fail(CT_ERR_RUNTIME, "vector + matrix @ vector expected, got %d, %d", self->ndim, vec->ndim);
    if (self->sizes[1] != vec->sizes[0])
        return ct__fail(CT_ERR_RUNTIME, "size mismatch, got input (%lld), mat (%lldx%lld), vec (%lld)", (long long)self->sizes[0],
                        (long long)self->sizes[0], (long long)self->sizes[1], (long long)vec->sizes[0]);
    if (self->dtype != vec->dtype)
        return ct__fail(CT_ERR_RUNTIME, "expected m1 and m2 to have the same dtype, but got: %s != %s", ct__c_type_name((ct_dtype)self->dtype),
                        ct__c_type_name((ct_dtype)vec->dtype));
    int64_t sizes[2] = {vec->sizes[0], 1}, strides[2] = {vec->strides[0], 1};
    CT_AUTO ct_tensor *column = ct__new_view(vec, vec->offset, 2, sizes, strides);
    ct_tensor *out = column ? ct__new((ct_dtype)self->dtype, ct__device_of(self), 1, self->sizes) : NULL;
    if (!out)
        return NULL;
    int64_t osizes[2] = {self->sizes[0], 1}, ostrides[2] = {1, 1};
    CT_AUTO ct_tensor *target = ct__new_view(out, out->offset, 2, osizes, ostrides);
    return linalg_checked(out, target && linalg_product(target, self, column, 1, 0, NULL));
}

ct_tensor *ct__dot(ct_tensor *self, ct_tensor *tensor)
{
    if (self->ndim != 1 || tensor->ndim != 1)
        return ct__fail(CT_ERR_RUNTIME, "1D tensors expected, but got %dD and %dD tensors", self->ndim, tensor->ndim);
    if (self->dtype != tensor->dtype)
        return ct__fail(CT_ERR_RUNTIME, "dot : expected both vectors to have same dtype, but found %s and %s",
                        ct_dtype_type_name((ct_dtype)self->dtype), ct_dtype_type_name((ct_dtype)tensor->dtype));
    if (self->numel != tensor->numel)
        return ct__fail(CT_ERR_RUNTIME, "inconsistent tensor size, expected tensor %s and src %s to have the same number of elements, but got "
                        "%lld and %lld elements respectively", ct__shape_text(self), ct__shape_text(tensor), (long long)self->numel,
                        (long long)tensor->numel);
    int64_t rsizes[2] = {1, self->numel}, rstrides[2] = {self->numel, self->strides[0]};
    CT_AUTO ct_tensor *row = ct__new_view(self, self->offset, 2, rsizes, rstrides);
    int64_t csizes[2] = {tensor->numel, 1}, cstrides[2] = {tensor->strides[0], 1};
    CT_AUTO ct_tensor *column = ct__new_view(tensor, tensor->offset, 2, csizes, cstrides);
    ct_tensor *out = row && column ? ct__new((ct_dtype)self->dtype, ct__device_of(self), 0, NULL) : NULL;
    if (!out)
        return NULL;
    int64_t ones[2] = {1, 1};
    CT_AUTO ct_tensor *target = ct__new_view(out, out->offset, 2, ones, ones);
    return linalg_checked(out, target && linalg_product(target, row, column, 1, 0, NULL));
}

ct_tensor *ct__outer(ct_tensor *self, ct_tensor *vec2)
{
    if (self->ndim != 1 || vec2->ndim != 1)
        return ct__fail(CT_ERR_RUNTIME, "outer: Expected 1-D argument %s, but got %d-D", self->ndim != 1 ? "self" : "vec2",
                        self->ndim != 1 ? self->ndim : vec2->ndim);
    return ct_mul(ct_unsqueeze(self, 1), ct_unsqueeze(vec2, 0));
}

typedef struct linalg_batch {
    ct_dtype dtype;
    int64_t m, n, k, as, ar, ac, bs, br, bc, size;
    const char *a, *b;
    char *c;
} linalg_batch;

static void linalg_batch_range(void *context, int64_t begin, int64_t end)
{
    const linalg_batch *j = context;
    bool ok = true;
    for (int64_t i = begin; i < end && ok; i++)
        ok = ct__gemm(j->dtype, j->m, j->n, j->k, 1, j->a + i * j->as * j->size, j->ar, j->ac, j->b + i * j->bs * j->size, j->br, j->bc,
                      0, NULL, 0, j->c + i * j->m * j->n * j->size);
}

ct_tensor *ct__bmm(ct_tensor *self, ct_tensor *mat2)
{
    if (self->ndim != 3)
        return ct__fail(CT_ERR_RUNTIME, "batch1 must be a 3D tensor");
    if (mat2->ndim != 3)
        return ct__fail(CT_ERR_RUNTIME, "batch2 must be a 3D tensor");
    if (self->sizes[0] != mat2->sizes[0] || self->sizes[2] != mat2->sizes[1])
        return ct__fail(CT_ERR_RUNTIME, "Expected size for first two dimensions of batch2 tensor to be: [%lld, %lld] but got: [%lld, %lld].",
                        (long long)self->sizes[0], (long long)self->sizes[2], (long long)mat2->sizes[0], (long long)mat2->sizes[1]);
    if (self->dtype != mat2->dtype)
        return ct__fail(CT_ERR_RUNTIME, "expected scalar type %s but found %s", ct_dtype_type_name((ct_dtype)self->dtype),
                        ct_dtype_type_name((ct_dtype)mat2->dtype));
    int64_t sizes[3] = {self->sizes[0], self->sizes[1], mat2->sizes[2]};
    ct_tensor *out = ct__new((ct_dtype)self->dtype, ct__device_of(self), 3, sizes);
    if (!out || !out->data || out->numel == 0)
        return out;
    bool direct = self->dtype == CT_FLOAT32 || self->dtype == CT_FLOAT64;
    if (!direct) {
        for (int64_t i = 0; i < sizes[0]; i++) {
            CT_AUTO ct_tensor *a = ct__new_view(self, self->offset + i * self->strides[0], 2, self->sizes + 1, self->strides + 1);
            CT_AUTO ct_tensor *b = ct__new_view(mat2, mat2->offset + i * mat2->strides[0], 2, mat2->sizes + 1, mat2->strides + 1);
            CT_AUTO ct_tensor *c = ct__new_view(out, out->offset + i * out->strides[0], 2, out->sizes + 1, out->strides + 1);
            if (!a || !b || !c || !linalg_product(c, a, b, 1, 0, NULL)) {
                ct_release(out);
                return NULL;
            }
        }
        return out;
    }
    CT_AUTO ct_tensor *a = linalg_fits(sizes[1], self->sizes[2], self->strides[1], self->strides[2]) ? ct_retain(self) : ct__contiguous_of(self);
    CT_AUTO ct_tensor *b = linalg_fits(mat2->sizes[1], sizes[2], mat2->strides[1], mat2->strides[2]) ? ct_retain(mat2) : ct__contiguous_of(mat2);
    if (!a || !b) {
        ct_release(out);
        return NULL;
    }
    linalg_batch j = {(ct_dtype)self->dtype, sizes[1], sizes[2], a->sizes[2], a->strides[0], a->strides[1], a->strides[2], b->strides[0],
                      b->strides[1], b->strides[2], ct__itemsize(self->dtype), a->data, b->data, out->data};
    int64_t cost = j.m * j.n * (j.k + 1);
    if (cost >= 1 << 20)
        linalg_batch_range(&j, 0, sizes[0]); /* each product is split itself */
    else
        ct__parallel(sizes[0], ct__grain(cost, 1 << 19), linalg_batch_range, &j);
    return linalg_checked(out, !ct__pending());
}

ct_tensor *ct__baddbmm(ct_tensor *self, ct_tensor *batch1, ct_tensor *batch2, ct_scalar beta, ct_scalar alpha)
{
    ct_tensor *p = ct_bmm(batch1, batch2);
    if (!p || !linalg_factor((ct_dtype)p->dtype, &beta) || !linalg_factor((ct_dtype)p->dtype, &alpha))
        return NULL;
    if (ct_scalar_double(alpha) != 1)
        p = ct_mul(p, ct_number(alpha));
    if (ct_scalar_double(beta) == 0)
        return p;
    return ct_add(p, ct_scalar_double(beta) == 1 ? self : ct_mul(self, ct_number(beta)));
}

ct_tensor *ct__matmul(ct_tensor *self, ct_tensor *other)
{
    int64_t a = self->ndim, b = other->ndim;
    if (a == 0 || b == 0)
        return ct__fail(CT_ERR_RUNTIME, "both arguments to matmul need to be at least 1D, but they are %lldD and %lldD", (long long)a, (long long)b);
    if (a == 1 && b == 1)
        return ct_dot(self, other);
    if (a == 2 && b == 1)
        return ct_mv(self, other);
    if (a == 1 && b == 2)
        return ct_squeeze__dim(ct_mm(ct_unsqueeze(self, 0), other), 0);
    if (a == 2 && b == 2)
        return ct_mm(self, other);
    if (b <= 2 && a >= 3) { /* the batch of the left folds into its rows */
        int64_t sizes[CT_MAX_DIMS], k = self->sizes[a - 1];
        memcpy(sizes, self->sizes, sizeof sizes);
        ct_tensor *rows = ct_reshape(self, CT_INTS(self->numel / (k ? k : 1), k));
        if (b == 1)
            return ct_unsafe_view(ct_mv(rows, other), ((ct_ints){a - 1, sizes}));
        sizes[a - 1] = other->sizes[1];
        return ct_unsafe_view(ct_mm(rows, other), ((ct_ints){a, sizes}));
    }
    if (a == 1)
        return ct_squeeze_dim(ct_matmul(ct_unsqueeze(self, 0), other), -2);
    if (b == 1)
        return ct_squeeze_dim(ct_matmul(self, ct_unsqueeze(other, 1)), -1);
    /* Batches broadcast against each other. */
    int64_t la = a > 2 ? a - 2 : 0, lb = b > 2 ? b - 2 : 0, n = la > lb ? la : lb, sizes[CT_MAX_DIMS], product = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t sa = i < n - la ? 1 : self->sizes[i - (n - la)], sb = i < n - lb ? 1 : other->sizes[i - (n - lb)];
        if (sa != sb && sa != 1 && sb != 1)
            return ct__fail(CT_ERR_RUNTIME, "The size of tensor a (%lld) must match the size of tensor b (%lld) at non-singleton dimension %lld",
                            (long long)sa, (long long)sb, (long long)i);
        sizes[i] = sa == 1 ? sb : sa;
        product *= sizes[i];
    }
    int64_t rows = self->sizes[a - 2], inner = self->sizes[a - 1], inner_b = other->sizes[b - 2], cols = other->sizes[b - 1];
    sizes[n] = rows;
    sizes[n + 1] = inner;
    ct_tensor *x = ct_reshape(ct_expand(self, ((ct_ints){n + 2, sizes})), CT_INTS(product, rows, inner));
    sizes[n] = inner_b;
    sizes[n + 1] = cols;
    ct_tensor *y = ct_reshape(ct_expand(other, ((ct_ints){n + 2, sizes})), CT_INTS(product, inner_b, cols));
    sizes[n] = rows;
    return ct_unsafe_view(ct_bmm(x, y), ((ct_ints){n + 2, sizes}));
}

/* ---- linear ---- */

ct_tensor *ct__linear(ct_tensor *input, ct_tensor *weight, ct_tensor *bias)
{
    if (input->ndim == 0 || weight->ndim == 0)
        return ct__fail(CT_ERR_RUNTIME, "both arguments to linear need to be at least 1D, but they are %dD and %dD", input->ndim, weight->ndim);
    if (weight->ndim != 2)
        return ct__fail(CT_ERR_RUNTIME, "linear(): weight must have two dimensions (out, in), got %s", ct__shape_text(weight));
    int64_t in = input->sizes[input->ndim - 1], out_features = weight->sizes[0], rows = in ? input->numel / in : 1, sizes[CT_MAX_DIMS];
    if (in == 0)
        for (int64_t i = 0; i < input->ndim - 1; i++)
            rows *= input->sizes[i];
    if (in != weight->sizes[1])
        return ct__fail(CT_ERR_RUNTIME, "mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)", (long long)rows, (long long)in,
                        (long long)weight->sizes[1], (long long)out_features);
    if (input->dtype != weight->dtype || (bias && bias->dtype != weight->dtype))
        return ct__fail(CT_ERR_RUNTIME, "mat1 and mat2 must have the same dtype, but got %s and %s",
                        ct_dtype_type_name((ct_dtype)input->dtype),
                        ct_dtype_type_name((ct_dtype)(input->dtype != weight->dtype ? weight->dtype : bias->dtype)));
    if (bias && (bias->ndim > 1 || (bias->numel != out_features && bias->numel != 1)))
        return ct__fail(CT_ERR_RUNTIME, "The expanded size of the tensor (%lld) must match the existing size (%lld) at non-singleton "
                        "dimension %d.  Target sizes: [%lld, %lld].  Tensor sizes: %s", (long long)out_features, (long long)bias->numel,
                        1, (long long)rows, (long long)out_features, ct__shape_text(bias));
    memcpy(sizes, input->sizes, sizeof sizes);
    sizes[input->ndim - 1] = out_features;
    ct_tensor *out = ct__new((ct_dtype)input->dtype, ct__device_of(input), input->ndim, sizes);
    if (!out || !out->data || out->numel == 0)
        return out;
    int64_t flat_in[2] = {rows, in}, flat_out[2] = {rows, out_features}, strides_out[2] = {out_features, 1}, strides[2];
    CT_AUTO ct_tensor *x = ct__view_strides(input, 2, flat_in, strides) ? ct__new_view(input, input->offset, 2, flat_in, strides) : NULL;
    if (!x && !ct__pending()) {
        CT_AUTO ct_tensor *dense = ct__contiguous_of(input);
        int64_t dense_strides[2] = {in, 1};
        x = dense ? ct__new_view(dense, dense->offset, 2, flat_in, dense_strides) : NULL;
    }
    int64_t wsizes[2] = {in, out_features}, wstrides[2] = {weight->strides[1], weight->strides[0]};
    CT_AUTO ct_tensor *w = ct__new_view(weight, weight->offset, 2, wsizes, wstrides);
    CT_AUTO ct_tensor *y = ct__new_view(out, out->offset, 2, flat_out, strides_out);
    return linalg_checked(out, x && w && y && linalg_product(y, x, w, 1, bias ? 1 : 0, bias));
}

ct_tensor *ct__linear_weight_grad(ct_tensor *grad, ct_tensor *input)
{
    if (grad->ndim == 2 && input->ndim == 2)
        return ct_mm(ct_t(grad), input);
    int64_t out_features = grad->sizes[grad->ndim - 1], in = input->sizes[input->ndim - 1];
    int64_t rows = 1;
    for (int64_t i = 0; i < grad->ndim - 1; i++)
        rows *= grad->sizes[i];
    return ct_mm(ct_t(ct_reshape(grad, CT_INTS(rows, out_features))), ct_reshape(input, CT_INTS(rows, in)));
}

ct_tensor *ct__linear_bias_grad(ct_tensor *grad)
{
    if (grad->ndim == 1)
        return grad;
    int64_t dims[CT_MAX_DIMS];
    for (int64_t i = 0; i < grad->ndim - 1; i++)
        dims[i] = i;
    return ct_sum(grad, .dim = ((ct_ints){grad->ndim - 1, dims}));
}
