/* How tensors print today: torch.set_printoptions' defaults and rules. The visible elements alone decide
 * format and width. */
#include "tensor/print.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>

const char *(*ct__autograd_suffix)(const ct_tensor *t, char *buffer, size_t size) = NULL;

static ct_print_options print_options = {4, 1000, 3, 80, -1, false};

ct_print_options ct_get_print_options(void) { return print_options; }

static int print_clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }

void ct_set_print_options(ct_print_options o)
{
    o.precision = print_clamp(o.precision, 0, 300);
    o.edgeitems = print_clamp(o.edgeitems, 0, 1 << 20);
    o.threshold = print_clamp(o.threshold, 0, INT_MAX);
    o.linewidth = print_clamp(o.linewidth, 1, INT_MAX / 4);
    o.sci_mode = print_clamp(o.sci_mode, -1, 1);
    print_options = o;
}

int ct__print_number(char to[CT_PRINT_NUMBER], double v, int width, int precision, char form)
{
    if (v != v)
        return snprintf(to, CT_PRINT_NUMBER, "%*s", width, "nan");
    return snprintf(to, CT_PRINT_NUMBER, form == 'e' ? "%*.*e" : "%*.*f", width, precision, v);
}

/* A walk over a tensor's elements: what its text depends on. */
typedef struct print_state {
    const ct_tensor *t;
    ct_print_options o;
    ct__text *text;
    int64_t itemsize;
    bool summarise, floating, integers, scientific;
    int width;
    /* of the visible finite nonzero values */
    int64_t values;
    double low, high;
} print_state;

static int print_element(const print_state *s, const char *p, char *to)
{
    ct_dtype dtype = (ct_dtype)s->t->dtype;
    if (!s->floating) {
        if (dtype == CT_BOOL)
            return snprintf(to, CT_PRINT_NUMBER, "%s", ct__load_int(dtype, p) ? "True" : "False");
        return snprintf(to, CT_PRINT_NUMBER, "%lld", (long long)ct__load_int(dtype, p));
    }
    double v = ct__load_double(dtype, p);
    if (s->scientific)
        return ct__print_number(to, v, 0, s->o.precision, 'e');
    if (!s->integers)
        return ct__print_number(to, v, 0, s->o.precision, 'f');
    int n = ct__print_number(to, v, 0, 0, 'f');
    if (isfinite(v)) {
        to[n++] = '.';
        to[n] = 0;
    }
    return n;
}

typedef void print_visitor(print_state *s, const char *p);

/* Visits what will be shown. */
static void print_visit(print_state *s, int dim, const char *p, print_visitor *visit)
{
    if (dim == s->t->ndim) {
        visit(s, p);
        return;
    }
    int64_t n = s->t->sizes[dim], step = s->t->strides[dim] * s->itemsize, edge = s->o.edgeitems;
    bool cut = s->summarise && n > 2 * edge;
    for (int64_t i = 0; i < n; i++) {
        if (cut && i == edge)
            i = n - edge;
        if (i < n)
            print_visit(s, dim + 1, p + i * step, visit);
    }
}

static void print_range(print_state *s, const char *p)
{
    double v = ct__load_double((ct_dtype)s->t->dtype, p), a = fabs(v);
    if (!isfinite(v) || v == 0)
        return;
    s->low = s->values == 0 || a < s->low ? a : s->low;
    s->high = s->values == 0 || a > s->high ? a : s->high;
    s->integers = s->integers && v == ceil(v);
    s->values++;
}

static void print_measure(print_state *s, const char *p)
{
    char number[CT_PRINT_NUMBER];
    if (s->floating) {
        double v = ct__load_double((ct_dtype)s->t->dtype, p);
        if (!isfinite(v) || v == 0)
            return;
    }
    int n = print_element(s, p, number);
    s->width = n > s->width ? n : s->width;
}

static void print_blanks(ct__text *text, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ct__text_addn(text, " ", 1);
}

static void print_padded(const print_state *s, const char *p)
{
    char number[CT_PRINT_NUMBER];
    int n = print_element(s, p, number);
    print_blanks(s->text, s->width - n);
    ct__text_addn(s->text, number, (size_t)n);
}

static void print_vector(const print_state *s, const char *p, int64_t indent)
{
    int dim = s->t->ndim - 1;
    int64_t n = s->t->sizes[dim], step = s->t->strides[dim] * s->itemsize, edge = s->o.edgeitems;
    int64_t per_line = (s->o.linewidth - indent) / (s->width + 2), count = 0;
    bool cut = s->summarise && (n > 2 * edge || edge == 0);
    per_line = per_line > 1 ? per_line : 1;
    ct__text_add(s->text, "[");
    for (int64_t i = 0; i < n || (n == 0 && cut); i++, count++) {
        if (count && count % per_line == 0) {
            ct__text_add(s->text, ",\n");
            print_blanks(s->text, indent + 1);
        } else if (count) {
            ct__text_add(s->text, ", ");
        }
        if (cut && i == edge) {
            ct__text_add(s->text, edge ? " ..." : "...");
            i = n - edge - 1;
            cut = false;
            continue;
        }
        print_padded(s, p + i * step);
    }
    ct__text_add(s->text, "]");
}

