/* Conversions between element types, a block at a time, and blocks turned round. Out of range: as x86 does (the most negative
 * number; narrower integers keep the low bits). Half-width floats round to nearest even.
 *
 * Turning: eight rows of eight 4-byte elements (four of four 8-byte ones) are read as vectors, exchanged in three (two) rounds
 * and written as eight rows; what is left at the edges goes element by element.
 *
 *     from  a0 a1 .. a7        to  a0 b0 .. h0
 *           b0 b1 .. b7   ->       a1 b1 .. h1      round r exchanges halves of 1, 2 and 4 elements
 *           ...                    ...
 *
 * Measured from Python on one Zen 3 core, 1000 x 1000 floats in tiles of 32 x 32: 2.1 ms element by element, 2.0 by vectors,
 * 0.4 once the tile below is fetched meanwhile (its rows are a page apart, which no hardware foresees). */
#include "kernels/kernels.h"

static inline float convert_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static inline float convert_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = (uint32_t)(h & 0x7fff) << 13, u;
    bool special = (a & 0x0f800000) == 0x0f800000; /* inf and nan */
    float f = convert_bits(special ? a + 0x70000000 : a + 0x38000000);
    f = h & 0x7c00 ? f : convert_bits(a + 0x38800000) - convert_bits(0x38800000); /* subnormal */
    memcpy(&u, &f, 4);
    return convert_bits(u | sign);
}

static inline uint16_t convert_to_half(float f)
{
    uint32_t u, a;
    memcpy(&u, &f, 4);
    uint32_t sign = u >> 16 & 0x8000;
    a = u & 0x7fffffff;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000)
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) {
        float g;
        memcpy(&g, &a, 4);
        g += 0.5f;
        memcpy(&a, &g, 4);
        return (uint16_t)(sign | (a - 0x3f000000));
    }
    return (uint16_t)(sign | (a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13);
}

static inline float convert_bfloat(uint16_t h) { return convert_bits((uint32_t)h << 16); }

