/* The op table as data, for bindings and tools: every op's schema and one way to call it. */
#ifndef CTORCH_SCHEMA_H
#define CTORCH_SCHEMA_H

#include <ctorch/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of an argument, and the tag of a value. */
typedef enum ct_value_type {
    CT_V_NONE = 0,
    CT_V_TENSOR,   /* t */
    CT_V_OPERAND,  /* t: a tensor, or a number (wrapped with ct_number) */
    CT_V_TENSORS,  /* tensors */
    CT_V_INT,      /* i */
    CT_V_FLOAT,    /* f */
    CT_V_BOOL,     /* b */
    CT_V_SCALAR,   /* s */
    CT_V_INTS,     /* ints */
    CT_V_DTYPE,    /* dtype */
    CT_V_DEVICE,   /* device */
    CT_V_FORMAT,   /* format */
    CT_V_STRING,   /* str */
    CT_V_GENERATOR /* g */
} ct_value_type;

typedef struct ct_value {
    ct_value_type type; /* NONE: not given, or None */
    union {
        ct_tensor *t;
        ct_tensors tensors;
        int64_t i;
        double f;
        bool b;
        ct_scalar s;
        ct_ints ints;
        ct_dtype dtype;
        ct_device device;
        ct_memory_format format;
        const char *str;
        ct_generator *g;
    };
} ct_value;

typedef struct ct_arg_info {
    const char *name;
    ct_value_type type;
    bool optional;       /* None is allowed ("int?") */
    bool has_default;    /* may be left out: `value` is then taken */
    bool keyword_only;
    bool mutated;        /* "Tensor(a!)" */
    int list_size;       /* "int[2]": one int stands for this many; -1: a bare "int[]", which also takes varargs; else 0 */
    ct_value value;      /* the default */
} ct_arg_info;

enum {
    CT_ON_TORCH = 1,       /* torch.NAME */
    CT_ON_METHOD = 2,      /* Tensor.NAME */
    CT_ON_FUNCTIONAL = 4,  /* torch.nn.functional.NAME */
    CT_ON_PROPERTY = 8,    /* Tensor.NAME without a call */
    CT_ON_INTERNAL = 16    /* for formulas only: torch._C._ops.NAME */
};

typedef struct ct_op_info {
    const char *name;      /* "max": what Python calls it; an in-place variant ends in "_" */
    const char *overload;  /* "dim" of max.dim; "" if none; "out" variants are separate entries */
    const char *c_name;    /* "ct_max_dim" */
    const char *schema;    /* the record's first line */
    const char *family;    /* the .ops file's stem */
    const char *doc;
    unsigned on;           /* CT_ON_ flags */
    const char *operator_; /* "+": Tensor's operator, or NULL */
    const char *alias_of;  /* the op that this one is another name of, or NULL */
    bool is_out, is_inplace, is_view;
    int nargs, nresults;
    int first_out;         /* for is_out: args[first_out ...] are the out tensors, the last args */
    const ct_arg_info *args;
    const char *const *result_names; /* for named tuples; NULL if unnamed */
    ct_value_type result_type; /* TENSOR, TENSORS, SCALAR-like BOOL/INT/FLOAT, or NONE */
    const char *tuple_name; /* "max" of torch.return_types.max, or NULL */
    /* args: nargs values, defaults filled in. results: nresults values, owned by the scope. False: the error is set. */
    bool (*call)(const ct_value *args, ct_value *results);
} ct_op_info;

/* All ops, sorted by name; overloads of one name stand together in the order in which they are to be tried. */
CT_API const ct_op_info *ct_op_table(int64_t *count);
/* The first op of that name, or NULL. */
CT_API const ct_op_info *ct_op_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
