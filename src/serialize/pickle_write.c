/* Writes values as a pickle of protocol 2, with the opcodes and the classes that PyTorch's weights-only
 * reader takes. A value met again is fetched from the memo, so sharing and cycles survive. Refuses nesting
 * beyond a thousand levels, as Python's pickler does. */
#include "serialize/serialize.h"

#define PICKLE_DEPTH 1000
#define PICKLE_BATCH 1000

void ct__pickle_op(ct__pickler *p, const char *bytes, int64_t n) { ct__text_addn(&p->out, bytes, (size_t)n); }

static void pk_number(ct__pickler *p, char op, uint64_t v, int bytes)
{
    char b[9] = {op};
    for (int i = 0; i < bytes; i++)
        b[1 + i] = (char)(v >> 8 * i);
    ct__pickle_op(p, b, 1 + bytes);
}

static void pk_put_index(ct__pickler *p, int64_t i)
{
    if (i < 256)
        pk_number(p, 'q', (uint64_t)i, 1);
    else
        pk_number(p, 'r', (uint64_t)i, 4);
}

static void pk_get(ct__pickler *p, int64_t i)
{
    if (i < 256)
        pk_number(p, 'h', (uint64_t)i, 1);
    else
        pk_number(p, 'j', (uint64_t)i, 4);
}

void ct__pickle_put(ct__pickler *p) { pk_put_index(p, p->memo_next++); }

static void pk_memoize(ct__pickler *p, const ct_datum *v)
{
    p->memo[v->id] = p->memo_next;
    ct__pickle_put(p);
}

void ct__pickle_int(ct__pickler *p, int64_t v)
{
    if (v >= 0 && v < 256)
        pk_number(p, 'K', (uint64_t)v, 1);
    else if (v >= 0 && v < 65536)
        pk_number(p, 'M', (uint64_t)v, 2);
    else if (v >= INT32_MIN && v <= INT32_MAX)
        pk_number(p, 'J', (uint64_t)v, 4);
    else {
        int n = 8;
        while (n > 1 && (v >> (8 * (n - 1) - 1) == 0 || v >> (8 * (n - 1) - 1) == -1))
            n--;
        pk_number(p, (char)0x8a, (uint64_t)n, 1);
        char b[8];
        for (int i = 0; i < n; i++)
            b[i] = (char)((uint64_t)v >> 8 * i);
        ct__pickle_op(p, b, n);
    }
}

static void pk_float(ct__pickler *p, double f)
{
    uint64_t bits;
    char b[9] = {'G'};
    memcpy(&bits, &f, 8);
    for (int i = 0; i < 8; i++)
        b[1 + i] = (char)(bits >> (56 - 8 * i));
    ct__pickle_op(p, b, 9);
}

static void pk_string(ct__pickler *p, const char *s, int64_t n)
{
    if (n > UINT32_MAX)
        ct__fail(CT_ERR_VALUE, "a string of %lld bytes is too long for a checkpoint", (long long)n);
    pk_number(p, 'X', (uint64_t)n, 4);
    ct__pickle_op(p, s, n);
}

static bool pk_known(ct__pickler *p, const char *s)
{
    int64_t i = ct__map_get(&p->names, s, (int64_t)strlen(s));
    if (i >= 0)
        pk_get(p, i);
    return i >= 0;
}

void ct__pickle_fixed(ct__pickler *p, const char *s)
{
    if (pk_known(p, s))
        return;
    pk_string(p, s, (int64_t)strlen(s));
    ct__map_put(&p->names, s, (int64_t)strlen(s), p->memo_next);
    ct__pickle_put(p);
}

void ct__pickle_global(ct__pickler *p, const char *s)
{
    if (pk_known(p, s))
        return;
    ct__pickle_op(p, "c", 1);
    ct__pickle_op(p, s, (int64_t)strlen(s));
    ct__map_put(&p->names, s, (int64_t)strlen(s), p->memo_next);
    ct__pickle_put(p);
}

/* bytes go as _codecs.encode(text, 'latin1'), protocol 2 having no opcode for them. */
static void pk_bytes(ct__pickler *p, const ct_datum *v)
{
    ct__pickle_global(p, "_codecs\nencode\n");
    int64_t high = 0;
    for (int64_t i = 0; i < v->n; i++)
        high += (uint8_t)v->s[i] >= 128;
    if (v->n + high > UINT32_MAX)
        ct__fail(CT_ERR_VALUE, "%lld bytes are too many for one value of a checkpoint", (long long)v->n);
    pk_number(p, 'X', (uint64_t)(v->n + high), 4);
    for (int64_t i = 0, from = 0; i <= v->n; i++)
        if (i == v->n || (uint8_t)v->s[i] >= 128) {
            ct__pickle_op(p, v->s + from, i - from);
            from = i + 1;
            if (i < v->n)
                ct__pickle_op(
                    p, (char[]){(char)(0xC0 | (uint8_t)v->s[i] >> 6), (char)(0x80 | (v->s[i] & 63))}, 2);
        }
    ct__pickle_put(p);
    ct__pickle_fixed(p, "latin1");
    ct__pickle_op(p, "\x86", 1);
    ct__pickle_put(p);
    ct__pickle_op(p, "R", 1);
}

