/* Growing strings, and where printed text goes. */
#include "base/base.h"
#include <stdio.h>

static bool text_room(ct__text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->length + more + 1 <= t->capacity)
        return true;
    size_t capacity = t->capacity ? t->capacity : 128;
    while (capacity < t->length + more + 1)
        capacity *= 2;
    char *s = ct__realloc(t->s, t->capacity, capacity);
    if (!s) {
        t->failed = true;
        return false;
    }
    t->s = s;
    t->capacity = capacity;
    return true;
}

void ct__text_addn(ct__text *t, const char *s, size_t n)
{
    if (!text_room(t, n))
        return;
    memcpy(t->s + t->length, s, n);
    t->length += n;
    t->s[t->length] = 0;
}

void ct__text_add(ct__text *t, const char *s) { ct__text_addn(t, s, strlen(s)); }

void ct__text_addf(ct__text *t, const char *format, ...)
{
    char small[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(small, sizeof small, format, arguments);
    va_end(arguments);
    if (n < (int)sizeof small) {
        ct__text_addn(t, small, n > 0 ? (size_t)n : 0);
        return;
    }
    if (!text_room(t, (size_t)n))
        return;
    va_start(arguments, format);
    vsnprintf(t->s + t->length, (size_t)n + 1, format, arguments);
    va_end(arguments);
    t->length += (size_t)n;
}

void ct__text_free(ct__text *t)
{
    ct__free(t->s, t->capacity);
    *t = (ct__text){0};
}

/* ---- Output ---- */

static void text_to_stdout(const char *text, size_t length, void *data) { fwrite(text, 1, length, stdout); }

static ct_write_fn *text_write = text_to_stdout;
static void *text_write_data = NULL;

void ct_set_output(ct_write_fn *write, void *data)
{
    text_write = write ? write : text_to_stdout;
    text_write_data = data;
}

static bool text_of(const void *object, ct__text *t)
{
    const ct_object *o = object;
    if (ct__pending())
        return false;
    if (!o)
        ct__text_add(t, "None");
    else if (o->type->print)
        o->type->print(o, t);
    else
        ct__text_addf(t, "<%s object at %p>", o->type->name, object);
    return !ct__pending();
}

void ct_print(const void *object)
{
    ct__text t = {0};
    if (text_of(object, &t)) {
        ct__text_add(&t, "\n");
        if (!t.failed)
            text_write(t.s, t.length, text_write_data);
    }
    ct__text_free(&t);
}

char *ct_to_string(const void *object)
{
    ct__text t = {0};
    bool ok = text_of(object, &t);
    char *copy = ok ? malloc(t.length + 1) : NULL;
    if (copy)
        memcpy(copy, t.s ? t.s : "", t.length + 1);
    else if (ok)
        ct__fail_memory(t.length + 1);
    ct__text_free(&t);
    return copy;
}

void ct_free_string(char *string) { free(string); }
