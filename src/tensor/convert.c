/* Copies, casts and fills of whole tensors. */
#include "kernels/kernels.h"
#include "tensor/iter.h"

#define CONVERT_BLOCK 1024

typedef struct convert_job { ct__load_fn *load; ct__store_fn *store; int64_t size; } convert_job;

static void convert_move(void *context, char *const *data, const int64_t *strides, int64_t n)
{
    int64_t size = ((const convert_job *)context)->size, to = strides[0], from = strides[1];
    char *t = data[0];
    const char *f = data[1];
    if (to == size && from == size) {
        memcpy(t, f, (size_t)(n * size));
        return;
    }
#define CONVERT_MOVE(T) \
    for (int64_t i = 0; i < n; i++) \
        *(T *)(t + i * to) = *(const T *)(f + i * from);
    switch (size) {
    case 1: CONVERT_MOVE(uint8_t) break;
    case 2: CONVERT_MOVE(uint16_t) break;
    case 4: CONVERT_MOVE(uint32_t) break;
    default: CONVERT_MOVE(uint64_t) break;
    }
}

static void convert_cast(void *context, char *const *data, const int64_t *strides, int64_t n)
{
    const convert_job *j = context;
    int64_t block[CONVERT_BLOCK];
    for (int64_t i = 0; i < n; i += CONVERT_BLOCK) {
        int64_t m = n - i < CONVERT_BLOCK ? n - i : CONVERT_BLOCK;
        j->load(block, data[1] + i * strides[1], strides[1], m);
        j->store(data[0] + i * strides[0], strides[0], block, m);
    }
}

/* Copies in tiles where one side's dense dimension is not the other's: dst dense along dimension 0 of the
 * walk, src along `d`. A tile has CONVERT_TILE elements of either (whole cache lines on both sides). */
#define CONVERT_TILE 32
typedef struct convert_turn { const ct__iter *it; int d; int64_t size, blocks; } convert_turn;

#define CONVERT_TURN(T) \
    for (int64_t i = 0; i < ni; i++) \
        for (int64_t k = 0; k < nk; k++) \
            ((T *)(to + i * to_i))[k] = *(const T *)(from + i * size + k * from_k);

static void convert_turn_range(void *context, int64_t begin, int64_t end)
{
    const convert_turn *j = context;
    const ct__iter *it = j->it;
    int64_t size = j->size, to_i = it->strides[0][j->d], from_k = it->strides[1][0];
    for (int64_t b = begin; b < end; b++) {
        int64_t rest = b / j->blocks, first = b % j->blocks * CONVERT_TILE;
        char *dst = it->data[0];
        const char *src = it->data[1];
        for (int d = 1; d < it->ndim; d++) {
            if (d == j->d)
                continue;
            dst += rest % it->sizes[d] * it->strides[0][d];
            src += rest % it->sizes[d] * it->strides[1][d];
            rest /= it->sizes[d];
        }
        int64_t ni = it->sizes[j->d] - first < CONVERT_TILE ? it->sizes[j->d] - first : CONVERT_TILE;
        for (int64_t k0 = 0; k0 < it->sizes[0]; k0 += CONVERT_TILE) {
            int64_t nk = it->sizes[0] - k0 < CONVERT_TILE ? it->sizes[0] - k0 : CONVERT_TILE;
            char *to = dst + first * to_i + k0 * size;
            const char *from = src + first * size + k0 * from_k;
            switch (size) {
            case 1: CONVERT_TURN(uint8_t) break;
            case 2: CONVERT_TURN(uint16_t) break;
            case 4: ct__k_convert.turn4((uint32_t *)to, to_i / 4, (const uint32_t *)from, from_k / 4, ni, nk); break;
            default: ct__k_convert.turn8((uint64_t *)to, to_i / 8, (const uint64_t *)from, from_k / 8, ni, nk); break;
            }
        }
    }
}

static bool convert_turned(const ct__iter *it, int64_t size)
{
    if (it->ndim < 2 || it->strides[0][0] != size || it->strides[1][0] == size || it->strides[1][0] == 0
        || it->sizes[0] < 4)
        return false;
    for (int d = 1; d < it->ndim; d++)
        if (it->strides[1][d] == size && it->sizes[d] >= 4) {
            convert_turn j = {it, d, size, (it->sizes[d] + CONVERT_TILE - 1) / CONVERT_TILE};
            int64_t pieces = it->numel / (it->sizes[0] * it->sizes[d]) * j.blocks,
                    work = it->sizes[0] * CONVERT_TILE;
            ct__parallel(pieces, (1 << 15) / work > 1 ? (1 << 15) / work : 1, convert_turn_range, &j);
            return true;
        }
    return false;
}

/* True where src's bytes may be written while dst is filled: one storage, ranges that meet, other geometry.
 */
static bool convert_overlaps(const ct_tensor *a, const ct_tensor *b)
{
    if (a->storage != b->storage || !a->numel || !b->numel)
        return false;
    int64_t a_end = 1, b_end = 1;
    for (int d = 0; d < a->ndim; d++)
        a_end += (a->sizes[d] - 1) * a->strides[d];
    for (int d = 0; d < b->ndim; d++)
        b_end += (b->sizes[d] - 1) * b->strides[d];
    const char *a0 = a->data, *b0 = b->data;
    return a0 < b0 + b_end * ct__itemsize(b->dtype) && b0 < a0 + a_end * ct__itemsize(a->dtype);
}

