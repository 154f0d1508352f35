/* Memory and lists that belong to the innermost scope. */
#include "ops/ops.h"

typedef struct scratch_block { ct_object base; size_t bytes; } scratch_block;

static void scratch_destroy(void *object)
{
    scratch_block *b = object;
    ct__free(b, b->bytes);
}

static const ct_type scratch_type = {"scratch", scratch_destroy, NULL};

void *ct__scratch(size_t bytes)
{
    size_t header = (sizeof(scratch_block) + 15) / 16 * 16;
    scratch_block *b = ct__alloc(header + bytes);
    if (!b)
        return NULL;
    ct__object_init(b, &scratch_type);
    b->bytes = header + bytes;
    return ct_adopt(b) ? (char *)b + header : NULL;
}

ct_tensors ct__list(int64_t n, ct_tensor *const *v)
{
    ct_tensor **copy = ct__scratch(sizeof *copy * (size_t)(n ? n : 1));
    if (!copy || ct__pending())
        return CT_NO_TENSORS;
    if (n)
        memcpy(copy, v, sizeof *copy * (size_t)n);
    return (ct_tensors){n, copy};
}
