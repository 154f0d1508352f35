/* A module's contents as its own files see them. */
#ifndef CT_NN_INTERNAL_H
#define CT_NN_INTERNAL_H

#include "base/base.h"
#include <ctorch/ctorch.h>
#include <ctorch/nn.h>

typedef struct ct__module_entry {
    char *name;
    void *object;    /* tensor or module; NULL: the name stands for None */
    bool persistent; /* of a buffer */
} ct__module_entry;

typedef struct ct__module_list { int64_t n, capacity; ct__module_entry *v; } ct__module_list;

struct ct__module_parts {
    ct__module_list parameters, buffers, children;
    size_t bytes; /* of the module's struct */
};

/* Text for `describe`, printf-like; NULL without memory. */
CT_HIDDEN char *ct__describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
#endif
