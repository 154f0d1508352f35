/* Checkpoints that PyTorch wrote, and our own: values, tensors, what they share, refusals; every allocation
 * failing once. */
#include "test_serialize.h"
#include <ctorch/autograd.h>

static void test_values(const ct_datum *r)
{
    CHECK(ct_value_kind_of(r) == CT_VALUE_DICT);
#define IS(key, text) CHECK(described(ct_value_get(r, key), text))
    IS("none", "None");
    IS("true", "True");
    IS("ints", "[0, 255, 256, 65535, 65536, -1, 2147483647, 2147483648, -2147483648, -2147483649, "
               "9223372036854775807, "
               "-9223372036854775808]");
    IS("big", "0x000000000000000040");
    IS("float", "0.10000000000000001");
    IS("complex", "(1,-2)");
    IS("str", "'na\xc3\xafve \xe2\x82\xac'");
    IS("bytes", "b78797a7b7c7d7e7f808182838485868788898a8b");
    IS("bytearray", "bytearray7879");
    IS("tuple", "(1, (2, 'x'), ())");
    IS("four", "(1, 2, 3, 4)");
    IS("set", "set{1}");
    IS("shared", "[[1, 2], [1, 2]]");
    IS("size", "Size(2, 3)");
    IS("dtype", "<bfloat16>");
    IS("device", "<cpu>");
    IS("layout", "<torch.strided>");
    IS("ordered", "Ordered{'b': 1, 'a': 2}+{'_metadata': Ordered{'': {'version': 1}}}");
    IS("counter", "Counter{'a': 2, 'b': 1}");
    IS("base", "tensor(float32 0 [3 4] [4 1])");
    IS("view", "tensor(float32 5 [3 2] [1 4])");
    IS("scalar", "tensor(float32 0 [] [])");
    IS("empty", "tensor(float32 0 [0 2] [2 1])");
    IS("leaf", "tensor(float32 0 [2] [1])");
    IS("parameter", "parameter(float32 0 [2] [1])");
    IS("tagged", "tensor(int16 0 [2] [1])+{'note': 'tag'}");
    const ct_datum *shared = ct_value_get(r, "shared"), *cycle = ct_value_get(r, "cycle");
    CHECK(ct_value_item(shared, 0) == ct_value_item(shared, 1) && ct_value_item(cycle, 0) == cycle);
    CHECK(ct_value_get(r, "base") == ct_value_get(r, "again"));
    CHECK(ct_value_item(ct_value_get(r, "parameters"), 0) == ct_value_get(r, "parameter"));
    ct_tensor *base = ct_value_get_tensor(ct_value_get(r, "base")),
              *view = ct_value_get_tensor(ct_value_get(r, "view"));
    CHECK(base && view && ct_storage_data(base) == ct_storage_data(view));
    for (int i = 0; base && i < 12; i++)
        CHECK(((float *)ct_data(base))[i] == (float)i);
    CHECK(*(float *)ct_data(ct_value_get_tensor(ct_value_get(r, "scalar"))) == 3.25f);
    CHECK(ct_requires_grad(ct_value_get_tensor(ct_value_get(r, "leaf"))) && !ct_requires_grad(base));
    CHECK(ct_requires_grad(ct_value_get_tensor(ct_value_get(r, "parameter"))));
    const ct_datum *dtypes = ct_value_get(r, "dtypes");
    CHECK(ct_value_length(dtypes) == CT_NUM_DTYPES - 1);
    for (int64_t i = 0; i < ct_value_length(dtypes); i++) {
        ct_tensor *t = ct_value_get_tensor(ct_value_item(dtypes, i));
        CHECK(strcmp(ct_dtype_name(ct_dtype_of(t)), ct_value_text(ct_value_key(dtypes, i), NULL)) == 0);
        static const uint8_t one[CT_NUM_DTYPES][16] = {[CT_UINT8] = {1},
                                                       [CT_INT8] = {1},
                                                       [CT_INT16] = {1},
                                                       [CT_INT32] = {1},
                                                       [CT_INT64] = {1},
                                                       [CT_BOOL] = {1},
                                                       [CT_FLOAT16] = {0, 0x3c},
                                                       [CT_BFLOAT16] = {0x80, 0x3f},
                                                       [CT_FLOAT32] = {0, 0, 0x80, 0x3f},
                                                       [CT_FLOAT64] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f},
                                                       [CT_COMPLEX64] = {0, 0, 0x80, 0x3f},
                                                       [CT_COMPLEX128] = {0, 0, 0, 0, 0, 0, 0xf0, 0x3f}};
        int64_t item = ct_dtype_size(ct_dtype_of(t));
        CHECK(memcmp((char *)ct_data(t) + item, one[ct_dtype_of(t)], (size_t)item) == 0);
    }
    CHECK(described(ct_value_key(r, ct_value_length(r) - 1), "(1, 2)"));
    CHECK(described(ct_value_item(r, ct_value_length(r) - 2), "'three'"));
}

