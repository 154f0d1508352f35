/* Chooses the kernels: one table a family, filled when the library is loaded. Nothing else asks for the processor. */
#include "kernels/kernels.h"
#include <pthread.h>
#include <stdlib.h>

#define DISPATCH_TABLE(F) ct__##F##_kernels ct__k_##F;
CT_KERNEL_FAMILIES(DISPATCH_TABLE)

#define DISPATCH_BASE(F) void ct__##F##_fill_base(ct__##F##_kernels *t);
CT_KERNEL_FAMILIES(DISPATCH_BASE)
#if CT_HAVE_X86_LEVELS
#define DISPATCH_X86(F) void ct__##F##_fill_v3(ct__##F##_kernels *t); void ct__##F##_fill_v4(ct__##F##_kernels *t);
CT_KERNEL_FAMILIES(DISPATCH_X86)
#endif

static const char *dispatch_level = "base";

const char *ct__cpu_level(void) { return dispatch_level; }

static pthread_key_t dispatch_scratch_key;
static bool dispatch_scratch_ok;
static _Thread_local void *dispatch_scratch;
static _Thread_local size_t dispatch_scratch_bytes;

static void dispatch_scratch_free(void *p)
{
    free(p);
    dispatch_scratch = NULL;
    dispatch_scratch_bytes = 0;
}

void *ct__kernel_scratch(size_t bytes)
{
    if (bytes <= dispatch_scratch_bytes) return dispatch_scratch;
    if (!dispatch_scratch_ok) return NULL;
    void *p = malloc(bytes);
    if (!p) return NULL;
    if (pthread_setspecific(dispatch_scratch_key, p)) {
        free(p);
        return NULL;
    }
    free(dispatch_scratch);
    dispatch_scratch = p;
    dispatch_scratch_bytes = bytes;
    return p;
}

__attribute__((destructor)) static void dispatch_end(void)
{
    if (!dispatch_scratch_ok) return;
    dispatch_scratch_free(dispatch_scratch);
    pthread_setspecific(dispatch_scratch_key, NULL);
}

__attribute__((constructor)) static void dispatch_init(void)
{
    dispatch_scratch_ok = pthread_key_create(&dispatch_scratch_key, dispatch_scratch_free) == 0;
#define DISPATCH_FILL_BASE(F) ct__##F##_fill_base(&ct__k_##F);
    CT_KERNEL_FAMILIES(DISPATCH_FILL_BASE)
#if CT_HAVE_X86_LEVELS
    const char *forced = getenv("CT_CPU");
    int level = 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        level = 3;
    if (level == 3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        level = 4;
    if (forced && !strcmp(forced, "base")) level = 0;
    if (forced && !strcmp(forced, "v3") && level > 3) level = 3;
#define DISPATCH_FILL_V3(F) ct__##F##_fill_v3(&ct__k_##F);
#define DISPATCH_FILL_V4(F) ct__##F##_fill_v4(&ct__k_##F);
    if (level == 3) { CT_KERNEL_FAMILIES(DISPATCH_FILL_V3) dispatch_level = "v3"; }
    if (level == 4) { CT_KERNEL_FAMILIES(DISPATCH_FILL_V4) dispatch_level = "v4"; }
#endif
}
