/* How tensors printed in 0.1.12: a blank line, the numbers in one format for the whole tensor, the type and
 * the size. What had a history was a Variable and says so; 0-dim tensors print as the one-element vectors
 * that they were. */
#include "tensor/print.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>

#define LEGACY_VDOTS "\xe2\x8b\xae"
#define LEGACY_DDOTS "\xe2\x8b\xb1"

typedef struct legacy_format { char form; int width, precision; double scale; } legacy_format;

typedef struct legacy_state {
    const ct_tensor *t;
    ct__text *text;
    ct_print_options o;
    legacy_format f;
} legacy_state;

static double legacy_value(const ct_tensor *t, const char *p)
{
    ct_dtype dtype = (ct_dtype)t->dtype;
    return ct_is_floating(dtype) ? ct__load_double(dtype, p) : (double)ct__load_int(dtype, p);
}

typedef struct legacy_range { bool any, odd, integers; double low, high; } legacy_range;

static void legacy_measure(const ct_tensor *t, int dim, const char *p, legacy_range *r)
{
    if (dim < t->ndim) {
        for (int64_t i = 0; i < t->sizes[dim]; i++)
            legacy_measure(t, dim + 1, p + i * t->strides[dim] * ct__itemsize(t->dtype), r);
        return;
    }
    double v = fabs(legacy_value(t, p));
    if (!isfinite(v)) {
        r->odd = true;
        return;
    }
    r->integers = r->integers && v == ceil(v);
    r->low = !r->any || v < r->low ? v : r->low;
    r->high = !r->any || v > r->high ? v : r->high;
    r->any = true;
}

static int legacy_digits(double v) { return v != 0 ? (int)floor(log10(v)) + 1 : 1; }

static legacy_format legacy_choose(const legacy_state *s, int width)
{
    legacy_range r = {.integers = true};
    legacy_measure(s->t, 0, s->t->data, &r);
    int precision = s->o.precision, low = legacy_digits(r.low), high = legacy_digits(r.high), want;
    width = width > 2 ? width : 2;
    width = r.odd && width < 3 ? 3 : width;
    if (r.integers) {
        if (high > precision + 1) {
            want = 7 + precision;
            return (legacy_format){'e', width > want ? width : want, precision, 1};
        }
        return (legacy_format){'f', width > high + 1 ? width : high + 1, 0, 1};
    }
    if (high - low > precision) {
        want = 7 + precision + (abs(high) > 99 || abs(low) > 99);
        return (legacy_format){'e', width > want ? width : want, precision, 1};
    }
    if (high > precision + 1 || high < 0)
        return (legacy_format){'f', width > 7 ? width : 7, precision, pow(10, high - 1)};
    want = high == 0 ? 7 : high + 6;
    return (legacy_format){'f', width > want ? width : want, precision, 1};
}

static void legacy_number(const legacy_state *s, const char *p)
{
    char number[CT_PRINT_NUMBER];
    int n =
        ct__print_number(number, legacy_value(s->t, p) / s->f.scale, s->f.width, s->f.precision, s->f.form);
    ct__text_addn(s->text, number, (size_t)n);
}

static void legacy_blanks(const legacy_state *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ct__text_addn(s->text, " ", 1);
}

/* Text of `length` characters in the middle of a field. */
static void legacy_centred(const legacy_state *s, const char *what, int64_t length, int64_t width)
{
    int64_t left = width > length ? (width - length) / 2 : 0;
    legacy_blanks(s, left);
    ct__text_add(s->text, what);
    legacy_blanks(s, width - length - left);
}

static void legacy_scale(const legacy_state *s)
{
    if (s->f.scale != 1)
        ct__text_addf(s->text, "%.5e *\n", s->f.scale);
}

static void legacy_vector(const legacy_state *s, int64_t n, int64_t step)
{
    bool cut = n >= s->o.threshold;
    int64_t edge = s->o.edgeitems, blank = s->f.scale != 1;
    legacy_scale(s);
    for (int64_t i = 0; i < n; i++) {
        if (cut && i == edge) {
            legacy_blanks(s, blank);
            legacy_centred(s, LEGACY_VDOTS, 1, s->f.width);
            ct__text_add(s->text, "\n");
            i = n - edge > i ? n - edge : i;
        }
        legacy_blanks(s, blank);
        legacy_number(s, s->t->data + i * step);
        ct__text_add(s->text, "\n");
    }
}

/* Columns [from, to) of a row. */
static void legacy_run(const legacy_state *s, const char *row, int64_t from, int64_t to, int64_t step)
{
    for (int64_t j = from; j < to; j++) {
        if (j > from)
            ct__text_add(s->text, " ");
        legacy_number(s, row + j * step);
    }
}

