/* A CIFAR batch's pickle: enough of protocols 0 to 4 to find a dict's list of labels and its array's bytes.
 * It makes no objects and calls nothing; a GLOBAL is a mark, REDUCE and BUILD only hand bytes on. Any other
 * opcode, a stack that does not fit, or a length beyond the end is an error. */
#include "vision/images.h"

typedef enum pickle_kind { PK_NONE, PK_INT, PK_STRING, PK_MARK, PK_GLOBAL, PK_NODE } pickle_kind;

/* A node is a list, tuple, dict or object: its items are values i to i + n of the items that were appended to
 * it. */
typedef struct pickle_value {
    pickle_kind kind;
    int64_t i; /* the number, or the node */
    const uint8_t *s;
    int64_t n; /* the string's bytes */
} pickle_value;

typedef struct pickle_node {
    pickle_value *items;
    int64_t n, room;
    int64_t arguments; /* of an object: 1 + the node of what REDUCE was given */
} pickle_node;

typedef struct pickle_reader {
    const uint8_t *at, *end;
    pickle_value *stack, *memo;
    pickle_node *nodes;
    int64_t nstack, stack_room, nmemo, memo_room, nnodes, nodes_room;
    const char *wrong;
} pickle_reader;

#define PICKLE_MEMO_LIMIT (1 << 22)

/* Room for one more of `item` bytes; NULL: out of memory (error set). */
static void *pickle_grow(void *array, int64_t n, int64_t *room, size_t item)
{
    if (n < *room)
        return array;
    int64_t next = *room ? *room * 2 : 64;
    void *more = array ? ct__realloc(array, (size_t)*room * item, (size_t)next * item)
                       : ct__alloc((size_t)next * item);
    if (more)
        *room = next;
    return more;
}

static bool pickle_push(pickle_reader *r, pickle_value v)
{
    pickle_value *more = pickle_grow(r->stack, r->nstack, &r->stack_room, sizeof v);
    if (!more)
        return false;
    r->stack = more;
    r->stack[r->nstack++] = v;
    return true;
}

static bool pickle_push_node(pickle_reader *r)
{
    pickle_node *more = pickle_grow(r->nodes, r->nnodes, &r->nodes_room, sizeof *more);
    if (!more)
        return false;
    r->nodes = more;
    r->nodes[r->nnodes] = (pickle_node){0};
    return pickle_push(r, (pickle_value){.kind = PK_NODE, .i = r->nnodes++});
}

static bool pickle_append(pickle_reader *r, pickle_value node, const pickle_value *v, int64_t n)
{
    if (node.kind != PK_NODE) {
        r->wrong = "items for what is no container";
        return false;
    }
    pickle_node *to = &r->nodes[node.i];
    for (int64_t k = 0; k < n; k++) {
        pickle_value *more = pickle_grow(to->items, to->n, &to->room, sizeof *v);
        if (!more)
            return false;
        to->items = more;
        to->items[to->n++] = v[k];
    }
    return true;
}

/* The next n bytes, little-endian; -1: past the end. */
static int64_t pickle_number(pickle_reader *r, int n)
{
    if (r->end - r->at < n) {
        r->wrong = "it is cut off";
        return -1;
    }
    uint64_t v = 0;
    for (int k = 0; k < n; k++)
        v |= (uint64_t)r->at[k] << (8 * k);
    r->at += n;
    return (int64_t)v;
}

static bool pickle_string(pickle_reader *r, int length_bytes)
{
    int64_t n = pickle_number(r, length_bytes);
    if (r->wrong || n < 0 || n > r->end - r->at) {
        r->wrong = "it is cut off";
        return false;
    }
    r->at += n;
    return pickle_push(r, (pickle_value){.kind = PK_STRING, .s = r->at - n, .n = n});
}

static bool pickle_line(pickle_reader *r)
{
    const uint8_t *line = memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (!line) {
        r->wrong = "it is cut off";
        return false;
    }
    r->at = line + 1;
    return true;
}

static bool pickle_remember(pickle_reader *r, int64_t place)
{
    if (r->wrong || !r->nstack || place < 0 || place > PICKLE_MEMO_LIMIT) {
        r->wrong = r->wrong ? r->wrong : "a bad memo";
        return false;
    }
    while (place >= r->memo_room) {
        pickle_value *more = pickle_grow(r->memo, r->memo_room, &r->memo_room, sizeof *more);
        if (!more)
            return false;
        r->memo = more;
    }
    while (r->nmemo <= place)
        r->memo[r->nmemo++] = (pickle_value){.kind = PK_NONE};
    r->memo[place] = r->stack[r->nstack - 1];
    return true;
}

