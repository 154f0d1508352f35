/* Tensors without ops: making, geometry, element types and their conversions, promotion, shape arithmetic,
 * copies, printing. */
#include "tensor/print.h"
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
#define CHECK_ERROR(kind, words) check_error(kind, words, __LINE__)

static const ct_device cpu = {CT_CPU, 0};

static void test_dtypes(void)
{
    CHECK(ct_promote_types(CT_UINT8, CT_INT8) == CT_INT16
          && ct_promote_types(CT_FLOAT16, CT_BFLOAT16) == CT_FLOAT32);
    CHECK(ct_promote_types(CT_INT64, CT_FLOAT16) == CT_FLOAT16
          && ct_promote_types(CT_BOOL, CT_UINT8) == CT_UINT8);
    CHECK(!strcmp(ct_dtype_name(CT_FLOAT32), "float32") && !strcmp(ct_dtype_type_name(CT_INT64), "Long")
          && ct_dtype_size(CT_INT16) == 2);
    CHECK(ct_can_cast(CT_INT64, CT_FLOAT16) && !ct_can_cast(CT_FLOAT32, CT_INT64));
    for (uint32_t h = 0; h < 65536; h++) { /* half -> float -> half keeps every number */
        float f = ct__half_to_float((uint16_t)h);
        if (f == f)
            CHECK(ct__float_to_half(f) == h);
        float b = ct__bfloat_to_float((uint16_t)h);
        if (b == b)
            CHECK(ct__float_to_bfloat(b) == h);
    }
    CHECK(ct__float_to_half(65519.0f) == 0x7bff && ct__float_to_half(65520.0f) == 0x7c00
          && ct__float_to_half(1 + 0x1p-11f) == 0x3c00);
    uint64_t raw = 0;
    ct__store_scalar(CT_INT32, &raw, ct_float_scalar(3e9));
    CHECK(ct__load_int(CT_INT32, &raw) == INT32_MIN);
    ct__store_scalar(CT_INT64, &raw, ct_float_scalar(NAN));
    CHECK(ct__load_int(CT_INT64, &raw) == INT64_MIN);
    ct__store_scalar(CT_UINT8, &raw, ct_float_scalar(-1));
    CHECK(ct__load_int(CT_UINT8, &raw) == 255);
    ct__store_scalar(CT_UINT8, &raw, ct_int_scalar(300));
    CHECK(ct__load_int(CT_UINT8, &raw) == 44);
    CHECK(!ct_set_default_dtype(CT_INT64));
    CHECK_ERROR(CT_ERR_TYPE, "only floating-point types");
}

static void test_casts(void)
{
    CT_SCOPE();
    const double values[] = {3e9, NAN, -1, 300, 1.5, -2.5, 0, 1e30, -1e30, 65504};
    ct_tensor *x = ct_tensor_from_doubles(values, CT_SHAPE(10), CT_FLOAT64);
    CHECK(x);
    for (ct_dtype to = CT_UINT8; to <= CT_FLOAT64; to++) { /* whole tensors convert as single elements do */
        CT_AUTO ct_tensor *y = ct__cast(x, to);
        for (int64_t i = 0; y && i < 10; i++) {
            uint64_t raw = 0;
            ct__store_scalar(to, &raw, ct_float_scalar(values[i]));
            double want = ct__load_double(to, &raw), got = ct_float_at(y, i);
            CHECK(want == got || (want != want && got != got));
        }
    }
}

