/* Reads a pickle (protocols 0 to 5) into values. It is a loop over opcodes with a stack of its own, so that
 * no nesting overflows the C stack, and what names and calls mean is left to hooks, so that nothing is ever
 * run. Memory stays within a constant times the pickle's length. Refuses instances (INST, OBJ, NEWOBJ_EX),
 * extension codes and outside buffers. */
#include "serialize/serialize.h"
#include <stdio.h>

void *ct__unpickle_fail(ct__unpickler *u, const char *format, ...)
{
    char what[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return ct__fail(CT_ERR_UNPICKLING,
                    "Weights only load failed. ctorch reads tensors and plain values (numbers, strings, "
                    "lists, "
                    "dicts, sets) and never runs code that a file brings along.\n\tWeightsUnpickler error: "
                    "%s\n(in %s%s%s, before "
                    "byte %lld of %lld)",
                    what, u->record, u->record[0] ? " of " : "", u->file, (long long)u->at,
                    (long long)u->bytes);
}

bool ct__unpickle_charge(ct__unpickler *u, int64_t n)
{
    if (n <= u->budget) {
        u->budget -= n;
        return true;
    }
    ct__unpickle_fail(u, "the pickle copies one value again and again");
    return false;
}

static void *upk_short(ct__unpickler *u) { return ct__unpickle_fail(u, "pickle data was truncated"); }

static bool upk_push(ct__unpickler *u, ct_datum *v)
{
    if (!v)
        return false;
    if (u->depth == u->stack_capacity) {
        int64_t capacity = u->stack_capacity ? 2 * u->stack_capacity : 64;
        ct_datum **stack = ct__realloc(u->stack, (size_t)u->stack_capacity * sizeof *stack,
                                       (size_t)capacity * sizeof *stack);
        if (!stack)
            return false;
        u->stack = stack;
        u->stack_capacity = capacity;
    }
    u->stack[u->depth++] = v;
    return true;
}

/* The lowest place of the stack that may be popped: above the last mark. */
static int64_t upk_floor(const ct__unpickler *u) { return u->num_marks ? u->marks[u->num_marks - 1] : 0; }

static ct_datum *upk_pop(ct__unpickler *u)
{
    if (u->depth <= upk_floor(u))
        return ct__unpickle_fail(u, "unexpected MARK found, or an empty stack");
    return u->stack[--u->depth];
}

static ct_datum *upk_top(ct__unpickler *u)
{
    if (u->depth <= upk_floor(u))
        return ct__unpickle_fail(u, "unexpected MARK found, or an empty stack");
    return u->stack[u->depth - 1];
}

static bool upk_mark(ct__unpickler *u)
{
    if (u->num_marks == u->marks_capacity) {
        int64_t capacity = u->marks_capacity ? 2 * u->marks_capacity : 32;
        int64_t *marks = ct__realloc(u->marks, (size_t)u->marks_capacity * sizeof *marks,
                                     (size_t)capacity * sizeof *marks);
        if (!marks)
            return false;
        u->marks = marks;
        u->marks_capacity = capacity;
    }
    u->marks[u->num_marks++] = u->depth;
    return true;
}

/* Ends the last mark: items above it are stack[*first .. *first + n). The caller lowers u->depth to *first.
 */
static bool upk_unmark(ct__unpickler *u, int64_t *first, int64_t *n)
{
    if (!u->num_marks) {
        ct__unpickle_fail(u, "could not find MARK");
        return false;
    }
    *first = u->marks[--u->num_marks];
    *n = u->depth - *first;
    return true;
}

static const uint8_t *upk_take(ct__unpickler *u, uint64_t n)
{
    if (n > (uint64_t)(u->bytes - u->at))
        return upk_short(u);
    const uint8_t *p = u->data + u->at;
    u->at += (int64_t)n;
    return p;
}

static bool upk_number(ct__unpickler *u, int bytes, uint64_t *value)
{
    const uint8_t *p = upk_take(u, (uint64_t)bytes);
    *value = 0;
    for (int i = bytes - 1; p && i >= 0; i--)
        *value = *value << 8 | p[i];
    return p != NULL;
}

/* A text line without its newline; *s is not ended by a NUL. */
static bool upk_line(ct__unpickler *u, const char **s, int64_t *n)
{
    const uint8_t *p = u->data + u->at, *end = memchr(p, '\n', (size_t)(u->bytes - u->at));
    if (!end) {
        upk_short(u);
        return false;
    }
    *s = (const char *)p;
    *n = end - p;
    u->at += *n + 1;
    return true;
}

static bool upk_bytes(ct__unpickler *u, ct_value_kind kind, int width)
{
    uint64_t n;
    const uint8_t *p;
    return upk_number(u, width, &n) && (p = upk_take(u, n)) &&
           upk_push(u, ct__value_bytes(u->tree, kind, p, (int64_t)n));
}

static bool upk_long(ct__unpickler *u, int width)
{
    uint64_t n;
    const uint8_t *p;
    if (!upk_number(u, width, &n) || !(p = upk_take(u, n)))
        return false;
    while (n > 8 && ((p[n - 1] == 0 && p[n - 2] < 128) || (p[n - 1] == 255 && p[n - 2] >= 128)))
        n--;
    return upk_push(u, ct_tree_big_int(u->tree, p, (int64_t)n));
}

/* INT, LONG, FLOAT of protocol 0: a decimal number on a line. */
static bool upk_decimal(ct__unpickler *u, char op)
{
    char text[64], *end;
    const char *s;
    int64_t n;
    if (!upk_line(u, &s, &n))
        return false;
    if (n == 2 && op == 'I' && s[0] == '0' && (s[1] == '0' || s[1] == '1'))
        return upk_push(u, ct_tree_bool(u->tree, s[1] == '1'));
    if (op == 'L' && n > 0 && s[n - 1] == 'L')
        n--;
    if (n == 0 || n >= (int64_t)sizeof text) {
        ct__unpickle_fail(u, "a number of %lld digits", (long long)n);
        return false;
    }
    memcpy(text, s, (size_t)n);
    text[n] = 0;
    if (op == 'F') {
        double f = strtod(text, &end);
        return *end ? ct__unpickle_fail(u, "%s is no number", text) != NULL
                    : upk_push(u, ct_tree_float(u->tree, f));
    }
    long long i = strtoll(text, &end, 10);
    if (*end || n > 18)
        return ct__unpickle_fail(u, "%s is no integer of 64 bits", text) != NULL;
    return upk_push(u, ct_tree_int(u->tree, i));
}

static int upk_hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static char *upk_utf8(char *to, uint32_t c)
{
    if (c < 0x80)
        *to++ = (char)c;
    else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else {
        if (c < 0x10000)
            *to++ = (char)(0xE0 | c >> 12);
        else {
            *to++ = (char)(0xF0 | (c >> 18 & 7));
            *to++ = (char)(0x80 | (c >> 12 & 63));
        }
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

/* UNICODE (raw, \u and \U escapes) and STRING ('...' without escapes) of protocol 0. */
static bool upk_text(ct__unpickler *u, char op)
{
    const char *s;
    int64_t n;
    if (!upk_line(u, &s, &n))
        return false;
    if (op == 'S') {
        if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0] || memchr(s, '\\', (size_t)n))
            return ct__unpickle_fail(u, "a STRING without quotes, or with escapes") != NULL;
        return upk_push(u, ct__value_bytes(u->tree, CT_VALUE_STRING, s + 1, n - 2));
    }
    ct_datum *v = ct__value_bytes(u->tree, CT_VALUE_STRING, NULL, 2 * n); /* a Latin-1 byte takes two */
    if (!v)
        return false;
    char *to = v->s;
    for (int64_t i = 0; i < n;) {
        int digits = s[i] != '\\' || i + 1 >= n ? 0 : s[i + 1] == 'u' ? 4 : s[i + 1] == 'U' ? 8 : 0;
        uint32_t c = 0;
        int k = 0;
        while (k < digits && i + 2 + k < n && upk_hex(s[i + 2 + k]) >= 0)
            c = c << 4 | (uint32_t)upk_hex(s[i + 2 + k++]);
        bool escaped = digits && k == digits && c <= 0x10FFFF;
        to = upk_utf8(to, escaped ? c : (uint8_t)s[i]);
        i += escaped ? 2 + digits : 1;
    }
    v->n = to - v->s;
    *to = 0;
    return upk_push(u, v);
}

static bool upk_memo_put(ct__unpickler *u, uint64_t i)
{
    ct_datum *v = upk_top(u);
    if (!v)
        return false;
    if (i > (uint64_t)u->bytes)
        return ct__unpickle_fail(u, "memo index %llu", (unsigned long long)i) != NULL;
    if ((int64_t)i >= u->memo_capacity) {
        int64_t capacity = (int64_t)i + 1 > 2 * u->memo_capacity ? (int64_t)i + 64 : 2 * u->memo_capacity;
        ct_datum **memo =
            ct__realloc(u->memo, (size_t)u->memo_capacity * sizeof *memo, (size_t)capacity * sizeof *memo);
        if (!memo)
            return false;
        memset(memo + u->memo_capacity, 0, (size_t)(capacity - u->memo_capacity) * sizeof *memo);
        u->memo = memo;
        u->memo_capacity = capacity;
    }
    u->memo[i] = v;
    if ((int64_t)i >= u->memo_next)
        u->memo_next = (int64_t)i + 1;
    return true;
}

static bool upk_memo_get(ct__unpickler *u, uint64_t i)
{
    if (i >= (uint64_t)u->memo_capacity || !u->memo[i])
        return ct__unpickle_fail(u, "Memo value not found at index %llu", (unsigned long long)i) != NULL;
    return upk_push(u, u->memo[i]);
}

static bool upk_memo_line(ct__unpickler *u, bool put)
{
    const char *s;
    int64_t n;
    uint64_t i = 0;
    if (!upk_line(u, &s, &n))
        return false;
    for (int64_t k = 0; k < n; k++) {
        if (s[k] < '0' || s[k] > '9' || n > 18)
            return ct__unpickle_fail(u, "a memo index that is no number") != NULL;
        i = 10 * i + (uint64_t)(s[k] - '0');
    }
    return put ? upk_memo_put(u, i) : upk_memo_get(u, i);
}

static bool upk_put_item(ct__unpickler *u, ct_datum *dict, ct_datum *key, ct_datum *value)
{
    if (!ct__value_is_dict(dict))
        return ct__unpickle_fail(u, "SETITEM on a %s", ct_value_kind_name((ct_value_kind)dict->kind)) != NULL;
    if (ct__value_is_dict(key) || key->kind == CT_VALUE_LIST || key->kind == CT_VALUE_SET ||
        key->kind == CT_VALUE_BYTEARRAY)
        return ct__unpickle_fail(u, "unhashable type: '%s'", ct_value_kind_name((ct_value_kind)key->kind)) !=
               NULL;
    return ct_value_put(dict, key, value);
}

static bool upk_append_items(ct__unpickler *u, int64_t first, int64_t n, ct_value_kind kind)
{
    u->depth = first;
    ct_datum *list = upk_top(u);
    if (!list)
        return false;
    if (list->kind != kind)
        return ct__unpickle_fail(u, "APPENDS on a %s", ct_value_kind_name((ct_value_kind)list->kind)) != NULL;
    for (int64_t i = 0; i < n; i++)
        if (!ct__value_push(list, u->stack[first + i]))
            return false;
    return true;
}

static bool upk_set_items(ct__unpickler *u, int64_t first, int64_t n, ct_datum *dict)
{
    if (n % 2)
        return ct__unpickle_fail(u, "odd number of items for SETITEMS") != NULL;
    for (int64_t i = 0; i < n; i += 2)
        if (!upk_put_item(u, dict, u->stack[first + i], u->stack[first + i + 1]))
            return false;
    return true;
}

static bool upk_sequence(ct__unpickler *u, ct_value_kind kind, int64_t first, int64_t n)
{
    ct_datum *v = ct__value_items(u->tree, kind, n ? u->stack + first : NULL, n);
    u->depth = first;
    return upk_push(u, v);
}

static bool upk_small_tuple(ct__unpickler *u, int64_t n)
{
    if (u->depth - upk_floor(u) < n)
        return ct__unpickle_fail(u, "unexpected MARK found, or an empty stack") != NULL;
    return upk_sequence(u, CT_VALUE_TUPLE, u->depth - n, n);
}

static bool upk_global(ct__unpickler *u, const char *module, int64_t module_bytes, const char *name,
                       int64_t name_bytes)
{
    char m[256], n[256];
    if (module_bytes >= (int64_t)sizeof m || name_bytes >= (int64_t)sizeof n ||
        memchr(module, 0, (size_t)module_bytes) || memchr(name, 0, (size_t)name_bytes))
        return ct__unpickle_fail(u, "Unsupported global: a name of %lld bytes",
                                 (long long)(module_bytes + name_bytes)) != NULL;
    memcpy(m, module, (size_t)module_bytes);
    memcpy(n, name, (size_t)name_bytes);
    m[module_bytes] = n[name_bytes] = 0;
    return upk_push(u, u->hooks->global(u, m, n));
}

static bool upk_reduce(ct__unpickler *u)
{
    ct_datum *args = upk_pop(u), *callable = args ? upk_pop(u) : NULL;
    if (!callable)
        return false;
    if (args->kind != CT_VALUE_TUPLE)
        return ct__unpickle_fail(u, "REDUCE with a %s for arguments",
                                 ct_value_kind_name((ct_value_kind)args->kind)) != NULL;
    return upk_push(u, u->hooks->reduce(u, callable, args));
}

static bool upk_step(ct__unpickler *u, uint8_t op)
{
    uint64_t i;
    int64_t first, n;
    const char *s, *s2;
    int64_t n2;
    ct_datum *a, *b, *c;
    const uint8_t *p;
    switch (op) {
    case 0x80: /* PROTO */
        if (!upk_number(u, 1, &i))
            return false;
        return i <= 5 || ct__unpickle_fail(u, "unsupported pickle protocol: %d", (int)i);
    case 0x95: return upk_take(u, 8) != NULL; /* FRAME: a hint */
    case 'N': return upk_push(u, ct_tree_none(u->tree));
    case 0x88: return upk_push(u, ct_tree_bool(u->tree, true));
    case 0x89: return upk_push(u, ct_tree_bool(u->tree, false));
    case 'J': return upk_number(u, 4, &i) && upk_push(u, ct_tree_int(u->tree, (int32_t)(uint32_t)i));
    case 'K': return upk_number(u, 1, &i) && upk_push(u, ct_tree_int(u->tree, (int64_t)i));
    case 'M': return upk_number(u, 2, &i) && upk_push(u, ct_tree_int(u->tree, (int64_t)i));
    case 'I': case 'L': case 'F': return upk_decimal(u, (char)op);
    case 0x8a: return upk_long(u, 1);
    case 0x8b: return upk_long(u, 4);
    case 'G': { /* BINFLOAT: big-endian */
        uint64_t bits = 0;
        double f;
        if (!(p = upk_take(u, 8)))
            return false;
        for (int k = 0; k < 8; k++)
            bits = bits << 8 | p[k];
        memcpy(&f, &bits, 8);
        return upk_push(u, ct_tree_float(u->tree, f));
    }
    case 'S': case 'V': return upk_text(u, (char)op);
    case 'T': return upk_bytes(u, CT_VALUE_STRING, 4); /* BINSTRING, SHORT_BINSTRING: Python 2's str */
    case 'U': return upk_bytes(u, CT_VALUE_STRING, 1);
    case 'X': return upk_bytes(u, CT_VALUE_STRING, 4);
    case 0x8c: return upk_bytes(u, CT_VALUE_STRING, 1);
    case 0x8d: return upk_bytes(u, CT_VALUE_STRING, 8);
    case 'B': return upk_bytes(u, CT_VALUE_BYTES, 4);
    case 'C': return upk_bytes(u, CT_VALUE_BYTES, 1);
    case 0x8e: return upk_bytes(u, CT_VALUE_BYTES, 8);
    case 0x96: return upk_bytes(u, CT_VALUE_BYTEARRAY, 8);
    case ']': return upk_push(u, ct__value_new(u->tree, CT_VALUE_LIST));
    case '}': return upk_push(u, ct__value_new(u->tree, CT_VALUE_DICT));
    case ')': return upk_push(u, ct__value_new(u->tree, CT_VALUE_TUPLE));
    case 0x8f: return upk_push(u, ct__value_new(u->tree, CT_VALUE_SET));
    case '(': return upk_mark(u);
    case 't': return upk_unmark(u, &first, &n) && upk_sequence(u, CT_VALUE_TUPLE, first, n);
    case 'l': return upk_unmark(u, &first, &n) && upk_sequence(u, CT_VALUE_LIST, first, n);
    case 'd':
        if (!upk_unmark(u, &first, &n) || !(a = ct__value_new(u->tree, CT_VALUE_DICT)) ||
            !upk_set_items(u, first, n, a))
            return false;
        u->depth = first;
        return upk_push(u, a);
    case 0x85: case 0x86: case 0x87: return upk_small_tuple(u, op - 0x84);
    case 'a':
        if (!upk_pop(u))
            return false;
        return upk_append_items(u, u->depth, 1, CT_VALUE_LIST);
    case 'e': return upk_unmark(u, &first, &n) && upk_append_items(u, first, n, CT_VALUE_LIST);
    case 0x90: return upk_unmark(u, &first, &n) && upk_append_items(u, first, n, CT_VALUE_SET);
    case 's':
        return (a = upk_pop(u)) && (b = upk_pop(u)) && (c = upk_top(u)) && upk_put_item(u, c, b, a);
    case 'u':
        if (!upk_unmark(u, &first, &n))
            return false;
        u->depth = first;
        return (a = upk_top(u)) && upk_set_items(u, first, n, a);
    case '0':
        if (u->num_marks && u->depth == upk_floor(u)) {
            u->num_marks--;
            return true;
        }
        return upk_pop(u) != NULL;
    case '1':
        if (!upk_unmark(u, &first, &n))
            return false;
        u->depth = first;
        return true;
    case '2': return upk_push(u, upk_top(u));
    case 'g': return upk_memo_line(u, false);
    case 'p': return upk_memo_line(u, true);
    case 'h': return upk_number(u, 1, &i) && upk_memo_get(u, i);
    case 'j': return upk_number(u, 4, &i) && upk_memo_get(u, i);
    case 'q': return upk_number(u, 1, &i) && upk_memo_put(u, i);
    case 'r': return upk_number(u, 4, &i) && upk_memo_put(u, i);
    case 0x94: return upk_memo_put(u, (uint64_t)u->memo_next); /* MEMOIZE */
    case 'c': return upk_line(u, &s, &n) && upk_line(u, &s2, &n2) && upk_global(u, s, n, s2, n2);
    case 0x93: /* STACK_GLOBAL */
        if (!(b = upk_pop(u)) || !(a = upk_pop(u)))
            return false;
        if (a->kind != CT_VALUE_STRING || b->kind != CT_VALUE_STRING)
            return ct__unpickle_fail(u, "STACK_GLOBAL requires str") != NULL;
        return upk_global(u, a->s, a->n, b->s, b->n);
    case 'R': case 0x81: return upk_reduce(u);
    case 'b': return (a = upk_pop(u)) && (b = upk_top(u)) && u->hooks->build(u, b, a);
    case 'Q': return (a = upk_pop(u)) && upk_push(u, u->hooks->persistent(u, a));
    default:
        return ct__unpickle_fail(u, "Unsupported operand %d (unsupported class)", op) != NULL;
    }
}

ct_datum *ct__unpickle(ct__unpickler *u)
{
    ct_datum *result = NULL;
    u->depth = u->num_marks = 0;
    u->stack_capacity = u->memo_capacity = u->marks_capacity = u->memo_next = 0;
    u->stack = u->memo = NULL;
    u->marks = NULL;
    u->budget = 8 * (u->bytes - u->at) + 1024;
    for (;;) {
        if (ct__pending())
            break;
        if (u->at >= u->bytes) {
            upk_short(u);
            break;
        }
        uint8_t op = u->data[u->at++];
        if (op == '.') {
            result = upk_pop(u);
            break;
        }
        if (!upk_step(u, op))
            break;
    }
    ct__free(u->stack, (size_t)u->stack_capacity * sizeof *u->stack);
    ct__free(u->memo, (size_t)u->memo_capacity * sizeof *u->memo);
    ct__free(u->marks, (size_t)u->marks_capacity * sizeof *u->marks);
    return ct__pending() ? NULL : result;
}