static void test_everything(void)
{
    CT_SCOPE();
    ct_value_tree *t = ct_load(golden("everything.pt")), *again, *from_file;
    int64_t n;
    CHECK(t);
    if (!t)
        return;
    for (int64_t id = 0; id < ct_tree_count(t); id++) { /* a binding relies on this order */
        const ct_datum *v = ct_tree_node(t, id);
        CHECK(ct_value_id(v) == id && v->kind != CT_VALUE_GLOBAL && v->kind != CT_VALUE_STORAGE);
        for (int64_t i = 0; (v->kind == CT_VALUE_TUPLE || v->kind == CT_VALUE_SIZE) && i < v->n; i++)
            CHECK(v->items[i]->id < v->id);
    }
    test_values(ct_tree_root(t));
    void *bytes = ct_save_bytes(t, &n);
    CHECK(bytes);
    again = ct_load_bytes(bytes, n, .name = "again");
    CHECK(again);
    test_values(ct_tree_root(again));
    ct_free_bytes(bytes, n);
    const char *path = in_folder("everything.pt");
    CHECK(ct_save(again, path));
    ct_release(again);
    from_file = ct_load(path);
    test_values(ct_tree_root(from_file));
    ct_release(from_file);
    ct_release(t);
}

static void test_training(void)
{
    CT_SCOPE();
    ct_value_tree *t = ct_load(golden("training.pt"));
    const ct_datum *r = ct_tree_root(t);
    CHECK(t);
    if (!t)
        return;
    CHECK(described(ct_value_get(r, "model"), "Ordered{'0.weight': tensor(float32 0 [2 3] [3 1]), '0.bias': "
                                              "tensor(float32 0 [2] [1]), "
                                              "'1.weight': tensor(float32 0 [2] [1]), '1.bias': "
                                              "tensor(float32 0 [2] [1]), '1.running_mean': tensor(float32 0 "
                                              "[2] [1]), "
                                              "'1.running_var': tensor(float32 0 [2] [1]), "
                                              "'1.num_batches_tracked': tensor(int64 0 [] [])}+{'_metadata': "
                                              "Ordered{'': {'version': 1}, '0': {'version': 1}, '1': "
                                              "{'version': 2}}}"));
    const ct_datum *group = ct_value_item(ct_value_get(ct_value_get(r, "optimizer"), "param_groups"), 0);
    CHECK(described(ct_value_get(group, "betas"), "(0.90000000000000002, 0.999)") &&
          described(ct_value_get(group, "params"), "[0, 1, 2, 3]"));
    ct_release(t);
}

static void test_legacy(void)
{
    CT_SCOPE();
    ct_value_tree *t = ct_load(golden("legacy.pt"));
    const ct_datum *r = ct_tree_root(t);
    CHECK(t);
    if (!t)
        return;
    CHECK(described(r, "{'a': tensor(float64 0 [6] [1]), 'b': tensor(float64 2 [2] [1]), 'c': tensor(bool 0 "
                       "[1] [1])}"));
    ct_tensor *a = ct_value_get_tensor(ct_value_get(r, "a")), *b = ct_value_get_tensor(ct_value_get(r, "b"));
    CHECK(ct_storage_data(a) == ct_storage_data(b) && ((double *)ct_data(b))[1] == 3);
    CHECK(*(uint8_t *)ct_data(ct_value_get_tensor(ct_value_get(r, "c"))) == 1);
    ct_release(t);
}

