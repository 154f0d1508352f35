/* The runtime under tensors: objects and their lifetimes, scopes, threads, the random generator, output. */
#ifndef CTORCH_RUNTIME_H
#define CTORCH_RUNTIME_H

#include <ctorch/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Objects: tensors, modules, optimizers, loaders, ... all begin with this header. ---- */

typedef struct ct_type {
    const char *name;
    void (*destroy)(void *object);                          /* refcount reached 0: free everything, itself too */
    void (*print)(const void *object, void *text);          /* appends to a ct__text; may be NULL */
} ct_type;

typedef struct ct_object {
    const ct_type *type;
    int32_t refcount; /* atomic: use ct_retain and ct_release */
    uint32_t flags;   /* the core's own */
} ct_object;

/* Takes one more reference; returns its argument (NULL stays NULL). */
CT_API void *ct_retain(const void *object);
/* Drops one reference; the last one frees. NULL is fine. Works while an error is pending. */
CT_API void ct_release(const void *object);
/* Releases several objects of any type: ct_free_all(net, loader, opt). */
#define ct_free_all(...) \
    ct_free_objects(sizeof((const void *[]){__VA_ARGS__}) / sizeof(const void *), (const void *[]){__VA_ARGS__})
CT_API void ct_free_objects(size_t n, const void *const *objects); /* NULLs among them are fine */

/* ---- Scopes: every tensor that a ct_* function returns belongs to the innermost open scope. ---- */

typedef struct ct_scope { int64_t mark; } ct_scope;
CT_API ct_scope ct_scope_begin(void);
/* Releases everything that came into being since the matching begin (scopes nest). */
CT_API void ct_scope_end(ct_scope *scope);
/* Ends a scope but for one object, to which the caller owns a reference from now on. Returns it; NULL stays NULL. */
CT_API void *ct_scope_end_but(ct_scope *scope, const void *object);
#define CT__JOIN2(a, b) a##b
#define CT__JOIN(a, b) CT__JOIN2(a, b)
/* At the top of a block: the block's temporaries are released at its closing brace, however it is left. */
#define CT_SCOPE() __attribute__((cleanup(ct_scope_end), unused)) ct_scope CT__JOIN(ct__scope_, __LINE__) = ct_scope_begin()
/* Hands one reference, which the caller owns, to the innermost scope; returns the object. */
CT_API void *ct_adopt(const void *object);
/* Moves an object that the innermost scope holds to the scope around it; returns it. */
CT_API void *ct_escape(const void *object);
/* *slot = object, retained; what the slot held before is released. ct_keep(&slot, NULL) empties it. */
#define ct_keep(slot, object) ct_keep_object((void **)(slot), (object))
CT_API void ct_keep_object(void **slot, const void *object);

/* ---- Threads ---- */

/* Threads that one op may use (the caller's included). Results never depend on it. */
CT_API int ct_num_threads(void);
CT_API void ct_set_num_threads(int n);

/* ---- Random numbers: PyTorch's CPU streams (mt19937). NULL means the process's default generator. ---- */

typedef struct ct_generator ct_generator;
CT_API ct_generator *ct_generator_new(void); /* seed 67280421310721; owned by the caller */
CT_API ct_generator *ct_default_generator(void);
CT_API void ct_generator_seed(ct_generator *g, uint64_t seed);
CT_API uint64_t ct_generator_initial_seed(ct_generator *g);
/* Seeds from the operating system; returns the seed. */
CT_API uint64_t ct_generator_reseed(ct_generator *g);
/* torch.manual_seed on the default generator. */
CT_API void ct_manual_seed(uint64_t seed);
/* One 32-bit word; one 64-bit word (two 32-bit ones, high half first). */
CT_API uint32_t ct_generator_u32(ct_generator *g);
CT_API uint64_t ct_generator_u64(ct_generator *g);
/* The 5056 bytes of torch.get_rng_state. set fails on a state that PyTorch would refuse. */
#define CT_GENERATOR_STATE_BYTES 5056
CT_API void ct_generator_get_state(ct_generator *g, uint8_t *state);
CT_API bool ct_generator_set_state(ct_generator *g, const uint8_t *state, int64_t bytes);

/* ---- Output: where ct_print writes (stdout unless set). ---- */

typedef void ct_write_fn(const char *text, size_t length, void *data);
CT_API void ct_set_output(ct_write_fn *write, void *data);
/* Prints any object as Python's print would, and a newline. */
CT_API void ct_print(const void *object);
/* The same text as a string; the caller frees it with ct_free_string. NULL on failure. */
CT_API char *ct_to_string(const void *object);
CT_API void ct_free_string(char *string);

#ifdef __cplusplus
}
#endif
#endif