static inline uint16_t convert_to_bfloat(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return f != f ? 0x7fc0 : (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline int64_t convert_to_i64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }
static inline int32_t convert_to_i32(double v) { return v >= -0x1p31 && v < 0x1p31 ? (int32_t)v : INT32_MIN; }

#define CONVERT_LOAD(name, S, T, expression) \
    static void convert_load_##name(void *to, const char *from, int64_t stride, int64_t n) \
    { \
        T *t = to; \
        if (stride == (int64_t)sizeof(S)) { \
            const S *s = (const S *)from; \
            for (int64_t i = 0; i < n; i++) { S v = s[i]; t[i] = expression; } \
        } else { \
            for (int64_t i = 0; i < n; i++) { S v = *(const S *)(from + i * stride); t[i] = expression; } \
        } \
    }
CONVERT_LOAD(u8, uint8_t, int64_t, v)
CONVERT_LOAD(i8, int8_t, int64_t, v)
CONVERT_LOAD(i16, int16_t, int64_t, v)
CONVERT_LOAD(i32, int32_t, int64_t, v)
CONVERT_LOAD(i64, int64_t, int64_t, v)
CONVERT_LOAD(bool, uint8_t, int64_t, v != 0)
CONVERT_LOAD(f16, uint16_t, float, convert_half(v))
CONVERT_LOAD(bf16, uint16_t, float, convert_bfloat(v))
CONVERT_LOAD(f32, float, float, v)
CONVERT_LOAD(f64, double, double, v)

#define CONVERT_STORE(class, S, name, T, expression) \
    static void convert_store_##class##_##name(char *to, int64_t stride, const void *from, int64_t n) \
    { \
        const S *s = from; \
        if (stride == (int64_t)sizeof(T)) { \
            T *t = (T *)to; \
            for (int64_t i = 0; i < n; i++) { S v = s[i]; t[i] = (T)(expression); } \
        } else { \
            for (int64_t i = 0; i < n; i++) { S v = s[i]; *(T *)(to + i * stride) = (T)(expression); } \
        } \
    }
#define CONVERT_STORES(class, S, to64, to32) \
    CONVERT_STORE(class, S, u8, uint8_t, to64) \
    CONVERT_STORE(class, S, i8, int8_t, to64) \
    CONVERT_STORE(class, S, i16, int16_t, to64) \
    CONVERT_STORE(class, S, i32, int32_t, to32) \
    CONVERT_STORE(class, S, i64, int64_t, to64) \
    CONVERT_STORE(class, S, bool, uint8_t, v != 0) \
    CONVERT_STORE(class, S, f16, uint16_t, convert_to_half((float)v)) \
    CONVERT_STORE(class, S, bf16, uint16_t, convert_to_bfloat((float)v)) \
    CONVERT_STORE(class, S, f32, float, v) \
    CONVERT_STORE(class, S, f64, double, v)
CONVERT_STORES(f32, float, convert_to_i64(v), convert_to_i32(v))
CONVERT_STORES(f64, double, convert_to_i64(v), convert_to_i32(v))
CONVERT_STORES(i64, int64_t, v, v)
CONVERT_STORES(b, uint8_t, v, v)

#define CONVERT_CLASS(name, S, T, expression) \
    static void convert_##name(void *to, const void *from, int64_t n) \
    { \
        T *t = to; \
        const S *s = from; \
        for (int64_t i = 0; i < n; i++) { S v = s[i]; t[i] = expression; } \
    }
CONVERT_CLASS(f32_f64, float, double, v)
CONVERT_CLASS(f32_i64, float, int64_t, convert_to_i64(v))
CONVERT_CLASS(f64_f32, double, float, (float)v)
CONVERT_CLASS(f64_i64, double, int64_t, convert_to_i64(v))
CONVERT_CLASS(i64_f32, int64_t, float, (float)v)
CONVERT_CLASS(i64_f64, int64_t, double, (double)v)

typedef uint32_t convert_v8 __attribute__((vector_size(32)));
typedef uint64_t convert_v4 __attribute__((vector_size(32)));

CT_KINLINE void convert_turn_8x8(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_row)
{
    convert_v8 r[8], t[8];
    for (int k = 0; k < 8; k++)
        memcpy(&r[k], from + k * from_row, 32);
    for (int k = 0; k < 8; k += 2) {
        t[k] = __builtin_shufflevector(r[k], r[k + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        t[k + 1] = __builtin_shufflevector(r[k], r[k + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int k = 0; k < 8; k += 4)
        for (int h = 0; h < 2; h++) {
            r[k + 2 * h] = __builtin_shufflevector(t[k + h], t[k + 2 + h], 0, 1, 8, 9, 4, 5, 12, 13);
            r[k + 2 * h + 1] = __builtin_shufflevector(t[k + h], t[k + 2 + h], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int k = 0; k < 4; k++) {
        t[k] = __builtin_shufflevector(r[k], r[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        t[k + 4] = __builtin_shufflevector(r[k], r[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int k = 0; k < 8; k++)
        memcpy(to + k * to_row, &t[k], 32);
}

CT_KINLINE void convert_turn_4x4(uint64_t *to, int64_t to_row, const uint64_t *from, int64_t from_row)
{
    convert_v4 r[4], t[4];
    for (int k = 0; k < 4; k++)
        memcpy(&r[k], from + k * from_row, 32);
    for (int k = 0; k < 4; k += 2) {
        t[k] = __builtin_shufflevector(r[k], r[k + 1], 0, 4, 2, 6);
        t[k + 1] = __builtin_shufflevector(r[k], r[k + 1], 1, 5, 3, 7);
    }
    for (int k = 0; k < 2; k++) {
        r[k] = __builtin_shufflevector(t[k], t[k + 2], 0, 1, 4, 5);
        r[k + 2] = __builtin_shufflevector(t[k], t[k + 2], 2, 3, 6, 7);
    }
    for (int k = 0; k < 4; k++)
        memcpy(to + k * to_row, &r[k], 32);
}

#define CONVERT_TURN(name, T, B, block) \
    static void convert_##name(T *to, int64_t to_row, const T *from, int64_t from_row, int64_t ni, int64_t nk) \
    { \
        int64_t i = 0; \
        for (int64_t k = 0; k < nk; k++) /* the rows below, which a caller is likely to want next */ \
            for (int64_t h = 0; h < ni; h += 64 / (int64_t)sizeof(T)) \
                __builtin_prefetch(from + (k + nk) * from_row + h); \
        for (; i + B <= ni; i += B) { \
            int64_t k = 0; \
            for (; k + B <= nk; k += B) \
                block(to + i * to_row + k, to_row, from + k * from_row + i, from_row); \
            for (; k < nk; k++) \
                for (int h = 0; h < B; h++) \
                    to[(i + h) * to_row + k] = from[k * from_row + i + h]; \
        } \
        for (; i < ni; i++) \
            for (int64_t k = 0; k < nk; k++) \
                to[i * to_row + k] = from[k * from_row + i]; \
    }
CONVERT_TURN(turn4, uint32_t, 8, convert_turn_8x8)
CONVERT_TURN(turn8, uint64_t, 4, convert_turn_4x4)

void CT_LEVEL(ct__convert_fill)(ct__convert_kernels *t)
{
#define CONVERT_ROW(k, name) \
    t->load[k] = convert_load_##name; \
    t->store[CT_CLASS_F32][k] = convert_store_f32_##name; \
    t->store[CT_CLASS_F64][k] = convert_store_f64_##name; \
    t->store[CT_CLASS_I64][k] = convert_store_i64_##name; \
    t->store[CT_CLASS_BOOL][k] = convert_store_b_##name;
    CONVERT_ROW(1, u8) CONVERT_ROW(2, i8) CONVERT_ROW(3, i16) CONVERT_ROW(4, i32) CONVERT_ROW(5, i64)
    CONVERT_ROW(6, bool) CONVERT_ROW(7, f16) CONVERT_ROW(8, bf16) CONVERT_ROW(9, f32) CONVERT_ROW(10, f64)
    t->change[CT_CLASS_F32][CT_CLASS_F64] = convert_f32_f64;
    t->change[CT_CLASS_F32][CT_CLASS_I64] = convert_f32_i64;
    t->change[CT_CLASS_F64][CT_CLASS_F32] = convert_f64_f32;
    t->change[CT_CLASS_F64][CT_CLASS_I64] = convert_f64_i64;
    t->change[CT_CLASS_I64][CT_CLASS_F32] = convert_i64_f32;
    t->change[CT_CLASS_I64][CT_CLASS_F64] = convert_i64_f64;
    t->turn4 = convert_turn4;
    t->turn8 = convert_turn8;
}