static void test_tensors(void)
{
    CT_SCOPE();
    const char *path = in_folder("net.pt"), *names[] = {"weight", "bias", "steps"},
               *none[] = {"weight", "gone"};
    ct_tensor *in[] = {ct_tensor_from_doubles((double[]){1, 2, 3, 4, 5, 6}, CT_SHAPE(2, 3), CT_FLOAT32),
                       ct_tensor_from_doubles((double[]){-1, 0.5}, CT_SHAPE(2), CT_FLOAT64),
                       ct_tensor_from_doubles((double[]){7}, (ct_ints){0, NULL}, CT_INT64)};
    ct_tensor *out[3];
    CHECK(ct_save_tensors(path, 3, names, in));
    CHECK(ct_load_tensors(path, 3, names, out));
    for (int i = 0; i < 3; i++) {
        CHECK(ct_ndim(out[i]) == ct_ndim(in[i]) && ct_dtype_of(out[i]) == ct_dtype_of(in[i]));
        CHECK(memcmp(ct_data(out[i]), ct_data(in[i]),
                     (size_t)(ct_numel(in[i]) * ct_dtype_size(ct_dtype_of(in[i])))) == 0);
    }
    CHECK(!ct_load_tensors(path, 2, none, out) && !out[0]);
    CHECK_ERROR(CT_ERR_KEY, "gone");
    ct_value_tree *t = ct_tree_new();
    ct_datum *list = ct_tree_container(t, CT_VALUE_LIST);
    ct_tensor *bits = ct_tensor_over(in[0], CT_INT32, 0, CT_SHAPE(6), CT_SHAPE(1));
    CHECK(ct_value_append(list, ct_tree_tensor(t, in[0], false)) &&
          ct_value_append(list, ct_tree_tensor(t, bits, false)) && ct_tree_set_root(t, list));
    CHECK(!ct_save(t, path));
    CHECK_ERROR(CT_ERR_RUNTIME, "Cannot save multiple tensors or storages that view the same data as "
                                "different types");
    CHECK(ct_load_tensors(path, 3, names, out)); /* untouched */
    ct_release(t);
    t = ct_tree_new();
    CHECK(!ct_save(t, path));
    CHECK_ERROR(CT_ERR_VALUE, "the tree has no root");
    ct_release(t);
}

static void test_refused(void)
{
    CHECK(!ct_load(golden("module.pt")));
    CHECK_ERROR(CT_ERR_UNPICKLING, "Unsupported global: GLOBAL torch.nn.modules.linear.Linear was not an "
                                   "allowed global by default");
    CHECK(!ct_load(golden("checkpoints.py")));
    CHECK_ERROR(CT_ERR_RUNTIME, "Invalid magic number; corrupt file?");
    CHECK(!ct_load(golden("plain2.pkl")));
    CHECK_ERROR(CT_ERR_RUNTIME, "Invalid magic number; corrupt file?");
    CHECK(!ct_load_bytes("", 0, .name = "nothing.pt"));
    CHECK_ERROR(CT_ERR_RUNTIME, "nothing.pt is empty");
    CHECK(!ct_load(NULL));
    CHECK_ERROR(CT_ERR_VALUE, "no path");
    CHECK(!ct_load("/nowhere.pt"));
    CHECK_ERROR(CT_ERR_IO, "No such file or directory: '/nowhere.pt'");
}

/* One archive with a pickle of our choice. */
static void hostile(const char *pickle, int64_t n, const char *version, ct_error_kind kind, const char *words)
{
    const char *path = in_folder("hostile.pt");
    ct_archive_writer *w = ct_archive_create(path);
    CHECK(w && ct_archive_add(w, "data.pkl", pickle, n) &&
          ct_archive_add(w, "data/0", "0123456789abcdef", 16) &&
          (!version || ct_archive_add(w, "version", version, (int64_t)strlen(version))) &&
          ct_archive_finish(w));
    ct_release(w);
    ct_value_tree *t = ct_load(path);
    CHECK(!t);
    check_error(kind, words, __LINE__);
    ct_release(t);
}
#define HOSTILE(p, kind, words) hostile(p, sizeof p - 1, "3\n", kind, words)
#define ID(class, key, place, n) "(X\7\0\0\0storagectorch\n" class "\nX\1\0\0\0" key "X\4\0\0\0" place n "tQ"
#define TENSOR(storage, offset, sizes, strides) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset sizes strides "\x89}tR."