#define CONVERT_FLAT (1 << 18) /* bytes a piece */
typedef struct convert_flat { char *to; const char *from; } convert_flat;

static void convert_flat_range(void *context, int64_t begin, int64_t end)
{
    const convert_flat *j = context;
    memcpy(j->to + begin, j->from + begin, (size_t)(end - begin));
}

bool ct__copy(ct_tensor *dst, const ct_tensor *src)
{
    int64_t lead = dst->ndim - src->ndim;
    for (int64_t k = src->ndim - 1; k >= 0; k--) {
        int64_t have = src->sizes[k], want = lead + k >= 0 ? dst->sizes[lead + k] : 1;
        if (lead < 0 || (have != want && have != 1)) {
            if (lead < 0)
                return ct__fail(CT_ERR_RUNTIME, "output with shape %s doesn't match the broadcast shape %s",
                                ct__shape_text(dst), ct__shape_text(src))
                       != NULL;
            return ct__fail(CT_ERR_RUNTIME,
                            "The size of tensor a (%lld) must match the size of tensor b (%lld) at "
                            "non-singleton dimension %lld",
                            (long long)want, (long long)have, (long long)(lead + k))
                   != NULL;
        }
    }
    if (dst->numel == 0 || !dst->data || !src->data)
        return true;
    if (dst->dtype == src->dtype && dst->contiguous && src->contiguous && dst->numel == src->numel) {
        convert_flat j = {dst->data, src->data};
        int64_t bytes = dst->numel * ct__itemsize(dst->dtype);
        if (bytes > CONVERT_FLAT && dst->storage != src->storage)
            ct__parallel(bytes, CONVERT_FLAT, convert_flat_range, &j);
        else
            memmove(dst->data, src->data, (size_t)bytes);
        return true;
    }
    CT_AUTO ct_tensor *apart = NULL;
    if (convert_overlaps(dst, src)) {
        if (dst->data == src->data && dst->ndim == src->ndim && dst->dtype == src->dtype
            && !memcmp(dst->sizes, src->sizes, sizeof(int64_t) * dst->ndim)
            && !memcmp(dst->strides, src->strides, sizeof(int64_t) * dst->ndim))
            return true;
        apart = ct__new((ct_dtype)src->dtype, (ct_device){CT_CPU, 0}, src->ndim, src->sizes);
        if (!apart || !ct__copy(apart, src))
            return false;
        src = apart;
    }
    ct__iter it;
    ct__iter_init(&it, 2, (ct_tensor *const[]){dst, (ct_tensor *)src});
    if (dst->dtype == src->dtype && convert_turned(&it, ct__itemsize(dst->dtype)))
        return true;
    convert_job j = {ct__k_convert.load[src->dtype],
                     ct__k_convert.store[ct__class_of(src->dtype)][dst->dtype], ct__itemsize(dst->dtype)};
    ct__iter_run(&it, 1 << 15, dst->dtype == src->dtype ? convert_move : convert_cast, &j);
    return true;
}

ct_tensor *ct__contiguous_of(ct_tensor *t)
{
    if (t->contiguous)
        return ct_retain(t);
    ct_tensor *copy =
        ct__new((ct_dtype)t->dtype, (ct_device){(ct_device_type)t->device, 0}, t->ndim, t->sizes);
    if (copy && !ct__copy(copy, t)) {
        ct_release(copy);
        return NULL;
    }
    return copy;
}

ct_tensor *ct__cast(ct_tensor *t, ct_dtype dtype)
{
    if (t->dtype == dtype)
        return ct_retain(t);
    ct_tensor *copy = ct__new_like(t, dtype);
    if (copy && !ct__copy(copy, t)) {
        ct_release(copy);
        return NULL;
    }
    return copy;
}

bool ct__fill(ct_tensor *t, ct_scalar value)
{
    int64_t size = ct__itemsize(t->dtype);
    uint64_t element = 0;
    if (!t->data || t->numel == 0)
        return true;
    ct__store_scalar((ct_dtype)t->dtype, &element, value);
    if (!t->contiguous) {
        CT_AUTO ct_tensor *one = ct__new_scalar(value, (ct_dtype)t->dtype);
        return one && ct__copy(t, one);
    }
    if (element == 0) {
        memset(t->data, 0, (size_t)(t->numel * size));
        return true;
    }
    if (size == 1) {
        memset(t->data, (int)element, (size_t)t->numel);
        return true;
    }
    int64_t bytes = t->numel * size, done = size;
    memcpy(t->data, &element, (size_t)size);
    while (done < bytes) { /* what is there, again, up to a page at a time */
        int64_t more = done < 4096 ? done : 4096;
        more = more < bytes - done ? more : bytes - done;
        memcpy(t->data + done, t->data, (size_t)more);
        done += more;
    }
    return true;
}
