/* Generators: seeds, states in PyTorch's form, the process's default one, turns between threads. Distributions are kernels. */
#include "base/base.h"
#include <time.h>
#include <unistd.h>

#define RANDOM_SEED 67280421310721ull

static ct_generator random_default;
static pthread_once_t random_once = PTHREAD_ONCE_INIT;

static void random_destroy(void *object)
{
    ct_generator *g = object;
    if (g == &random_default)
        return;
    pthread_mutex_destroy(&g->lock);
    ct__free(g, sizeof *g);
}

static void random_print(const void *object, void *text)
{
    (void)object;
    ct__text_add(text, "<ctorch.Generator device='cpu'>");
}

static const ct_type random_type = {"Generator", random_destroy, random_print};

static uint64_t random_from_system(void)
{
    uint64_t seed;
    if (getentropy(&seed, sizeof seed)) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seed = ((uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec) * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
    }
    return seed;
}

static void random_begin(ct_generator *g, uint64_t seed)
{
    ct__object_init(g, &random_type);
    pthread_mutex_init(&g->lock, NULL);
    g->seed = seed;
    ct__mt_seed(&g->mt, (uint32_t)seed);
}

/* A forked child's only thread may find the lock of another one. */
static void random_in_child(void) { pthread_mutex_init(&random_default.lock, NULL); }

static void random_start(void)
{
    random_begin(&random_default, random_from_system());
    pthread_atfork(NULL, NULL, random_in_child);
}

ct_generator *ct_default_generator(void)
{
    pthread_once(&random_once, random_start);
    return &random_default;
}

static ct_generator *random_of(ct_generator *g) { return g ? g : ct_default_generator(); }

ct__mt *ct__generator_lock(ct_generator *g)
{
    g = random_of(g);
    pthread_mutex_lock(&g->lock);
    return &g->mt;
}

void ct__generator_unlock(ct_generator *g) { pthread_mutex_unlock(&random_of(g)->lock); }

ct_generator *ct_generator_new(void)
{
    if (ct__pending())
        return NULL;
    ct_generator *g = ct__alloc(sizeof *g);
    if (g)
        random_begin(g, RANDOM_SEED);
    return g;
}

void ct_generator_seed(ct_generator *g, uint64_t seed)
{
    g = random_of(g);
    pthread_mutex_lock(&g->lock);
    g->seed = seed;
    ct__mt_seed(&g->mt, (uint32_t)seed);
    pthread_mutex_unlock(&g->lock);
}

uint64_t ct_generator_initial_seed(ct_generator *g)
{
    g = random_of(g);
    pthread_mutex_lock(&g->lock);
    uint64_t seed = g->seed;
    pthread_mutex_unlock(&g->lock);
    return seed;
}

uint64_t ct_generator_reseed(ct_generator *g)
{
    uint64_t seed = random_from_system();
    ct_generator_seed(g, seed);
    return seed;
}

void ct_manual_seed(uint64_t seed) { ct_generator_seed(NULL, seed); }

uint32_t ct_generator_u32(ct_generator *g)
{
    uint32_t word = ct__mt_32(ct__generator_lock(g));
    ct__generator_unlock(g);
    return word;
}

uint64_t ct_generator_u64(ct_generator *g)
{
    uint64_t word = ct__mt_64(ct__generator_lock(g));
    ct__generator_unlock(g);
    return word;
}

/* ---- States ---- */

typedef struct random_state {
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next, words[624];
    double unused1, cached_normal, unused2;
    int32_t has_cached_normal, padding;
    float cached_float;
    uint8_t has_cached_float, end[3];
} random_state;
_Static_assert(sizeof(random_state) == CT_GENERATOR_STATE_BYTES, "the state's layout is PyTorch's");

void ct_generator_get_state(ct_generator *g, uint8_t *state)
{
    random_state s;
    memset(&s, 0, sizeof s);
    g = random_of(g);
    pthread_mutex_lock(&g->lock);
    s.seed = g->seed;
    s.left = g->mt.left;
    s.seeded = 1;
    s.next = (uint64_t)g->mt.next;
    for (int i = 0; i < 624; i++)
        s.words[i] = g->mt.state[i];
    s.has_cached_normal = g->mt.has_cached_normal;
    s.cached_normal = g->mt.has_cached_normal ? g->mt.cached_normal : 0;
    pthread_mutex_unlock(&g->lock);
    memcpy(state, &s, sizeof s);
}

bool ct_generator_set_state(ct_generator *g, const uint8_t *state, int64_t bytes)
{
    random_state s;
    if (ct__pending())
        return false;
    if (bytes != CT_GENERATOR_STATE_BYTES) {
        ct__fail(CT_ERR_RUNTIME, "Expected a CPUGeneratorImplState of size %d but found the input RNG state size to be %lld",
                 CT_GENERATOR_STATE_BYTES, (long long)bytes);
        return false;
    }
    memcpy(&s, state, sizeof s);
    if (s.seeded != 1 || s.left <= 0 || s.left > 624 || s.next > 624) {
        ct__fail(CT_ERR_RUNTIME, "Invalid mt19937 state");
        return false;
    }
    g = random_of(g);
    pthread_mutex_lock(&g->lock);
    g->seed = s.seed;
    g->mt.next = (int32_t)s.next;
    g->mt.left = s.left < 625 - g->mt.next ? s.left : 625 - g->mt.next; /* never past the last word */
    for (int i = 0; i < 624; i++)
        g->mt.state[i] = (uint32_t)s.words[i];
    g->mt.has_cached_normal = s.has_cached_normal != 0;
    g->mt.cached_normal = s.cached_normal;
    pthread_mutex_unlock(&g->lock);
    return true;
}
