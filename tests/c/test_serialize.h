/* What the serialisation tests share: checks, golden files, a value as text. */
#ifndef TEST_SERIALIZE_H
#define TEST_SERIALIZE_H

#include "serialize/serialize.h"
#include "faults.h"
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static int failures;
#define CHECK(x) \
    ((x) ? (void)0 \
         : (void)(faults_leave(), failures++, \
                  fprintf(stderr, "%s:%d: %s (error: %s)\n", __FILE__, __LINE__, #x, ct_error_message())))
/* The pending error has this kind and these words; clears it. */
#define CHECK_ERROR(kind, words) check_error(kind, words, __LINE__)

__attribute__((unused)) static void check_error(ct_error_kind kind, const char *words, int line)
{
    if (ct_error() != kind || !strstr(ct_error_message(), words)) {
        faults_leave();
        failures++;
        fprintf(stderr, "line %d: expected error %d '%s', got %d '%s'\n", line, kind, words, ct_error(),
                ct_error_message());
    }
    ct_error_clear();
}

__attribute__((unused)) static const char *golden(const char *name)
{
    static char path[2][1024];
    static int turn;
    snprintf(path[turn ^= 1], 1024, CT_TESTS_FOLDER "/golden/%s", name);
    return path[turn];
}

__attribute__((unused)) static char *read_file(const char *path, int64_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *n = ftell(f);
    rewind(f);
    char *p = malloc((size_t)*n + 1);
    if (fread(p, 1, (size_t)*n, f) != (size_t)*n)
        *n = -1;
    fclose(f);
    return p;
}

__attribute__((unused)) static char *find_bytes(char *from, char *end, const char *what, size_t n)
{
    for (; from && end - from >= (int64_t)n; from++)
        if (memcmp(from, what, n) == 0)
            return from;
    return NULL;
}

/* A folder of its own for the test, removed with what is in it. */
static char folder[] = "ctorch-test-XXXXXX";
__attribute__((unused)) static const char *in_folder(const char *name)
{
    static char path[4][1024];
    static int turn, made;
    if (!made++ && !mkdtemp(folder))
        abort();
    turn = (turn + 1) % 4;
    snprintf(path[turn], 1024, "%s/%s", folder, name);
    return path[turn];
}
__attribute__((unused)) static int files_in_folder(bool remove_them)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            n++;
            if (remove_them)
                unlink(in_folder(e->d_name));
        }
    if (d)
        closedir(d);
    if (remove_them)
        rmdir(folder);
    return n;
}

/* Python's repr, nearly; tensors as tensor(dtype, offset, sizes, strides). */
__attribute__((unused)) static void describe(ct__text *t, const ct_datum *v, int depth)
{
    if (depth > 20) {
        ct__text_add(t, "...");
        return;
    }
    switch (ct_value_kind_of(v)) {
    case CT_VALUE_NONE: ct__text_add(t, "None"); break;
    case CT_VALUE_BOOL: ct__text_add(t, ct_value_get_int(v) ? "True" : "False"); break;
    case CT_VALUE_INT: ct__text_addf(t, "%lld", (long long)ct_value_get_int(v)); break;
    case CT_VALUE_FLOAT: ct__text_addf(t, "%.17g", ct_value_get_float(v)); break;
    case CT_VALUE_COMPLEX: ct__text_addf(t, "(%g,%g)", v->f[0], v->f[1]); break;
    case CT_VALUE_STRING: ct__text_addf(t, "'%s'", ct_value_text(v, NULL)); break;
    case CT_VALUE_BIG_INT: case CT_VALUE_BYTES: case CT_VALUE_BYTEARRAY:
        ct__text_add(t, v->kind == CT_VALUE_BIG_INT ? "0x" : v->kind == CT_VALUE_BYTES ? "b" : "bytearray");
        for (int64_t i = 0; i < v->n; i++)
            ct__text_addf(t, "%02x", (uint8_t)v->s[i]);
        break;
    case CT_VALUE_TENSOR: {
        ct_tensor *x = ct_value_get_tensor(v);
        ct_ints s = ct_shape_of(x), st = ct_strides_of(x);
        ct__text_addf(t, "%s(%s %lld [", ct_value_is_parameter(v) ? "parameter" : "tensor",
                      ct_dtype_name(ct_dtype_of(x)), (long long)ct_storage_offset(x));
        for (int64_t i = 0; i < s.n; i++)
            ct__text_addf(t, "%s%lld", i ? " " : "", (long long)s.v[i]);
        ct__text_add(t, "] [");
        for (int64_t i = 0; i < s.n; i++)
            ct__text_addf(t, "%s%lld", i ? " " : "", (long long)st.v[i]);
        ct__text_add(t, "])");
        break;
    }
    case CT_VALUE_DTYPE:
    case CT_VALUE_DEVICE:
    case CT_VALUE_LAYOUT:
    case CT_VALUE_GLOBAL:
    case CT_VALUE_STORAGE: ct__text_addf(t, "<%s>", ct_value_text(v, NULL)); break;
    default: {
        bool dict = ct__value_is_dict(v);
        ct__text_add(t, v->kind == CT_VALUE_TUPLE     ? "("
                        : v->kind == CT_VALUE_LIST    ? "["
                        : v->kind == CT_VALUE_DICT    ? "{"
                        : v->kind == CT_VALUE_SET     ? "set{"
                        : v->kind == CT_VALUE_SIZE    ? "Size("
                        : v->kind == CT_VALUE_COUNTER ? "Counter{"
                                                      : "Ordered{");
        for (int64_t i = 0; i < ct_value_length(v); i++) {
            if (i)
                ct__text_add(t, ", ");
            if (dict) {
                describe(t, ct_value_key(v, i), depth + 1);
                ct__text_add(t, ": ");
            }
            describe(t, ct_value_item(v, i), depth + 1);
        }
        ct__text_add(t, v->kind == CT_VALUE_LIST                                ? "]"
                        : v->kind == CT_VALUE_TUPLE || v->kind == CT_VALUE_SIZE ? ")"
                                                                                : "}");
    }
    }
    if (ct_value_state(v)) {
        ct__text_add(t, "+");
        describe(t, ct_value_state(v), depth + 1);
    }
}

__attribute__((unused)) static bool described(const ct_datum *v, const char *expected)
{
    ct__text t = {0};
    describe(&t, v, 0);
    bool same = t.s && strcmp(t.s, expected) == 0;
    if (!same)
        fprintf(stderr, "got      %s\nexpected %s\n", t.s ? t.s : "", expected);
    ct__text_free(&t);
    return same;
}

/* The thread's scope keeps what it grew to; let it grow before bytes are counted. Returns the bytes then in use. */
__attribute__((unused)) static int64_t live_bytes(void)
{
    {
        CT_SCOPE();
        ct_tensor *t = ct_tensor_from_doubles((double[]){0}, CT_SHAPE(1), CT_FLOAT64);
        for (int i = 0; i < 5000; i++)
            ct_adopt(ct_retain(t));
    }
    return ct__alloc_live();
}

static int finish(const char *name)
{
    printf("%s: %s\n", name, failures ? "FAILED" : "ok");
    return failures != 0;
}
#endif
