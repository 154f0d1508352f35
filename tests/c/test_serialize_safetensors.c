/* safetensors: a round trip, the bytes of a small file, refusals, damaged headers. */
#include "test_serialize.h"

static void safe_file(char *to, int64_t *n, const char *header, int64_t data)
{
    size_t length = strlen(header);
    memset(to, 0, 8);
    to[0] = (char)(length & 255);
    to[1] = (char)(length >> 8);
    memcpy(to + 8, header, length);
    memset(to + 8 + length, 1, (size_t)data);
    *n = 8 + (int64_t)length + data;
}

static void test_safe_bad(const char *header, int64_t data, const char *words)
{
    char file[1024];
    int64_t n;
    safe_file(file, &n, header, data);
    CHECK(!ct_load_safetensors_bytes(file, n));
    CHECK_ERROR(CT_ERR_RUNTIME, words);
}

static void test_safe_round_trip(void)
{
    CT_SCOPE();
    const char *path = in_folder("net.safetensors"), *names[] = {"b", "a", "steps", "na\"me\n"},
               *metadata[] = {"format", "pt"};
    ct_tensor *in[] = {ct_tensor_from_doubles((double[]){1, 2, 3, 4, 5, 6}, CT_SHAPE(2, 3), CT_FLOAT32),
                       ct_tensor_from_doubles((double[]){-1, 0.5}, CT_SHAPE(2), CT_FLOAT32),
                       ct_tensor_from_doubles((double[]){7}, (ct_ints){0, NULL}, CT_INT64),
                       ct_tensor_from_doubles((double[]){9}, CT_SHAPE(1, 1), CT_FLOAT64)};
    CHECK(ct_save_safetensors(path, 4, names, in, 1, metadata));
    ct_value_tree *t = ct_load_safetensors(path);
    ct_datum *r = ct_tree_root(t);
    CHECK(r && described(r, "{'steps': tensor(int64 0 [] []), 'na\"me\n': tensor(float64 0 [1 1] [1 1]), "
                            "'a': tensor(float32 0 [2] [1]), "
                            "'b': tensor(float32 0 [2 3] [3 1])}+{'format': 'pt'}"));
    CHECK(((float *)ct_data(ct_value_get_tensor(ct_value_get(r, "b"))))[5] == 6);
    int64_t n;
    char *bytes = read_file(path, &n);
    CHECK((uint8_t)bytes[0] % 8 == 0 && find_bytes(bytes, bytes + n,
                                                   "{\"__metadata__\":{\"format\":\"pt\"},\"steps\":{"
                                                   "\"dtype\":\"I64\","
                                                   "\"shape\":[],\"data_offsets\":[0,8]},",
                                                   86));
    for (int64_t cut = 0; cut < n; cut += FAULTS_FEW(1, 40)) {
        char *piece = malloc((size_t)cut + !cut);
        memcpy(piece, bytes, (size_t)cut);
        CHECK(!ct_load_safetensors_bytes(piece, cut));
        CHECK_ERROR(CT_ERR_RUNTIME, "Error while deserializing header");
        free(piece);
    }
    uint32_t state = 1;
    for (int i = 0; i < FAULTS_FEW(20000, 20); i++) {
        char *bad = malloc((size_t)n);
        memcpy(bad, bytes, (size_t)n);
        for (int k = 0; k < 3; k++) {
            state = state * 1664525 + 1013904223;
            bad[(state >> 8) % (uint32_t)n] = (char)"{}[],:\"\\u0123456789 x\xff"[(state >> 4) % 22];
        }
        ct_value_tree *x = ct_load_safetensors_bytes(bad, n);
        CHECK((x != NULL) == ct_ok());
        ct_error_clear();
        ct_release(x);
        free(bad);
    }
    free(bytes);
    ct_release(t);
    in[1] = in[0];
    CHECK(!ct_save_safetensors(path, 4, names, in, 0, NULL));
    CHECK_ERROR(CT_ERR_RUNTIME, "Some tensors share memory");
    CHECK((t = ct_load_safetensors(path)) != NULL); /* untouched */
    ct_release(t);
}

int main(void)
{
    int64_t live = live_bytes();
    test_safe_round_trip();
    test_safe_bad("{", 0, "invalid JSON");
    test_safe_bad("{} x", 0, "invalid JSON");
    test_safe_bad("{}", 4, "file not fully covered");
    test_safe_bad("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
                  "invalid shape, data type, or offset for tensor `x`");
    test_safe_bad("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
                  "invalid offset for a tensor");
    test_safe_bad("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4,
                  "invalid shape, data type, or offset");
    test_safe_bad("{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
                  "invalid shape");
    test_safe_bad("{\"x\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}", 0,
                  "invalid integer");
    test_safe_bad("{\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "type F8_E4M3");
    test_safe_bad("{\"__metadata__\":{\"a\":1}}", 0, "expected a string");
    test_safe_bad("{\"a\\ud800\":1}", 0, "invalid escape");
    CHECK(!ct_load_safetensors_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10));
    CHECK_ERROR(CT_ERR_RUNTIME, "header too large");
    CHECK(ct__alloc_live() == live);
    files_in_folder(true);
    return finish("serialize_safetensors");
}