static bool pk_append(ct__pickler *p, const ct_datum *v)
{
    for (int64_t i = 0; i < v->n;) {
        int64_t end = v->n - i > PICKLE_BATCH ? i + PICKLE_BATCH : v->n;
        bool one = end - i == 1;
        if (!one)
            ct__pickle_op(p, "(", 1);
        for (; i < end; i++)
            if (!ct__pickle_value(p, v->items[i]))
                return false;
        ct__pickle_op(p, one ? "a" : "e", 1);
    }
    return true;
}

static bool pk_set_items(ct__pickler *p, const ct_datum *v)
{
    for (int64_t i = 0; i < v->n;) {
        int64_t end = v->n - i > 2 * PICKLE_BATCH ? i + 2 * PICKLE_BATCH : v->n;
        bool one = end - i == 2;
        if (!one)
            ct__pickle_op(p, "(", 1);
        for (; i < end; i++)
            if (!ct__pickle_value(p, v->items[i]))
                return false;
        ct__pickle_op(p, one ? "s" : "u", 1);
    }
    return true;
}

static bool pk_tuple(ct__pickler *p, const ct_datum *v)
{
    if (v->n == 0) {
        ct__pickle_op(p, ")", 1);
        return true;
    }
    if (v->n > 3)
        ct__pickle_op(p, "(", 1);
    for (int64_t i = 0; i < v->n; i++)
        if (!ct__pickle_value(p, v->items[i]))
            return false;
    /* a list among the items may have led back to this tuple and written it whole */
    if (v->kind == CT_VALUE_TUPLE && p->memo[v->id] >= 0) {
        if (v->n > 3)
            ct__pickle_op(p, "1", 1);
        for (int64_t i = 0; v->n <= 3 && i < v->n; i++)
            ct__pickle_op(p, "0", 1);
        pk_get(p, p->memo[v->id]);
        return true;
    }
    ct__pickle_op(p, v->n > 3 ? "t" : v->n == 1 ? "\x85" : v->n == 2 ? "\x86" : "\x87", 1);
    if (v->kind == CT_VALUE_TUPLE)
        pk_memoize(p, v);
    else
        ct__pickle_put(p);
    return true;
}

static bool pk_call(ct__pickler *p, const char *global, const char *text, int64_t n)
{
    ct__pickle_global(p, global);
    pk_string(p, text, n);
    ct__pickle_put(p);
    ct__pickle_op(p, "\x85", 1);
    ct__pickle_put(p);
    ct__pickle_op(p, "R", 1);
    return true;
}

static bool pk_name(ct__pickler *p, const ct_datum *v)
{
    ct__text s = {0};
    const char *space = v->kind == CT_VALUE_GLOBAL ? strchr(v->s, ' ') : NULL;
    if (v->kind == CT_VALUE_DTYPE)
        ct__text_addf(&s, "c%s\n%s\n", "torch", v->s);
    else if (space)
        ct__text_addf(&s, "c%.*s\n%s\n", (int)(space - v->s), v->s, space + 1);
    if (!space && v->kind == CT_VALUE_GLOBAL)
        ct__fail(CT_ERR_VALUE, "a global is 'module name', not '%s'", v->s);
    if (s.s)
        ct__pickle_op(p, s.s, (int64_t)s.length);
    ct__text_free(&s);
    return true;
}