/* The matrix of the last two dimensions that begins at p. */
static void legacy_matrix(const legacy_state *s, const char *p, const char *indent, bool truncate)
{
    const ct_tensor *t = s->t;
    int64_t size = ct__itemsize(t->dtype), rows = t->sizes[t->ndim - 2], columns = t->sizes[t->ndim - 1];
    int64_t down = t->strides[t->ndim - 2] * size, right = t->strides[t->ndim - 1] * size,
            edge = s->o.edgeitems;
    bool wide = columns > 2 * edge, tall = rows > 2 * edge;
    int64_t per_line = (s->o.linewidth - (int64_t)strlen(indent)) / (s->f.width + 1);
    per_line = per_line > 1 ? per_line : 1;
    if (!truncate && (rows * columns < s->o.threshold || (!wide && !tall))) {
        for (int64_t from = 0; from < columns; from += per_line) {
            int64_t to = from + per_line < columns ? from + per_line : columns;
            if (per_line < columns)
                ct__text_addf(s->text, "%sColumns %lld to %lld \n%s", from != 1 ? "\n" : "", (long long)from,
                              (long long)to - 1, indent);
            legacy_scale(s);
            for (int64_t i = 0; i < rows; i++) {
                ct__text_add(s->text, indent);
                legacy_blanks(s, s->f.scale != 1);
                legacy_run(s, p + i * down, from, to, right);
                ct__text_add(s->text, "\n");
            }
        }
        return;
    }
    legacy_scale(s);
    for (int64_t i = 0; i < rows; i++) {
        if (tall && i == edge) {
            if (wide) {
                int64_t side = (s->f.width + 1) * edge - 1;
                ct__text_add(s->text, indent);
                legacy_centred(s, "...", 3, side);
                ct__text_add(s->text, " ");
                legacy_centred(s, LEGACY_DDOTS, 1, 5);
                ct__text_add(s->text, " ");
                legacy_centred(s, "...", 3, side);
            } else {
                legacy_centred(s, LEGACY_VDOTS, 1, (s->f.width + 1) * columns);
            }
            ct__text_add(s->text, "\n");
            i = rows - edge;
        }
        ct__text_add(s->text, indent);
        legacy_run(s, p + i * down, 0, wide ? edge : columns, right);
        if (wide) {
            ct__text_add(s->text, "  ...  ");
            legacy_run(s, p + i * down, columns - edge, columns, right);
        }
        ct__text_add(s->text, "\n");
    }
}

static void legacy_slices(const legacy_state *s)
{
    const ct_tensor *t = s->t;
    int lead = t->ndim - 2, digits = 2;
    bool dots = t->numel >= s->o.threshold;
    int64_t edge = s->o.edgeitems, counter[CT_MAX_DIMS] = {0};
    for (int i = 0; i < t->ndim; i++) {
        int n = snprintf(NULL, 0, "%lld", (long long)t->sizes[i]);
        digits = n > digits ? n : digits;
    }
    counter[lead - 1] = -1;
    for (bool first = true;; first = false) {
        bool restarted[CT_MAX_DIMS] = {false}, skipped[CT_MAX_DIMS] = {false}, any_restarted = false,
             any_skipped = false;
        for (int i = lead - 1; i >= 0; i--) {
            counter[i]++;
            if (dots && counter[i] == edge && t->sizes[i] > 2 * edge) {
                counter[i] = t->sizes[i] - edge;
                skipped[i] = any_skipped = true;
            }
            if (counter[i] < t->sizes[i])
                break;
            if (i == 0)
                return;
            counter[i] = 0;
            restarted[i] = any_restarted = true;
        }
        if (dots && any_skipped) {
            for (int i = 0; i < lead; i++)
                legacy_centred(s, skipped[i] ? "..." : "", skipped[i] ? 3 : 0, digits + 1);
            ct__text_add(s->text, "\n");
        }
        if (dots && any_restarted) {
            ct__text_add(s->text, " ");
            for (int i = 0; i < lead; i++)
                legacy_centred(s, restarted[i] ? LEGACY_VDOTS : "", restarted[i] ? 1 : 0, digits + 1);
            ct__text_add(s->text, "\n");
        }
        ct__text_add(s->text, first ? "(" : "\n(");
        const char *p = t->data;
        for (int i = 0; i < lead; i++) {
            char number[32];
            int n = snprintf(number, sizeof number, "%lld", (long long)counter[i]);
            ct__text_add(s->text, i ? "," : "");
            legacy_centred(s, number, n, digits);
            p += counter[i] * t->strides[i] * ct__itemsize(t->dtype);
        }
        ct__text_add(s->text, ",.,.) = \n");
        legacy_matrix(s, p, " ", dots);
    }
}

void ct__print_legacy(const ct_tensor *t, ct__text *text)
{
    legacy_state s = {.t = t, .text = text, .o = ct_get_print_options()};
    const char *type = ct_dtype_type_name(t->dtype == CT_BOOL ? CT_UINT8 : (ct_dtype)t->dtype);
    char history[160];
    const char *suffix = ct__autograd_suffix ? ct__autograd_suffix(t, history, sizeof history) : "";
    if ((suffix && *suffix) || (t->base.flags & CT_PRINT_VARIABLE))
        ct__text_add(text, "Variable containing:");
    if (t->numel == 0) {
        ct__text_addf(text, "[torch.%sTensor with no dimension]\n", type);
        return;
    }
    ct__text_add(text, "\n");
    int64_t edge = s.o.edgeitems;
    bool large = t->ndim >= 2 && (t->sizes[t->ndim - 1] > 2 * edge || t->sizes[t->ndim - 2] > 2 * edge);
    s.f = legacy_choose(&s, !large ? 0 : t->ndim == 2 ? 5 : 3);
    if (t->ndim < 2)
        legacy_vector(&s, t->numel, t->ndim ? t->strides[0] * ct__itemsize(t->dtype) : 0);
    else if (t->ndim == 2)
        legacy_matrix(&s, t->data, "", false);
    else
        legacy_slices(&s);
    ct__text_addf(text, "[torch.%sTensor of size ", type);
    for (int i = 0; i < t->ndim; i++)
        ct__text_addf(text, "%s%lld", i ? "x" : "", (long long)t->sizes[i]);
    ct__text_add(text, t->ndim ? "]\n" : "1]\n");
}

void ct_print_as_variable(ct_tensor *t)
{
    if (t)
        t->base.flags |= CT_PRINT_VARIABLE;
}
