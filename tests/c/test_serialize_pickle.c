/* Pickles of every protocol, and hostile ones. */
#include "test_serialize.h"

static ct_datum *plain_global(ct__unpickler *u, const char *module, const char *name)
{
    return ct__checkpoint_hooks.global(u, module, name);
}
static ct_datum *plain_reduce(ct__unpickler *u, ct_datum *callable, ct_datum *args)
{
    return ct__checkpoint_hooks.reduce(u, callable, args);
}
static bool plain_build(ct__unpickler *u, ct_datum *object, ct_datum *state)
{
    return ct__checkpoint_hooks.build(u, object, state);
}
static ct_datum *plain_persistent(ct__unpickler *u, ct_datum *id) { return id; }
static const ct__pickle_hooks plain_hooks = {plain_global, plain_reduce, plain_build, plain_persistent};

static ct_datum *unpickle(ct_value_tree *tree, const void *data, int64_t n)
{
    static ct__loading l;
    ct__unpickler u = {tree, &plain_hooks, &l, "test.pkl", "", data, n, 0};
    return ct__unpickle(&u);
}

static void test_protocols(void)
{
    char expected[1024], xs[301];
    memset(xs, 'x', 300);
    xs[300] = 0;
    for (int protocol = 0; protocol < 6; protocol++) {
        char name[32];
        int64_t n;
        snprintf(name, sizeof name, "plain%d.pkl", protocol);
        char *data = read_file(golden(name), &n);
        CHECK(data);
        if (!data)
            continue;
        ct_value_tree *tree = ct_tree_new();
        ct_datum *v = unpickle(tree, data, n);
        snprintf(expected, sizeof expected,
                 "{'a': [1, 2.5, None, True, -7, 0x000010632d5ec76b05], 't': (1, 2, 3, 4), 's': '%s', "
                 "'u': '\xc3\xa9', 'd': {}, 'n': {1: {2: [3]}}, 'b': bff00}",
                 xs);
        if (protocol < 2) /* its integer of 67 bits is a decimal number there: refused */
            CHECK_ERROR(CT_ERR_UNPICKLING, "is no integer of 64 bits");
        else
            CHECK(v && described(v, expected));
        for (int64_t cut = 0; cut < n; cut++) {
            CHECK(!unpickle(tree, data, cut));
            CHECK(ct_error() == CT_ERR_UNPICKLING);
            ct_error_clear();
        }
        free(data);
        ct_release(tree);
    }
}

static void test_one(const char *data, int64_t n, const char *expected)
{
    ct_value_tree *tree = ct_tree_new();
    ct_datum *v = unpickle(tree, data, n);
    CHECK(v && described(v, expected));
    ct_release(tree);
}

static void test_bad(const char *data, int64_t n, const char *words)
{
    ct_value_tree *tree = ct_tree_new();
    CHECK(!unpickle(tree, data, n));
    CHECK_ERROR(CT_ERR_UNPICKLING, words);
    ct_release(tree);
}
#define ONE(s, expected) test_one(s, sizeof s - 1, expected)
#define BAD(s, words) test_bad(s, sizeof s - 1, words)

