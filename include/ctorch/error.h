/* Errors. A failing ct_* function records one error in its thread and returns NULL (or false, or 0).
 * The first error wins and sticks: until ct_error_clear() every op returns NULL at once, so
 * ct_relu(ct_add(a, b)) is safe without a check in between. Releasing and ending scopes always work. */
#ifndef CTORCH_ERROR_H
#define CTORCH_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define CT_API
#else
#define CT_API __attribute__((visibility("default")))
#endif

/* What went wrong; each kind is one Python exception. */
typedef enum ct_error_kind {
    CT_OK = 0,
    CT_ERR_RUNTIME,         /* RuntimeError */
    CT_ERR_VALUE,           /* ValueError */
    CT_ERR_TYPE,            /* TypeError */
    CT_ERR_INDEX,           /* IndexError */
    CT_ERR_NOT_IMPLEMENTED, /* NotImplementedError */
    CT_ERR_MEMORY,          /* MemoryError */
    CT_ERR_IO,              /* OSError (FileNotFoundError where errno is ENOENT) */
    CT_ERR_UNPICKLING,      /* pickle.UnpicklingError */
    CT_ERR_ASSERTION,       /* AssertionError */
    CT_ERR_KEY,             /* KeyError */
    CT_ERR_LINALG,          /* torch.linalg.LinAlgError, a RuntimeError */
} ct_error_kind;

/* True while no error is pending in this thread. */
CT_API bool ct_ok(void);
/* The pending error's kind (CT_OK if none), its sentence ("" if none), and the op that raised it ("" if none). */
CT_API ct_error_kind ct_error(void);
CT_API const char *ct_error_message(void);
CT_API const char *ct_error_op(void);
/* Forgets the pending error. */
CT_API void ct_error_clear(void);
/* Records an error as a failing op would (for callbacks and custom functions); keeps an earlier one. Returns NULL. */
CT_API void *ct_fail(ct_error_kind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Called at once, in the failing thread, whenever a first error is recorded. NULL removes it. Per process. */
typedef void ct_error_handler(ct_error_kind kind, const char *op, const char *message, void *data);
CT_API void ct_on_error(ct_error_handler *handler, void *data);
/* A handler for programs: prints "ctorch: OP: MESSAGE" to stderr and exits with status 1. */
CT_API void ct_die(ct_error_kind kind, const char *op, const char *message, void *data);

#ifdef __cplusplus
}
#endif
#endif
