/* Modules: children, parameters and buffers by name, calls, modes, conversion, printing as PyTorch prints them. */
#include "nn/nn.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Lifetime ---- */

static void module_free_list(ct__module_list *l)
{
    for (int64_t i = 0; i < l->n; i++) {
        ct_release(l->v[i].object);
        if (l->v[i].name)
            ct__free(l->v[i].name, strlen(l->v[i].name) + 1);
    }
    ct__free(l->v, sizeof *l->v * (size_t)l->capacity);
}

static void module_destroy(void *object)
{
    ct_module *m = object;
    ct__module_parts *p = m->parts;
    size_t bytes = sizeof *m;
    if (p) {
        bytes = p->bytes;
        module_free_list(&p->parameters);
        module_free_list(&p->buffers);
        module_free_list(&p->children);
        ct__free(p, sizeof *p);
    }
    ct__free(m, bytes);
}

static void module_indented(ct__text *t, const char *s, int indent)
{
    for (; *s; s++) {
        ct__text_addn(t, s, 1);
        if (*s == '\n')
            for (int i = 0; i < indent; i++)
                ct__text_addn(t, " ", 1);
    }
}

static void module_print(const void *object, void *text)
{
    const ct_module *m = object;
    ct__text *t = text;
    ct__text_addf(t, "%s(", m->type);
    char *about = m->describe ? m->describe(m) : NULL;
    int64_t n = m->parts ? m->parts->children.n : 0;
    if (about && *about)
        ct__text_addf(t, n ? "\n  %s" : "%s", about);
    if (about)
        ct_free_string(about);
    for (int64_t i = 0; i < n; i++) {
        const ct__module_entry *e = &m->parts->children.v[i];
        ct__text_addf(t, "\n  (%s): ", e->name);
        if (!e->object) {
            ct__text_add(t, "None");
            continue;
        }
        ct__text child = {0};
        module_print(e->object, &child);
        module_indented(t, child.s ? child.s : "", 2);
        ct__text_free(&child);
    }
    ct__text_add(t, n ? "\n)" : ")");
}

static const ct_type module_type = {"Module", module_destroy, module_print};

ct_module *ct_module_alloc(size_t bytes, const char *type, ct_forward_fn *forward)
{
    if (!ct_ok())
        return NULL;
    ct_module *m = ct__alloc_zero(bytes);
    ct__module_parts *p = m ? ct__alloc_zero(sizeof *p) : NULL;
    if (!p) {
        ct__free(m, bytes);
        return NULL;
    }
    ct__object_init(m, &module_type);
    m->type = type;
    m->forward = forward;
    m->training = true;
    m->parts = p;
    p->bytes = bytes;
    return m;
}

char *ct__describe(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return strdup(line);
}

ct_tensor *ct_call(ct_module *m, ct_tensor *x)
{
    if (!ct_ok())
        return NULL;
    if (!m || !m->forward)
        return ct_fail(CT_ERR_NOT_IMPLEMENTED, "Module [%s] is missing the required \"forward\" function", m ? m->type : "NULL");
    return m->forward(m, x);
}

/* ---- Registration ---- */

static ct__module_entry *module_find(const ct__module_list *l, const char *name, size_t length)
{
    for (int64_t i = 0; i < l->n; i++)
        if (strlen(l->v[i].name) == length && !memcmp(l->v[i].name, name, length))
            return &l->v[i];
    return NULL;
}

static bool module_name_ok(const ct_module *m, const char *name, const char *what)
{
    if (!name || !*name || strchr(name, '.')) {
        ct_fail(CT_ERR_KEY, !name || !*name ? "%s name can't be empty string \"\"" : "%s name can't contain \".\"", what);
        return false;
    }
    size_t n = strlen(name);
    if (module_find(&m->parts->parameters, name, n) || module_find(&m->parts->buffers, name, n) ||
        module_find(&m->parts->children, name, n)) {
        ct_fail(CT_ERR_KEY, "attribute '%s' already exists", name);
        return false;
    }
    return true;
}