static void test_opcodes(void)
{
    ONE("I01\n.", "True");
    ONE("I-12\n.", "-12");
    ONE("L123L\n.", "123");
    ONE("F-2.5\n.", "-2.5");
    ONE("V\\u20acx\n.", "'\xe2\x82\xacx'");
    ONE("S'abc'\n.", "'abc'");
    ONE("(I1\nI2\nl.", "[1, 2]");
    ONE("(I1\nI2\nd.", "{1: 2}");
    ONE("\x80\x02\x8a\x01\xff.", "-1");
    ONE("\x80\x02\x8a\x00.", "0");
    ONE("\x80\x04\x8f(K\x01K\x02\x90.", "set{1, 2}");
    ONE("]2a.", "[[[[[[[[[[[[[[[[[[[[[...]]]]]]]]]]]]]]]]]]]]]");
    ONE("K\x01K\x02(K\x03" "10.", "1");
    ONE("c__builtin__\nset\n]K\x05" "a\x85R.", "set{5}");
    ONE("c_codecs\nencode\nX\x03\0\0\0\xc3\xbf!X\x06\0\0\0latin1\x86R.", "bff21");
    ONE("ctorch\nSize\nK\x02K\x03\x86\x85R.", "Size(2, 3)");
    ONE("ctorch\nfloat16\n.", "<float16>");
    ONE("ctorch\ndevice\nX\x04\0\0\0cudaK\x01\x86R.", "<cuda:1>");
    BAD("", "pickle data was truncated");
    BAD(".", "an empty stack");
    BAD("\x80\x06.", "unsupported pickle protocol: 6");
    BAD("cos\nsystem\n.", "Unsupported global: GLOBAL os.system was not an allowed global by default");
    BAD("\x80\x04\x8c\x02os\x8c\x06system\x93.", "Unsupported global: GLOBAL os.system");
    BAD("cos\nsystem", "pickle data was truncated");
    BAD("(cposix\nsystem\nX\x02\0\0\0lso.", "GLOBAL posix.system");
    BAD("(iposix\nsystem\n.", "Unsupported operand 105");
    BAD("X\xff\xff\xff\xff" "abc.", "pickle data was truncated");
    BAD("\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "abc.", "pickle data was truncated");
    BAD("\x8b\xff\xff\xff\xff.", "pickle data was truncated");
    BAD("r\xff\xff\xff\xff.", "an empty stack");
    BAD("Nr\xff\xff\xff\xff.", "memo index 4294967295");
    BAD("h\x05.", "Memo value not found at index 5");
    BAD("(a.", "unexpected MARK");
    BAD("t.", "could not find MARK");
    BAD("}]K\x01s.", "unhashable type: 'list'");
    BAD("N]a.", "APPENDS on a NoneType");
    BAD("}(K\x01u.", "odd number of items");
    BAD("K\x01)R.", "a call of a int");
    BAD("ctorch\nSize\nK\x02R.", "REDUCE with a int");
    BAD("ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor with the wrong parts");
    BAD("NNb.", "Can only build");
    BAD("c__builtin__\neval\n.", "GLOBAL __builtin__.eval");
}

/* A small pickle must not make a large structure, nor a deep one overflow the stack. */
static void test_bombs(void)
{
    int64_t n = FAULTS_FEW(4000000, 40000);
    char *data = malloc(4000002);
    memset(data, ']', (size_t)n);
    memset(data + n / 2, 'a', (size_t)n / 2 - 1);
    data[n - 1] = '.';
    ct_value_tree *tree = ct_tree_new();
    ct_datum *v = unpickle(tree, data, n);
    CHECK(v && v->kind == CT_VALUE_LIST && v->n == 1);
    ct__pickler p = {0};
    CHECK(!ct__pickle(&p, tree, v));
    CHECK_ERROR(CT_ERR_RUNTIME, "maximum recursion depth exceeded");
    ct__pickle_free(&p);
    ct_release(tree);

    memcpy(data, "\x80\x02" "c__builtin__\nset\nq\x00](", 24); /* set(list) again and again */
    int64_t at = 23;
    while (at < 200000)
        data[at++] = 'N';
    data[at++] = 'e';
    data[at++] = 'q';
    data[at++] = 1;
    while (at < 1000000) {
        memcpy(data + at, "h\0h\1\x85R0", 7);
        at += 7;
    }
    data[at++] = '.';
    tree = ct_tree_new();
    v = unpickle(tree, data, at);
    CHECK(!v);
    CHECK_ERROR(CT_ERR_UNPICKLING, "copies one value again and again");
    ct_release(tree);
    free(data);
}

/* What is written is read back the same. */
static void test_writer(void)
{
    ct_value_tree *t = ct_tree_new(), *u = ct_tree_new();
    ct_datum *list = ct_tree_container(t, CT_VALUE_LIST), *dict = ct_tree_container(t, CT_VALUE_ORDERED_DICT);
    static const int64_t ints[] = {0,
                                   1,
                                   255,
                                   256,
                                   65535,
                                   65536,
                                   -1,
                                   -128,
                                   -129,
                                   INT32_MAX,
                                   INT32_MIN,
                                   1LL << 31,
                                   -(1LL << 31) - 1,
                                   1LL << 39,
                                   (1LL << 39) - 1,
                                   -(1LL << 39),
                                   INT64_MAX,
                                   INT64_MIN};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        CHECK(ct_value_append(list, ct_tree_int(t, ints[i])));
    CHECK(ct_value_put(dict, ct_tree_string(t, "ints"), list));
    CHECK(ct_value_put(dict, ct_tree_string(t, "same"), list));
    CHECK(ct_value_put(dict, ct_tree_string(t, "self"), dict));
    ct_datum *set = ct_tree_container(t, CT_VALUE_SET), *counter = ct_tree_container(t, CT_VALUE_COUNTER);
    CHECK(ct_value_append(set, ct_tree_string(t, "s")) &&
          ct_value_put(counter, ct_tree_string(t, "c"), ct_tree_int(t, 2)));
    ct_datum *items[] = {set,
                         counter,
                         ct_tree_complex(t, 1, -2),
                         ct_tree_text(t, CT_VALUE_BYTES, "a\xff\0", 3),
                         ct_tree_text(t, CT_VALUE_BYTEARRAY, "\x80z", 2),
                         ct_tree_dtype(t, CT_FLOAT16),
                         ct_tree_size(t, CT_INTS(2, 3)),
                         ct_tree_size(t, (ct_ints){0, NULL}),
                         ct_tree_text(t, CT_VALUE_DEVICE, "cuda:1", 6),
                         ct_tree_none(t),
                         ct_tree_big_int(t, "\1\2\3\4\5\6\7\x08\x09", 9),
                         ct_tree_float(t, 0.1),
                         ct_tree_tuple(t, 0, NULL)};
    CHECK(ct_value_put(dict, ct_tree_bool(t, true), ct_tree_tuple(t, 13, items)));
    ct_datum *state = ct_tree_container(t, CT_VALUE_DICT);
    CHECK(ct_value_put(state, ct_tree_string(t, "_metadata"), ct_tree_none(t)) &&
          ct_value_set_state(dict, state));
    ct_datum *loop = ct_tree_container(t, CT_VALUE_LIST), *pair = ct_tree_tuple(t, 1, &loop);
    CHECK(ct_value_append(loop, pair) && ct_value_put(dict, ct_tree_string(t, "loop"), pair));
    for (int i = 0; i < FAULTS_FEW(2500, 50); i++)
        CHECK(ct_value_put(state, ct_tree_int(t, i), ct_tree_string(t, "many")));
    ct__pickler p = {0};
    CHECK(ct__pickle(&p, t, dict));
    ct_datum *v = unpickle(u, p.out.s, (int64_t)p.out.length);
    CHECK(v && ct_value_get(v, "ints") == ct_value_get(v, "same") && ct_value_get(v, "self") == v);
    CHECK(described(ct_value_get(v, "ints"), "[0, 1, 255, 256, 65535, 65536, -1, -128, -129, 2147483647, "
                                             "-2147483648, 2147483648, "
                                             "-2147483649, 549755813888, 549755813887, -549755813888, "
                                             "9223372036854775807, -9223372036854775808]"));
    CHECK(described(ct_value_item(v, 3), "(set{'s'}, Counter{'c': 2}, (1,-2), b61ff00, bytearray807a, "
                                         "<float16>, Size(2, 3), Size(), "
                                         "<cuda:1>, None, 0x010203040506070809, 0.10000000000000001, ())"));
    ct_datum *got = ct_value_get(v, "loop");
    CHECK(got && got->kind == CT_VALUE_TUPLE && ct_value_item(ct_value_item(got, 0), 0) == got);
    CHECK(ct_value_length(ct_value_state(v)) == FAULTS_FEW(2500, 50) + 1 &&
          ct_value_kind_of(ct_value_get(ct_value_state(v), "_metadata")) == CT_VALUE_NONE);
    ct__pickle_free(&p);
    CHECK(!ct_value_get(v, "nothing") && ct_ok());
    CHECK(!ct_value_append(v, v));
    CHECK_ERROR(CT_ERR_TYPE, "collections.OrderedDict, not a list");
    CHECK(ct_value_get_int(v) == 0);
    CHECK_ERROR(CT_ERR_TYPE, "not an int");
    CHECK(!ct_value_append(list, NULL));
    CHECK_ERROR(CT_ERR_TYPE, "no value");
    ct_release(t);
    ct_release(u);
}

int main(void)
{
    int64_t live = live_bytes();
    test_protocols();
    test_opcodes();
    test_bombs();
    test_writer();
    CHECK(ct__alloc_live() == live);
    return finish("serialize_pickle");
}