static bool pk_new(ct__pickler *p, const ct_datum *v)
{
    switch ((ct_value_kind)v->kind) {
    case CT_VALUE_STRING: pk_string(p, v->s, v->n); break;
    case CT_VALUE_BYTES: pk_bytes(p, v); break;
    case CT_VALUE_BYTEARRAY:
        ct__pickle_global(p, "__builtin__\nbytearray\n");
        pk_bytes(p, v);
        ct__pickle_put(p);
        ct__pickle_op(p, "\x85", 1);
        ct__pickle_put(p);
        ct__pickle_op(p, "R", 1);
        break;
    case CT_VALUE_COMPLEX:
        ct__pickle_global(p, "__builtin__\ncomplex\n");
        pk_float(p, v->f[0]);
        pk_float(p, v->f[1]);
        ct__pickle_op(p, "\x86R", 2);
        break;
    case CT_VALUE_DTYPE: case CT_VALUE_GLOBAL: pk_name(p, v); break;
    case CT_VALUE_DEVICE: {
        const char *colon = strchr(v->s, ':');
        if (!colon) {
            pk_call(p, "torch\ndevice\n", v->s, v->n);
            break;
        }
        ct__pickle_global(p, "torch\ndevice\n");
        pk_string(p, v->s, colon - v->s);
        ct__pickle_int(p, strtol(colon + 1, NULL, 10));
        ct__pickle_op(p, "\x86R", 2);
        break;
    }
    case CT_VALUE_LAYOUT: pk_call(p, "torch.serialization\n_get_layout\n", v->s, v->n); break;
    case CT_VALUE_SIZE:
        ct__pickle_global(p, "torch\nSize\n");
        if (!pk_tuple(p, v))
            return false;
        ct__pickle_op(p, "\x85R", 2);
        break;
    case CT_VALUE_LIST:
        ct__pickle_op(p, "]", 1);
        pk_memoize(p, v);
        return pk_append(p, v);
    case CT_VALUE_SET: /* hashable items cannot lead back to the set */
        ct__pickle_global(p, "__builtin__\nset\n");
        ct__pickle_op(p, "]", 1);
        ct__pickle_put(p);
        if (!pk_append(p, v))
            return false;
        ct__pickle_op(p, "\x85R", 2);
        break;
    case CT_VALUE_DICT:
        ct__pickle_op(p, "}", 1);
        pk_memoize(p, v);
        return pk_set_items(p, v);
    case CT_VALUE_COUNTER:
        ct__pickle_global(p, "collections\nCounter\n");
        ct__pickle_op(p, "}", 1);
        ct__pickle_put(p);
        if (!pk_set_items(p, v))
            return false;
        ct__pickle_op(p, "\x85R", 2);
        break;
    case CT_VALUE_ORDERED_DICT:
        ct__pickle_global(p, "collections\nOrderedDict\n");
        ct__pickle_op(p, ")R", 2);
        pk_memoize(p, v);
        if (!pk_set_items(p, v))
            return false;
        if (v->state) {
            if (!ct__pickle_value(p, v->state))
                return false;
            ct__pickle_op(p, "b", 1);
        }
        return true;
    case CT_VALUE_TENSOR: case CT_VALUE_STORAGE:
        if (!p->tensor(p, v))
            return false;
        break;
    default:
        ct__fail(CT_ERR_TYPE, "cannot save a value of kind %d", v->kind);
        return false;
    }
    pk_memoize(p, v);
    return true;
}

bool ct__pickle_value(ct__pickler *p, const ct_datum *v)
{
    if (ct__pending())
        return false;
    CT_ASSERT(v && v->id < p->memo_count);
    switch ((ct_value_kind)v->kind) {
    case CT_VALUE_NONE: ct__pickle_op(p, "N", 1); return true;
    case CT_VALUE_BOOL: ct__pickle_op(p, v->i ? "\x88" : "\x89", 1); return true;
    case CT_VALUE_INT: ct__pickle_int(p, v->i); return true;
    case CT_VALUE_FLOAT: pk_float(p, v->f[0]); return true;
    case CT_VALUE_BIG_INT:
        if (v->n < 256)
            pk_number(p, (char)0x8a, (uint64_t)v->n, 1);
        else
            pk_number(p, (char)0x8b, (uint64_t)v->n, 4);
        ct__pickle_op(p, v->s, v->n);
        return true;
    default: break;
    }
    if (p->memo[v->id] >= 0) {
        pk_get(p, p->memo[v->id]);
        return true;
    }
    if (p->depth >= PICKLE_DEPTH) {
        ct__fail(CT_ERR_RUNTIME,
                 "maximum recursion depth exceeded while pickling: values are nested in each other %d levels "
                 "deep",
                 PICKLE_DEPTH);
        return false;
    }
    p->depth++;
    bool ok = v->kind == CT_VALUE_TUPLE ? pk_tuple(p, v) : pk_new(p, v);
    p->depth--;
    return ok && !ct__pending();
}

bool ct__pickle(ct__pickler *p, const ct_value_tree *tree, const ct_datum *root)
{
    if (!root || ct__pending()) {
        ct__fail(CT_ERR_VALUE, "there is nothing to save: the tree has no root");
        return false;
    }
    p->memo_count = tree->count;
    if (!(p->memo = ct__alloc((size_t)p->memo_count * sizeof *p->memo)))
        return false;
    memset(p->memo, 0xFF, (size_t)p->memo_count * sizeof *p->memo);
    ct__pickle_op(p, "\x80\x02", 2);
    if (!ct__pickle_value(p, root))
        return false;
    ct__pickle_op(p, ".", 1);
    return !ct__pending();
}

void ct__pickle_free(ct__pickler *p)
{
    ct__text_free(&p->out);
    if (p->memo)
        ct__free(p->memo, (size_t)p->memo_count * sizeof *p->memo);
    ct__map_free(&p->names);
}