static void test_geometry(void)
{
    CT_SCOPE();
    int64_t sizes[] = {2, 3, 4}, strides[CT_MAX_DIMS];
    CT_AUTO ct_tensor *t = ct__new(CT_FLOAT32, cpu, 3, sizes);
    CHECK(t && t->contiguous && t->numel == 24 && ct_stride(t, 0) == 12 && ct_size(t, -1) == 4);
    CT_AUTO ct_tensor *turned = ct__new_view(t, 0, 3, (int64_t[]){4, 3, 2}, (int64_t[]){1, 4, 12});
    CHECK(turned && !turned->contiguous && turned->storage == t->storage);
    CT_AUTO ct_tensor *like = ct__new_like(turned, CT_FLOAT64);
    CHECK(like && like->strides[0] == 1 && like->strides[2] == 12);
    CHECK(ct__view_strides(t, 2, (int64_t[]){6, 4}, strides) && strides[0] == 4);
    CHECK(!ct__view_strides(turned, 1, (int64_t[]){24}, strides) && ct_ok());
    CHECK(ct__wrap_dim(-1, 3) == 2 && ct__wrap_dim(-1, 0) == 0);
    CHECK(ct__wrap_dim(2, 2) == -1);
    CHECK_ERROR(CT_ERR_INDEX, "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
    int64_t out[CT_MAX_DIMS], ndim;
    CHECK(ct__infer_size(CT_INTS(2, -1), 6, out) && out[1] == 3);
    CHECK(!ct__infer_size(CT_INTS(4, 2), 6, out));
    CHECK_ERROR(CT_ERR_RUNTIME, "shape '[4, 2]' is invalid for input of size 6");
    CHECK(!ct__infer_size(CT_INTS(-1, -1), 6, out));
    CHECK_ERROR(CT_ERR_RUNTIME, "only one dimension can be inferred");
    CT_AUTO ct_tensor *a = ct__new(CT_FLOAT32, cpu, 2, (int64_t[]){2, 3});
    CT_AUTO ct_tensor *b = ct__new(CT_FLOAT32, cpu, 1, (int64_t[]){4});
    CHECK(a && b);
    CHECK(!ct__broadcast(2, (ct_tensor *const[]){a, b}, &ndim, out));
    CHECK_ERROR(CT_ERR_RUNTIME,
                "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1");
    CT_AUTO ct_tensor *c = ct__new(CT_FLOAT32, cpu, 3, (int64_t[]){5, 1, 3});
    CHECK(c);
    CHECK(ct__broadcast(2, (ct_tensor *const[]){a, c}, &ndim, out) && ndim == 3 && out[0] == 5 && out[1] == 2
          && out[2] == 3);
    uint32_t mask;
    CHECK(!ct__dim_mask(CT_INTS(0, -2), 2, true, &mask));
    CHECK_ERROR(CT_ERR_RUNTIME, "dim 0 appears multiple times in the list of dims");
    CHECK(!ct__new(CT_FLOAT32, cpu, 2, (int64_t[]){INT64_MAX / 2, 8}));
    CHECK_ERROR(CT_ERR_RUNTIME, "Storage size calculation overflowed");
    CHECK(ct_tensor_over(t, CT_FLOAT32, 20, CT_INTS(5), CT_INTS(1)) == NULL);
    CHECK_ERROR(CT_ERR_RUNTIME, "out of bounds for storage");
}

static int released;
static void release(void *context) { released += *(int *)context; }

static void test_memory(void)
{
    int one = 1;
    float data[6] = {0, 1, 2, 3, 4, 5};
    {
        CT_SCOPE();
        ct_tensor *t = ct_from_data(data, CT_SHAPE(2, 3), .release = release, .context = &one);
        CHECK(t && ct_data(t) == data && ct_float_at(t, 4) == 4);
        CT_AUTO ct_tensor *v = ct__new_view(t, 1, 1, (int64_t[]){2}, (int64_t[]){3});
        CHECK(v && ct_float_at(v, 1) == 4 && ct_storage_offset(v) == 1);
        ct_bump_version(v);
        CHECK(ct_version(t) == 1);
        CHECK(released == 0);
    }
    CHECK(released == 1);
    {
        CT_SCOPE();
        CHECK(ct_item(ct_number_float(2.5)) == 2.5 && ct_is_number(ct_number_int(3)));
        CHECK(ct_item(ct_from_data(data, CT_SHAPE(2))) == 0);
        CHECK_ERROR(CT_ERR_RUNTIME, "a Tensor with 2 elements cannot be converted to Scalar");
    }
    int64_t before = ct__alloc_live();
    for (int64_t sizes[1] = {1}; sizes[0] < 100000; sizes[0] *= 3)
        ct_release(ct__new(CT_FLOAT64, cpu, 1, sizes));
    CHECK(ct__alloc_live() == before);
}

/* Copies between all kinds of geometry against an element-by-element copy. */
static void test_copies(void)
{
    const int64_t shapes[][3] = {{3, 5, 7}, {1, 40, 41}, {33, 1, 64}, {2, 64, 70}};
    const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}};
    for (int s = 0; s < 4; s++)
        for (int to = 0; to < 5; to++)
            for (int from = 0; from < 5; from++)
                for (int cast = 0; cast < 2; cast++) {
                    CT_SCOPE();
                    ct_tensor *t[2];
                    for (int k = 0; k < 2; k++) {
                        const int *order = orders[k ? from : to];
                        int64_t strides[3], stride = 1;
                        for (int d = 2; d >= 0; d--) {
                            strides[order[d]] = stride;
                            stride *= shapes[s][order[d]];
                        }
                        t[k] = ct_adopt(
                            ct__new_strided(k && cast ? CT_INT32 : CT_FLOAT32, cpu, 3, shapes[s], strides));
                    }
                    CHECK(t[0] && t[1]);
                    for (int64_t i = 0; i < t[1]->numel; i++)
                        ct__store_scalar((ct_dtype)t[1]->dtype, t[1]->data + i * 4, ct_int_scalar(i));
                    CHECK(ct__copy(t[0], t[1]));
                    bool equal = true;
                    for (int64_t i = 0; i < t[0]->numel; i++)
                        equal = equal && ct_float_at(t[0], i) == ct_float_at(t[1], i);
                    CHECK(equal);
                }
    CT_SCOPE();
    ct_tensor *x = ct_tensor_from_ints((int64_t[]){1, 2, 3}, CT_SHAPE(3), CT_INT64);
    CT_AUTO ct_tensor *wide = ct__new(CT_FLOAT16, cpu, 2, (int64_t[]){2, 3}),
                      *bad = ct__new(CT_FLOAT16, cpu, 2, (int64_t[]){2, 2});
    CHECK(x && wide && bad);
    CHECK(ct__copy(wide, x) && ct_float_at(wide, 5) == 3);
    CHECK(!ct__copy(bad, x));
    CHECK_ERROR(CT_ERR_RUNTIME, "must match");
    CHECK(ct__fill(wide, ct_float_scalar(1.5)) && ct_float_at(wide, 3) == 1.5);
    CT_AUTO ct_tensor *row = ct__new_view(x, 0, 1, (int64_t[]){2}, (int64_t[]){1}),
                      *next = ct__new_view(x, 1, 1, (int64_t[]){2}, (int64_t[]){1});
    CHECK(row && next);
    CHECK(ct__copy(next, row) && ct_int_at(x, 1) == 1 && ct_int_at(x, 2) == 2); /* overlapping memory */
}

