/* Element types: names, sizes, promotion, and reading and writing one element of any. The only file that
 * switches on a dtype for single elements. */
#include "tensor/tensor.h"

static const struct { const char *name, *type_name;
} dtype_names[CT_NUM_DTYPES] = {{"none", "None"},
                                {"uint8", "Byte"},
                                {"int8", "Char"},
                                {"int16", "Short"},
                                {"int32", "Int"},
                                {"int64", "Long"},
                                {"bool", "Bool"},
                                {"float16", "Half"},
                                {"bfloat16", "BFloat16"},
                                {"float32", "Float"},
                                {"float64", "Double"},
                                {"complex64", "ComplexFloat"},
                                {"complex128", "ComplexDouble"}};

static CT_THREAD_WORD ct_dtype dtype_default = CT_FLOAT32;

const char *ct_dtype_name(ct_dtype dtype) { return dtype_names[dtype].name; }
const char *ct_dtype_type_name(ct_dtype dtype) { return dtype_names[dtype].type_name; }
int64_t ct_dtype_size(ct_dtype dtype) { return ct__itemsize(dtype); }
bool ct_is_floating(ct_dtype dtype) { return dtype >= CT_FLOAT16 && dtype <= CT_FLOAT64; }
bool ct_is_integral(ct_dtype dtype, bool include_bool)
{
    return (dtype >= CT_UINT8 && dtype <= CT_INT64) || (include_bool && dtype == CT_BOOL);
}
ct_dtype ct_default_dtype(void) { return dtype_default; }

bool ct_set_default_dtype(ct_dtype dtype)
{
    if (!ct_is_floating(dtype))
        return ct__fail(CT_ERR_TYPE, "only floating-point types are supported as the default type") != NULL;
    dtype_default = dtype;
    return true;
}

ct_dtype ct_promote_types(ct_dtype a, ct_dtype b)
{
    /* 0 bool, 1 integers, 2 floats */
    int ca = a == CT_BOOL ? 0 : ct_is_floating(a) ? 2 : 1, cb = b == CT_BOOL ? 0 : ct_is_floating(b) ? 2 : 1;
    if (a == b || ca > cb)
        return a;
    if (cb > ca)
        return b;
    if (ca == 2)
        return (a == CT_FLOAT16 && b == CT_BFLOAT16) || (a == CT_BFLOAT16 && b == CT_FLOAT16) ? CT_FLOAT32
               : a > b                                                                        ? a
                                                                                              : b;
    if ((a == CT_UINT8 && b == CT_INT8) || (a == CT_INT8 && b == CT_UINT8))
        return CT_INT16;
    return a > b ? a : b;
}

bool ct_can_cast(ct_dtype from, ct_dtype to)
{
    int cf = from == CT_BOOL        ? 0
             : ct_is_floating(from) ? 2
                                    : 1,
        c_to = to == CT_BOOL        ? 0
               : ct_is_floating(to) ? 2
                                    : 1;
    return cf <= c_to;
}

/* The class of an operand: 2 for tensors with dimensions, 1 for 0-dim ones, 0 for wrapped numbers. */
static int dtype_class(const ct_tensor *t) { return t->is_number ? 0 : t->ndim ? 2 : 1; }
static int dtype_category(ct_dtype d)
{
    return d == CT_DTYPE_NONE ? -1 : d == CT_BOOL ? 0 : ct_is_floating(d) ? 2 : 1;
}

ct_dtype ct__result_type(int64_t n, ct_tensor *const *t)
{
    ct_dtype best[3] = {CT_DTYPE_NONE, CT_DTYPE_NONE, CT_DTYPE_NONE};
    for (int64_t i = 0; i < n; i++) {
        if (!t[i])
            continue;
        int c = dtype_class(t[i]);
        ct_dtype d = (ct_dtype)t[i]->dtype;
        if (c == 0 && ct_is_floating(d))
            d = dtype_default;
        best[c] = best[c] == CT_DTYPE_NONE ? d : ct_promote_types(best[c], d);
    }
    ct_dtype result = best[2];
    for (int c = 1; c >= 0; c--)
        if (dtype_category(best[c]) > dtype_category(result))
            result = result == CT_DTYPE_NONE || dtype_category(best[c]) > dtype_category(result) ? best[c]
                                                                                                 : result;
    return result;
}

/* ---- Half-width floats ---- */

float ct__half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023, u;
    if (exponent == 31) {
        u = sign | 0x7f800000 | mantissa << 13;
    } else if (exponent) {
        u = sign | (exponent + 112) << 23 | mantissa << 13;
    } else {
        float f = (float)mantissa * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

uint16_t ct__float_to_half(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    uint32_t sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) { /* subnormal: adding 0.5 leaves the rounded value in the low bits */
        float g;
        memcpy(&g, &a, 4);
        g += 0.5f;
        memcpy(&a, &g, 4);
        return (uint16_t)(sign | (a - 0x3f000000));
    }
    uint32_t odd = a >> 13 & 1;
    return (uint16_t)(sign | (a - 0x38000000 + 0xfff + odd) >> 13);
}