static bool pickle_recall(pickle_reader *r, int64_t place)
{
    if (r->wrong || place < 0 || place >= r->nmemo) {
        r->wrong = r->wrong ? r->wrong : "a memo that was never written";
        return false;
    }
    return pickle_push(r, r->memo[place]);
}

/* The index after the topmost mark; -1 if there is none. */
static int64_t pickle_mark(pickle_reader *r)
{
    for (int64_t k = r->nstack - 1; k >= 0; k--)
        if (r->stack[k].kind == PK_MARK)
            return k + 1;
    r->wrong = "no mark";
    return -1;
}

static bool pickle_needs(pickle_reader *r, int64_t n)
{
    if (r->nstack >= n)
        return true;
    r->wrong = "an empty stack";
    return false;
}

/* The top n values become a node's items. */
static bool pickle_tuple(pickle_reader *r, int64_t n)
{
    if (!pickle_needs(r, n) || !pickle_push_node(r))
        return false;
    pickle_value node = r->stack[r->nstack - 1];
    if (!pickle_append(r, node, r->stack + r->nstack - 1 - n, n))
        return false;
    r->nstack -= n;
    r->stack[r->nstack - 1] = node;
    return true;
}

/* Runs one opcode; false: error or wrong. */
static bool pickle_step(pickle_reader *r, int code)
{
    int64_t n, k;
    switch (code) {
    case 0x80: return pickle_number(r, 1) >= 0; /* PROTO */
    case 0x95: return pickle_number(r, 8) >= 0; /* FRAME */
    case '(': return pickle_push(r, (pickle_value){.kind = PK_MARK});
    case 'N': return pickle_push(r, (pickle_value){.kind = PK_NONE});
    case 0x88:
    case 0x89: return pickle_push(r, (pickle_value){.kind = PK_INT, .i = code == 0x88});
    case 'K':
        n = pickle_number(r, 1);
        return !r->wrong && pickle_push(r, (pickle_value){.kind = PK_INT, .i = n});
    case 'M':
        n = pickle_number(r, 2);
        return !r->wrong && pickle_push(r, (pickle_value){.kind = PK_INT, .i = n});
    case 'J':
        n = (int32_t)pickle_number(r, 4);
        return !r->wrong && pickle_push(r, (pickle_value){.kind = PK_INT, .i = n});
    case 'U':
    case 0x8c:
    case 'C': return pickle_string(r, 1);
    case 'T':
    case 'X':
    case 'B': return pickle_string(r, 4);
    case 0x8d:
    case 0x8e: return pickle_string(r, 8);
    case '}':
    case ']':
    case ')': return pickle_push_node(r);
    case 'c': return pickle_line(r) && pickle_line(r) && pickle_push(r, (pickle_value){.kind = PK_GLOBAL});
    case 0x93: r->nstack -= 2; return pickle_needs(r, 0) && pickle_push(r, (pickle_value){.kind = PK_GLOBAL});
    case 0x85:
    case 0x86:
    case 0x87: return pickle_tuple(r, code - 0x84);
    case 't':
        if ((k = pickle_mark(r)) < 0 || !pickle_tuple(r, r->nstack - k))
            return false;
        r->stack[k - 1] = r->stack[r->nstack - 1];
        r->nstack = k;
        return true;
    case 'q': return pickle_remember(r, pickle_number(r, 1));
    case 'r': return pickle_remember(r, pickle_number(r, 4));
    case 0x94: return pickle_remember(r, r->nmemo);
    case 'h': return pickle_recall(r, pickle_number(r, 1));
    case 'j': return pickle_recall(r, pickle_number(r, 4));
    case 'R': /* an object: a fresh node without items, whatever the function; encode(text, "latin1") is not
                 followed */
        if (!pickle_needs(r, 2))
            return false;
        r->nstack -= 2;
        k = r->stack[r->nstack + 1].kind == PK_NODE ? r->stack[r->nstack + 1].i + 1 : 0;
        if (!pickle_push_node(r))
            return false;
        r->nodes[r->nnodes - 1].arguments = k;
        return true;
    case 'b': /* the object takes its state as its items */
        if (!pickle_needs(r, 2))
            return false;
        r->nstack--;
        return pickle_append(r, r->stack[r->nstack - 1], &r->stack[r->nstack], 1);
    case 'a':
        if (!pickle_needs(r, 2))
            return false;
        r->nstack--;
        return pickle_append(r, r->stack[r->nstack - 1], &r->stack[r->nstack], 1);
    case 's':
        if (!pickle_needs(r, 3))
            return false;
        r->nstack -= 2;
        return pickle_append(r, r->stack[r->nstack - 1], &r->stack[r->nstack], 2);
    case 'e':
    case 'u':
        if ((k = pickle_mark(r)) < 0 || !pickle_needs(r, 2) || k < 2)
            return r->wrong = r->wrong ? r->wrong : "an empty stack", false;
        n = r->nstack - k;
        r->nstack = k - 1;
        if (code == 'u' && n % 2)
            return r->wrong = "a key without a value", false;
        return pickle_append(r, r->stack[r->nstack - 1], &r->stack[k], n);
    default: r->wrong = "an opcode that no batch has"; return false;
    }
}