static void check_text(ct_tensor *t, const char *want, int line)
{
    char *text = ct_to_string(t);
    if (!text || strcmp(text, want)) {
        faults_leave();
        failures++;
        fprintf(stderr, "line %d: prints\n%s\ninstead of\n%s\n", line, text ? text : ct_error_message(),
                want);
    }
    ct_free_string(text);
}
#define CHECK_TEXT(t, want) check_text(t, want, __LINE__)

static void test_print(void)
{
    CT_SCOPE();
    CHECK_TEXT(ct_tensor_from_doubles((double[]){1, 2.5, -3, 1e-3}, CT_SHAPE(2, 2), CT_FLOAT32),
               "tensor([[ 1.0000e+00,  2.5000e+00],\n        [-3.0000e+00,  1.0000e-03]])");
    CHECK_TEXT(ct_tensor_from_doubles((double[]){1, NAN, -INFINITY}, CT_SHAPE(3), CT_FLOAT64),
               "tensor([1., nan, -inf], dtype=torch.float64)");
    CHECK_TEXT(ct_tensor_from_ints((int64_t[]){1, 0}, CT_SHAPE(2), CT_BOOL), "tensor([ True, False])");
    CHECK_TEXT(ct_tensor_from_ints(NULL, CT_SHAPE(0, 3), CT_INT64),
               "tensor([], size=(0, 3), dtype=torch.int64)");
    CHECK_TEXT(ct_tensor_from_doubles((double[]){3.14159}, CT_SHAPE(), CT_FLOAT32), "tensor(3.1416)");
    CT_AUTO ct_tensor *big = ct__new(CT_INT64, cpu, 1, (int64_t[]){1001});
    CHECK(big);
    for (int64_t i = 0; i < 1001; i++)
        ((int64_t *)big->data)[i] = i;
    CHECK_TEXT(big, "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
    CT_AUTO ct_tensor *meta = ct__new(CT_FLOAT32, (ct_device){CT_META, 0}, 1, (int64_t[]){2});
    CHECK_TEXT(meta, "tensor(..., device='meta', size=(2,))");
    ct_print_options o = ct_get_print_options(), was = o;
    o.legacy = true;
    ct_set_print_options(o);
    CHECK_TEXT(ct_tensor_from_doubles((double[]){38.5849}, CT_SHAPE(), CT_FLOAT32),
               "\n 38.5849\n[torch.FloatTensor of size 1]\n");
    CHECK_TEXT(ct_tensor_from_doubles((double[]){0, 0.5, 1, 2}, CT_SHAPE(2, 2), CT_FLOAT32),
               "\n 0.0000  0.5000\n 1.0000  2.0000\n[torch.FloatTensor of size 2x2]\n");
    CHECK_TEXT(ct_tensor_from_ints(NULL, CT_SHAPE(0), CT_FLOAT32), "[torch.FloatTensor with no dimension]\n");
    ct_set_print_options(was);
}

/* Every allocation of a piece of work fails once. */
static void test_faults(void)
{
    bool done = false;
    for (int64_t k = 0; !done && k < 200; k++) {
        CT_SCOPE();
        ct__alloc_fail_after(k);
        ct_tensor *x = ct_tensor_from_ints((int64_t[]){1, 2, 3, 4}, CT_SHAPE(2, 2), CT_INT32);
        ct_tensor *y = x ? ct_adopt(ct__cast(x, CT_FLOAT16)) : NULL;
        ct_tensor *v = y ? ct_adopt(ct__new_view(y, 0, 2, (int64_t[]){2, 2}, (int64_t[]){1, 2})) : NULL;
        ct_tensor *c = v ? ct_adopt(ct__contiguous_of(v)) : NULL;
        char *text = c ? ct_to_string(c) : NULL;
        ct__alloc_fail_after(-1);
        done = text != NULL;
        CHECK(done || ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
        ct_free_string(text);
    }
    CHECK(done);
}

int main(void)
{
    test_dtypes();
    test_casts();
    test_geometry();
    test_memory();
    test_copies();
    test_print();
    if (!faults_on())
        test_faults();
    printf(failures ? "%d failures\n" : "ok\n", failures);
    return failures != 0;
}