uint16_t ct__float_to_bfloat(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    if (f != f)
        return 0x7fc0;
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* ---- One element ---- */

double ct__load_double(ct_dtype dtype, const void *p)
{
    switch (dtype) {
    case CT_UINT8: return *(const uint8_t *)p;
    case CT_INT8: return *(const int8_t *)p;
    case CT_INT16: return *(const int16_t *)p;
    case CT_INT32: return *(const int32_t *)p;
    case CT_INT64: return (double)*(const int64_t *)p;
    case CT_BOOL: return *(const uint8_t *)p != 0;
    case CT_FLOAT16: return ct__half_to_float(*(const uint16_t *)p);
    case CT_BFLOAT16: return ct__bfloat_to_float(*(const uint16_t *)p);
    case CT_FLOAT32: return *(const float *)p;
    case CT_FLOAT64: return *(const double *)p;
    default: return 0;
    }
}

/* C's conversion on x86 for what fits nowhere: the most negative number. */
static int64_t dtype_to_int(double v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

int64_t ct__load_int(ct_dtype dtype, const void *p)
{
    switch (dtype) {
    case CT_UINT8: return *(const uint8_t *)p;
    case CT_INT8: return *(const int8_t *)p;
    case CT_INT16: return *(const int16_t *)p;
    case CT_INT32: return *(const int32_t *)p;
    case CT_INT64: return *(const int64_t *)p;
    case CT_BOOL: return *(const uint8_t *)p != 0;
    default: return dtype_to_int(ct__load_double(dtype, p));
    }
}

void ct__store_scalar(ct_dtype dtype, void *p, ct_scalar v)
{
    bool floating = v.kind == CT_SCALAR_FLOAT;
    double d = ct_scalar_double(v);
    int64_t i = floating ? dtype_to_int(d) : v.i;
    switch (dtype) {
    case CT_UINT8: *(uint8_t *)p = (uint8_t)i; break;
    case CT_INT8: *(int8_t *)p = (int8_t)i; break;
    case CT_INT16: *(int16_t *)p = (int16_t)i; break;
    case CT_INT32:
        *(int32_t *)p = floating && !(d >= -2147483648.0 && d < 2147483648.0) ? INT32_MIN : (int32_t)i;
        break;
    case CT_INT64: *(int64_t *)p = i; break;
    case CT_BOOL: *(uint8_t *)p = floating ? d != 0 : i != 0; break;
    case CT_FLOAT16: *(uint16_t *)p = ct__float_to_half((float)d); break;
    case CT_BFLOAT16: *(uint16_t *)p = ct__float_to_bfloat((float)d); break;
    case CT_FLOAT32: *(float *)p = (float)d; break;
    case CT_FLOAT64: *(double *)p = d; break;
    default: break;
    }
}

const char *ct__c_type_name(ct_dtype dtype)
{
    static const char *const names[CT_NUM_DTYPES] = {"none", "unsigned char", "signed char", "short int", "int", "long int", "bool",
                                                     "c10::Half", "c10::BFloat16", "float", "double"};
    return names[dtype];
}

bool ct__scalar_fits(ct_scalar v, ct_dtype dtype)
{
    static const struct { double low, high; const char *name; } range[CT_NUM_DTYPES] = {
        [CT_UINT8] = {0, 255, "uint8_t"}, [CT_INT8] = {-128, 127, "int8_t"}, [CT_INT16] = {-32768, 32767, "int16_t"},
        [CT_INT32] = {-2147483648.0, 2147483647, "int"}, [CT_INT64] = {-0x1p63, 0x1p63, "int64_t"},
        [CT_FLOAT16] = {-65504, 65504, "c10::Half"}, [CT_BFLOAT16] = {-0x1.fep127, 0x1.fep127, "c10::BFloat16"},
        [CT_FLOAT32] = {-0x1.fffffep127, 0x1.fffffep127, "float"}};
    bool floating = v.kind == CT_SCALAR_FLOAT;
    double d = ct_scalar_double(v), low = range[dtype].low;
    if (v.kind == CT_SCALAR_NONE || !range[dtype].name || (dtype == CT_INT64 && !floating))
        return true;
    if (ct_is_floating(dtype) && !(d - d == 0)) /* infinity and NaN */
        return true;
    if (dtype == CT_UINT8 && !floating)
        low = -255;
    if (d >= low && d <= range[dtype].high)
        return true;
    return ct__fail(CT_ERR_RUNTIME, "value cannot be converted to type %s without overflow", range[dtype].name) != NULL;
}

bool ct__number_fits(const ct_tensor *t, ct_dtype dtype)
{
    bool wraps = dtype == CT_FLOAT16 || dtype == CT_BFLOAT16 || (ct_is_floating(dtype) && !ct_is_floating((ct_dtype)t->dtype));
    return !t->data || wraps || ct__scalar_fits(ct_item_scalar(t), dtype);
}