/* The entry takes over one reference to the object. */
static bool module_append(ct__module_list *l, const char *name, void *object, bool persistent)
{
    if (l->n == l->capacity) {
        int64_t capacity = l->capacity ? 2 * l->capacity : 4;
        ct__module_entry *v = ct__realloc(l->v, sizeof *v * (size_t)l->capacity, sizeof *v * (size_t)capacity);
        if (!v)
            return false;
        l->v = v;
        l->capacity = capacity;
    }
    char *copy = ct__strdup(name);
    if (!copy)
        return false;
    l->v[l->n++] = (ct__module_entry){copy, object, persistent};
    return true;
}

ct_module *ct_child(void *module, const char *name, ct_module *child)
{
    ct_module *m = module;
    if (!m || !child || !ct_ok() || !module_name_ok(m, name, "module") || !module_append(&m->parts->children, name, child, false)) {
        ct_release(child);
        return NULL;
    }
    return child;
}

ct_tensor *ct_add_parameter(void *module, const char *name, ct_tensor *t)
{
    ct_module *m = module;
    if (!m || !ct_ok() || !module_name_ok(m, name, "parameter"))
        return NULL;
    if (t && !ct_is_leaf(t))
        return ct_fail(CT_ERR_VALUE, "Cannot assign non-leaf Tensor to parameter '%s'. Model parameters must be created explicitly. "
                       "To express '%s' as a function of another Tensor, compute the value in the forward() method.", name, name);
    if (t && !ct_set_requires_grad(t, true))
        return NULL;
    if (!module_append(&m->parts->parameters, name, ct_retain(t), true)) {
        ct_release(t);
        return NULL;
    }
    return t;
}

ct_tensor *ct_add_buffer(void *module, const char *name, ct_tensor *t, bool persistent)
{
    ct_module *m = module;
    if (!m || !ct_ok() || !module_name_ok(m, name, "buffer"))
        return NULL;
    if (!module_append(&m->parts->buffers, name, ct_retain(t), persistent)) {
        ct_release(t);
        return NULL;
    }
    return t;
}

/* ---- Looking up ---- */

/* The module that the dotted name's last part stands in; that part in *last. */
static ct_module *module_walk(ct_module *m, const char *name, const char **last)
{
    const char *dot;
    while (m && (dot = strchr(name, '.'))) {
        ct__module_entry *e = module_find(&m->parts->children, name, (size_t)(dot - name));
        m = e ? e->object : NULL;
        name = dot + 1;
    }
    *last = name;
    return m;
}

ct_module *ct_get_child(void *module, const char *name)
{
    const char *last;
    if (name && !*name)
        return module;
    ct_module *m = name ? module_walk(module, name, &last) : NULL;
    ct__module_entry *e = m ? module_find(&m->parts->children, last, strlen(last)) : NULL;
    return e ? e->object : NULL;
}

ct_tensor *ct_get_parameter(void *module, const char *name)
{
    const char *last;
    ct_module *m = name ? module_walk(module, name, &last) : NULL;
    ct__module_entry *e = m ? module_find(&m->parts->parameters, last, strlen(last)) : NULL;
    return e ? e->object : NULL;
}

ct_tensor *ct_get_buffer(void *module, const char *name)
{
    const char *last;
    ct_module *m = name ? module_walk(module, name, &last) : NULL;
    ct__module_entry *e = m ? module_find(&m->parts->buffers, last, strlen(last)) : NULL;
    return e ? e->object : NULL;
}

/* ---- Everything at once ---- */

/* Memory that belongs to the scope. */
typedef struct module_block { ct_object object; size_t bytes; } module_block;
static void module_block_destroy(void *object) { ct__free(object, ((module_block *)object)->bytes); }
static const ct_type module_block_type = {"memory", module_block_destroy, NULL};

static void *module_scratch(size_t bytes)
{
    size_t header = (sizeof(module_block) + 15) / 16 * 16;
    module_block *b = ct__alloc(header + bytes);
    if (!b)
        return NULL;
    ct__object_init(b, &module_block_type);
    b->bytes = header + bytes;
    return ct_adopt(b) ? (char *)b + header : NULL;
}

static int64_t module_count(const ct_module *m)
{
    if (!m)
        return 0;
    int64_t n = m->parts->parameters.n + m->parts->buffers.n;
    for (int64_t i = 0; i < m->parts->children.n; i++)
        n += module_count(m->parts->children.v[i].object);
    return n;
}

