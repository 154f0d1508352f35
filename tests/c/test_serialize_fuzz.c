/* Damaged files: good ones with bytes cut, flipped and exchanged at many places, always the same ones.
 * Loading gives a value or an error, and leaves nothing behind; run it in a build with CT_SANITIZE=ON. */
#include "test_serialize.h"

static uint64_t state = 1;
static uint32_t fuzz_random(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % n);
}

static int64_t loaded, refused;

static void one(const char *data, int64_t n)
{
    CT_SCOPE();
    ct_value_tree *t = ct_load_bytes(data, n, .name = "fuzz");
    CHECK((t != NULL) == ct_ok());
    if (t) {
        loaded++;
        ct__text text = {0};
        describe(&text, ct_tree_root(t), 10);
        ct__text_free(&text);
        int64_t m;
        void *again = ct_save_bytes(t, &m);
        CHECK((again != NULL) == ct_ok());
        ct_free_bytes(again, m);
    } else {
        refused++;
        CHECK(ct_error_message()[0] && strlen(ct_error_message()) < 2000);
    }
    ct_error_clear();
    ct_release(t);
}

static void fuzz(const char *name, int64_t tries)
{
    int64_t n;
    char *good = read_file(golden(name), &n), *bad;
    CHECK(good);
    if (!good)
        return;
    bad = malloc((size_t)n);
    static const char ops[] = ".()]}["
                              "aetlubsdRQhqjrKMJGXBcNTUVSIFLgp012\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d"
                              "\x8e\x8f\x90\x93\x94\x95\x96\xff\x7f";
    for (int64_t cut = 0; cut < n;
         cut += 1 + n / FAULTS_FEW(400, 10)) { /* an exact block, so that a read beyond it is seen */
        char *piece = malloc((size_t)cut + !cut);
        memcpy(piece, good, (size_t)cut);
        one(piece, cut);
        free(piece);
    }
    /* half of the changes go into the pickle */
    char *pickle = find_bytes(good, good + n, "\x80\x02", 2),
         *end = pickle ? find_bytes(pickle, good + n, "PK\3\4", 4) : NULL;
    int64_t from = pickle ? pickle - good : 0, span = end ? end - pickle : n - from;
    for (int64_t i = 0; i < FAULTS_FEW(tries, 20); i++) {
        memcpy(bad, good, (size_t)n);
        for (uint32_t k = 1 + fuzz_random(4); k > 0; k--) {
            int64_t at = fuzz_random(2) ? (int64_t)fuzz_random((uint32_t)n)
                                        : from + (int64_t)fuzz_random((uint32_t)span);
            switch (fuzz_random(5)) {
            case 0: bad[at] = (char)fuzz_random(256); break;
            case 1: bad[at] ^= (char)(1 << fuzz_random(8)); break;
            case 2: bad[at] = ops[fuzz_random(sizeof ops - 1)]; break;
            case 3: memset(bad + at, fuzz_random(2) ? 0xff : 0, (size_t)(n - at < 4 ? n - at : 4)); break;
            default: {
                int64_t other = (int64_t)fuzz_random((uint32_t)n), m = 1 + (int64_t)fuzz_random(16);
                if (at + m <= n && other + m <= n)
                    memmove(bad + at, bad + other, (size_t)m);
            }
            }
        }
        /* most changes would end at a CRC: 0 there means none */
        if (fuzz_random(4))
            for (char *p = bad; (p = find_bytes(p, bad + n, "PK\1\2", 4)); p += 4)
                if (p + 20 <= bad + n)
                    memset(p + 16, 0, 4);
        one(bad, n);
    }
    free(bad);
    free(good);
}

int main(void)
{
    int64_t live = live_bytes();
    fuzz("everything.pt", 6000);
    fuzz("training.pt", 4000);
    fuzz("legacy.pt", 6000);
    fuzz("module.pt", 500);
    CHECK(ct__alloc_live() == live);
    printf("%lld loaded, %lld refused\n", (long long)loaded, (long long)refused);
    return finish("serialize_fuzz");
}
