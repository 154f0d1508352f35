/* Element types for loops. A dtype is a number as in <ctorch/tensor.h> (1 uint8, 2 int8, 3 int16, 4 int32, 5
 * int64, 6 bool, 7 float16, 8 bfloat16, 9 float32, 10 float64). Arithmetic is done in three classes only:
 * float, double and int64; a dtype's own class is the one that holds it exactly. Conversions go through
 * blocks of memory: load to the own class, change class, store. */
#ifndef CT_KERNELS_CONVERT_H
#define CT_KERNELS_CONVERT_H

enum {
    CT_CLASS_F32,
    CT_CLASS_F64,
    CT_CLASS_I64,
    CT_CLASS_BOOL,
    CT_NUM_CLASSES
}; /* BOOL: results of comparisons, uint8 0 or 1 */

typedef void ct__load_fn(void *to, const char *from, int64_t stride,
                         int64_t n); /* stride in bytes; `to` dense */
typedef void ct__store_fn(char *to, int64_t stride, const void *from, int64_t n);
typedef void ct__class_fn(void *to, const void *from,
                          int64_t n); /* may work in place where sizes are equal */

typedef struct ct__convert_kernels {
    ct__load_fn *load[11];
    ct__store_fn *store[CT_NUM_CLASSES][11];
    ct__class_fn *change[3][3];
    /* A block turned round: to[i * to_row + k] = from[k * from_row + i] for ni x nk elements of 4 (or 8) bytes; rows in
     * elements. */
    void (*turn4)(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_row, int64_t ni, int64_t nk);
    void (*turn8)(uint64_t *to, int64_t to_row, const uint64_t *from, int64_t from_row, int64_t ni, int64_t nk);
} ct__convert_kernels;

static inline int ct__class_of(int dtype)
{
    return dtype == 10 ? CT_CLASS_F64 : dtype >= 7 ? CT_CLASS_F32 : CT_CLASS_I64;
}
static inline int64_t ct__class_size(int class)
{
    return class == CT_CLASS_F32 ? 4 : class == CT_CLASS_BOOL ? 1 : 8;
}
#endif