static void test_hostile(void)
{
    hostile("N.", 2, NULL, CT_ERR_RUNTIME, "Expected hasRecord(\"version\") to be true, but got false");
    hostile("N.", 2, "11\n", CT_ERR_RUNTIME,
            "Attempted to read a PyTorch file with version 11, but the maximum supported version for reading "
            "is 10");
    hostile("N.", 2, "0\n", CT_ERR_RUNTIME, "minimum supported version for reading is 1");
    HOSTILE(ID("FloatStorage", "1", "cpu ", "K\4") ".", CT_ERR_RUNTIME,
            "don't know how to restore data location");
    HOSTILE(ID("FloatStorage", "0", "cuda", "K\4") ".", CT_ERR_RUNTIME,
            "Attempting to deserialize object on a CUDA device");
#undef ID
#define ID(class, key, n) "(X\7\0\0\0storagectorch\n" class "\nX\1\0\0\0" key "X\3\0\0\0cpu" n "tQ"
    HOSTILE(ID("FloatStorage", "1", "K\4") ".", CT_ERR_RUNTIME,
            "failed locating file data/1: file not found");
    HOSTILE(ID("FloatStorage", "0", "K\5") ".", CT_ERR_RUNTIME,
            "record size (16 bytes) does not match expected size (20 bytes)");
    HOSTILE(ID("FloatStorage", "0", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f") ".", CT_ERR_UNPICKLING,
            "a storage of");
    HOSTILE(ID("FloatStorage", "0", "J\xff\xff\xff\xff") ".", CT_ERR_UNPICKLING, "a storage of -1 elements");
    HOSTILE(ID("OddStorage", "0", "K\4") ".", CT_ERR_UNPICKLING,
            "Unsupported global: GLOBAL torch.OddStorage");
    HOSTILE("NQ.", CT_ERR_UNPICKLING, "a persistent id that is no storage");
    HOSTILE(ID("FloatStorage", "0", "K\4") ID("DoubleStorage", "0", "K\4") ".", CT_ERR_UNPICKLING,
            "storage 0 once of 16 bytes, once of 32");
#define FOUR ID("FloatStorage", "0", "K\4")
    HOSTILE(TENSOR(FOUR, "K\0", "K\5\x85", "K\1\x85"), CT_ERR_UNPICKLING,
            "out of bounds for storage of size 16");
    HOSTILE(TENSOR(FOUR, "K\4", "K\1\x85", "K\1\x85"), CT_ERR_UNPICKLING, "out of bounds for storage");
    HOSTILE(TENSOR(FOUR, "J\xff\xff\xff\xff", "K\1\x85", "K\1\x85"), CT_ERR_UNPICKLING,
            "impossible size, stride or offset");
    HOSTILE(TENSOR(FOUR, "K\0", "K\2\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"), CT_ERR_UNPICKLING,
            "out of bounds");
    HOSTILE(TENSOR(FOUR, "K\1", "K\2\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"), CT_ERR_UNPICKLING,
            "out of bounds");
    HOSTILE(TENSOR(FOUR, "K\0", "(\x8a\x08\0\0\0\0\1\0\0\0\x8a\x08\0\0\0\0\1\0\0\0t", "K\0K\0\x86"),
            CT_ERR_UNPICKLING, "impossible size");
    HOSTILE(TENSOR(FOUR, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                   "(K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1t"),
            CT_ERR_UNPICKLING, "13 dimensions");
    HOSTILE(TENSOR(FOUR, "K\0", "K\1\x85", ")"), CT_ERR_UNPICKLING, "wrong parts");
    HOSTILE(TENSOR("N", "K\0", ")", ")"), CT_ERR_UNPICKLING, "wrong parts");
    HOSTILE("ctorch._utils\n_rebuild_sparse_tensor\n.", CT_ERR_UNPICKLING,
            "ctorch has no such tensors yet: torch._utils._rebuild_sparse_tensor");
    CT_SCOPE();
    ct_value_tree *t = ct_load(in_folder("hostile.pt"), .map_location = "cpu");
    CHECK(!t);
    ct_error_clear();
}

/* Loading and saving with each allocation failing in turn: an error, nothing left over. */
static void test_no_memory(void)
{
    int64_t n, m, live = live_bytes();
    char *good = read_file(golden("everything.pt"), &n);
    for (int64_t fail = 0; fail < 100000; fail++) {
        CT_SCOPE();
        void *bytes = NULL;
        ct__alloc_fail_after(fail);
        ct_value_tree *t = ct_load_bytes(good, n);
        if (t)
            bytes = ct_save_bytes(t, &m);
        bool enough = ct_ok();
        ct__alloc_fail_after(-1);
        CHECK(enough == (bytes != NULL));
        if (!enough)
            CHECK(ct_error() == CT_ERR_MEMORY);
        ct_error_clear();
        ct_free_bytes(bytes, m);
        ct_release(t);
        if (enough)
            break;
    }
    CHECK(ct__alloc_live() == live);
    free(good);
}

int main(void)
{
    test_everything();
    test_training();
    test_legacy();
    test_tensors();
    test_refused();
    test_hostile();
    if (!faults_on())
        test_no_memory();
    files_in_folder(true);
    return finish("serialize_checkpoint");
}