static void print_body(const print_state *s, int dim, const char *p, int64_t indent)
{
    int left = s->t->ndim - dim;
    if (left == 0) {
        print_padded(s, p);
        return;
    }
    if (left == 1) {
        print_vector(s, p, indent);
        return;
    }
    int64_t n = s->t->sizes[dim], step = s->t->strides[dim] * s->itemsize, edge = s->o.edgeitems;
    bool cut = s->summarise && n > 2 * edge;
    ct__text_add(s->text, "[");
    for (int64_t i = 0; i < n; i++) {
        if (i) {
            ct__text_add(s->text, ",");
            for (int k = 1; k < left; k++)
                ct__text_add(s->text, "\n");
            print_blanks(s->text, indent + 1);
        }
        if (cut && i == edge) {
            ct__text_add(s->text, "...");
            i = n - edge - 1;
            cut = false;
            continue;
        }
        print_body(s, dim + 1, p + i * step, indent + 1);
    }
    ct__text_add(s->text, "]");
}

static void print_elements(print_state *s, int64_t indent)
{
    const ct_tensor *t = s->t;
    s->summarise = t->numel > s->o.threshold;
    s->floating = ct_is_floating((ct_dtype)t->dtype);
    s->width = 1;
    s->integers = true;
    if (s->floating) {
        print_visit(s, 0, t->data, print_range);
        if (s->values) {
            bool wide = s->high / s->low > 1000.0 || s->high > 1e8 || s->low < 1e-4;
            s->scientific = s->o.sci_mode < 0 ? wide : s->o.sci_mode != 0;
        }
    }
    print_visit(s, 0, t->data, print_measure);
    print_body(s, 0, t->data, indent);
}

/* Adds ", suffix", on a new line where the last one is full. */
static void print_suffix(ct__text *text, const char *suffix, int64_t indent, int64_t linewidth, int64_t *line)
{
    int64_t n = (int64_t)strlen(suffix);
    if (*line + n + 2 > linewidth) {
        ct__text_add(text, ",\n");
        print_blanks(text, indent);
        *line = indent + n;
    } else {
        ct__text_add(text, ", ");
        *line += n + 2;
    }
    ct__text_add(text, suffix);
}

static void print_shape(char *to, size_t size, const ct_tensor *t)
{
    size_t at = (size_t)snprintf(to, size, "size=(");
    for (int i = 0; i < t->ndim && at < size; i++)
        at += (size_t)snprintf(to + at, size - at, "%s%lld", i ? ", " : "", (long long)t->sizes[i]);
    if (at < size)
        snprintf(to + at, size - at, t->ndim == 1 ? ",)" : ")");
}

void ct__print_tensor(const ct_tensor *t, ct__text *text)
{
    print_state s = {.t = t, .o = print_options, .text = text, .itemsize = ct__itemsize(t->dtype)};
    if (s.o.legacy && t->device != CT_META) {
        ct__print_legacy(t, text);
        return;
    }
    const int64_t indent = 7;
    size_t start = text->length;
    bool meta = t->device == CT_META, plain = t->dtype == ct_default_dtype();
    ct__text_add(text, "tensor(");
    if (meta)
        ct__text_add(text, "...");
    else if (t->numel == 0)
        ct__text_add(text, "[]");
    else
        print_elements(&s, indent);
    if (ct__pending() || !text->s)
        return;
    int64_t line = (int64_t)(text->length - start);
    for (size_t i = text->length; i > start; i--)
        if (text->s[i - 1] == '\n') {
            line = (int64_t)(text->length - i);
            break;
        }
    line = line + 2; /* PyTorch's count: from the newline (or before the text) on, and one more */
    char suffix[320];
    if (meta)
        print_suffix(text, "device='meta'", indent, s.o.linewidth, &line);
    if (meta || (t->numel == 0 ? t->ndim != 1 : s.o.edgeitems == 0)) {
        print_shape(suffix, sizeof suffix, t);
        print_suffix(text, suffix, indent, s.o.linewidth, &line);
    }
    if (!plain && (meta || t->numel == 0 || (t->dtype != CT_INT64 && t->dtype != CT_BOOL))) {
        snprintf(suffix, sizeof suffix, "dtype=torch.%s", ct_dtype_name((ct_dtype)t->dtype));
        print_suffix(text, suffix, indent, s.o.linewidth, &line);
    }
    const char *history = ct__autograd_suffix ? ct__autograd_suffix(t, suffix, sizeof suffix) : "";
    if (history && *history)
        print_suffix(text, history, indent, s.o.linewidth, &line);
    ct__text_add(text, ")");
}