static const pickle_value *pickle_find(const pickle_reader *r, const pickle_node *dict, const char *key)
{
    for (int64_t k = 0; k + 1 < dict->n; k += 2)
        if (dict->items[k].kind == PK_STRING && dict->items[k].n == (int64_t)strlen(key) &&
            memcmp(dict->items[k].s, key, strlen(key)) == 0)
            return &dict->items[k + 1];
    return NULL;
}

static bool pickle_extract(pickle_reader *r, const char *labels_key, int64_t most, int64_t *labels,
                           int64_t *count, const uint8_t **pixels, int64_t *pixel_bytes)
{
    r->wrong = "it holds no dict";
    if (r->nstack != 1 || r->stack[0].kind != PK_NODE)
        return false;
    const pickle_node *dict = &r->nodes[r->stack[0].i];
    const pickle_value *list = pickle_find(r, dict, labels_key), *data = pickle_find(r, dict, "data");
    r->wrong = "it has no list of labels";
    if (!list || list->kind != PK_NODE || r->nodes[list->i].n > most)
        return false;
    *count = r->nodes[list->i].n;
    for (int64_t k = 0; k < *count; k++) {
        if (r->nodes[list->i].items[k].kind != PK_INT)
            return false;
        labels[k] = r->nodes[list->i].items[k].i;
    }
    r->wrong = "it has no array of bytes";
    if (!data || data->kind != PK_NODE || r->nodes[data->i].n != 1 ||
        r->nodes[data->i].items[0].kind != PK_NODE)
        return false;
    const pickle_node *state =
        &r->nodes[r->nodes[data->i].items[0].i]; /* (version, shape, dtype, order, bytes) */
    if (state->n != 5 || state->items[4].kind != PK_STRING || state->items[1].kind != PK_NODE)
        return false;
    const pickle_node *shape = &r->nodes[state->items[1].i];
    if (shape->n != 2 || shape->items[0].kind != PK_INT || shape->items[0].i != *count ||
        shape->items[1].kind != PK_INT || shape->items[1].i != 3072 || state->items[3].kind != PK_INT ||
        state->items[3].i != 0)
        return false;
    r->wrong = "its array is not of bytes";
    int64_t arguments = state->items[2].kind == PK_NODE ? r->nodes[state->items[2].i].arguments : 0;
    const pickle_node *type = arguments ? &r->nodes[arguments - 1] : NULL;
    if (!type || !type->n || type->items[0].kind != PK_STRING || type->items[0].n != 2 ||
        memcmp(type->items[0].s, "u1", 2) != 0)
        return false;
    *pixels = state->items[4].s;
    *pixel_bytes = state->items[4].n;
    r->wrong = NULL;
    return true;
}

bool ct__pickle_batch(const char *path, const uint8_t *data, int64_t size, const char *labels_key,
                      int64_t most, int64_t *labels, int64_t *count, const uint8_t **pixels,
                      int64_t *pixel_bytes)
{
    pickle_reader r = {.at = data, .end = data + size};
    bool good = true, stopped = false;
    while (good && !stopped) {
        if (r.at == r.end) {
            r.wrong = "it is cut off";
            good = false;
        } else if (*r.at == '.') {
            stopped = true;
        } else {
            int code = *r.at++;
            good = pickle_step(&r, code) && !r.wrong;
        }
    }
    good = good && pickle_extract(&r, labels_key, most, labels, count, pixels, pixel_bytes);
    if (!good && ct_ok())
        ct__fail(CT_ERR_RUNTIME, "%s is not a CIFAR batch: %s", path,
                 r.wrong ? r.wrong : "it cannot be read");
    for (int64_t k = 0; k < r.nnodes; k++)
        if (r.nodes[k].items)
            ct__free(r.nodes[k].items, (size_t)r.nodes[k].room * sizeof(pickle_value));
    if (r.nodes)
        ct__free(r.nodes, (size_t)r.nodes_room * sizeof *r.nodes);
    if (r.stack)
        ct__free(r.stack, (size_t)r.stack_room * sizeof *r.stack);
    if (r.memo)
        ct__free(r.memo, (size_t)r.memo_room * sizeof *r.memo);
    return good;
}