static int64_t module_gather(const ct_module *m, ct_tensor **v, int64_t n)
{
    for (int64_t i = 0; i < m->parts->parameters.n; i++) {
        ct_tensor *t = m->parts->parameters.v[i].object;
        int64_t k = 0;
        while (k < n && v[k] != t)
            k++;
        if (t && k == n)
            v[n++] = t;
    }
    for (int64_t i = 0; i < m->parts->children.n; i++)
        if (m->parts->children.v[i].object)
            n = module_gather(m->parts->children.v[i].object, v, n);
    return n;
}

ct_tensors ct_parameters(void *module)
{
    ct_module *m = module;
    if (!m || !ct_ok())
        return (ct_tensors){0, NULL};
    ct_tensor **v = module_scratch(sizeof *v * (size_t)(module_count(m) + 1));
    return v ? (ct_tensors){module_gather(m, v, 0), v} : (ct_tensors){0, NULL};
}

static bool module_list_state(const ct_module *m, const char *prefix, ct_named *v, int64_t *n)
{
    for (int which = 0; which < 2; which++) {
        const ct__module_list *l = which ? &m->parts->buffers : &m->parts->parameters;
        for (int64_t i = 0; i < l->n; i++) {
            if (!l->v[i].object || !l->v[i].persistent)
                continue;
            size_t bytes = strlen(prefix) + strlen(l->v[i].name) + 1;
            char *name = module_scratch(bytes);
            if (!name)
                return false;
            snprintf(name, bytes, "%s%s", prefix, l->v[i].name);
            v[(*n)++] = (ct_named){name, l->v[i].object, which == 1};
        }
    }
    for (int64_t i = 0; i < m->parts->children.n; i++) {
        const ct__module_entry *e = &m->parts->children.v[i];
        if (!e->object)
            continue;
        size_t bytes = strlen(prefix) + strlen(e->name) + 2;
        char *inner = module_scratch(bytes);
        if (!inner)
            return false;
        snprintf(inner, bytes, "%s%s.", prefix, e->name);
        if (!module_list_state(e->object, inner, v, n))
            return false;
    }
    return true;
}

ct_named_list ct_state(void *module)
{
    ct_module *m = module;
    int64_t n = 0;
    ct_named *v = m && ct_ok() ? module_scratch(sizeof *v * (size_t)(module_count(m) + 1)) : NULL;
    return v && module_list_state(m, "", v, &n) ? (ct_named_list){n, v} : (ct_named_list){0, NULL};
}

static void module_set_training(ct_module *m, bool training)
{
    if (!m)
        return;
    m->training = training;
    for (int64_t i = 0; i < m->parts->children.n; i++)
        module_set_training(m->parts->children.v[i].object, training);
}

void ct_train(void *module) { module_set_training(module, true); }
void ct_eval(void *module) { module_set_training(module, false); }

bool ct_requires_grad_all(void *module, bool requires_grad)
{
    CT_SCOPE();
    ct_tensors p = ct_parameters(module);
    for (int64_t i = 0; i < p.n; i++)
        if (!ct_set_requires_grad(p.v[i], requires_grad))
            return false;
    return ct_ok();
}

static bool module_convert(const ct__module_list *l, ct_dtype dtype)
{
    for (int64_t i = 0; i < l->n; i++) {
        ct_tensor *t = l->v[i].object;
        if (!t || !ct_is_floating(ct_dtype_of(t)) || ct_dtype_of(t) == dtype)
            continue;
        CT_SCOPE();
        ct_tensor *other = NULL;
        ct_no_grad other = ct_detach(ct_to_dtype(t, dtype));
        if (!other || !ct_set_data(t, other))
            return false;
    }
    return true;
}

bool ct_module_to(void *module, ct_dtype dtype)
{
    ct_module *m = module;
    if (!m || !ct_ok())
        return false;
    if (!ct_is_floating(dtype)) {
        ct_fail(CT_ERR_TYPE, "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.%s",
                ct_dtype_name(dtype));
        return false;
    }
    if (!module_convert(&m->parts->parameters, dtype) || !module_convert(&m->parts->buffers, dtype))
        return false;
    for (int64_t i = 0; i < m->parts->children.n; i++)
        if (m->parts->children.v[i].object && !ct_module_to(m->parts->children.v[i].object, dtype))
            return false;
    return true;
}
