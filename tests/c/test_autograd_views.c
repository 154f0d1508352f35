/* Programs of views and in-place ops (tests/golden/autograd_views.txt): values, gradients, flags, grad_fns
 * and errors as PyTorch's. */
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include "autograd/graph.h"
#include "check.h"

enum { MAX_REGS = 32 };
static ct_tensor *regs[MAX_REGS], *leaf_x, *leaf_y;
static int nregs;

static ct_tensor *fresh(int64_t n, int64_t start, ct_ints shape)
{
    double v[64];
    for (int64_t i = 0; i < n; i++)
        v[i] = (double)((7 * i + start) % 11 - 5) / 4 + 0.125;
    return ct_tensor_from_doubles(v, shape, CT_FLOAT64);
}

static void add_reg(ct_tensor *t)
{
    if (t && nregs < MAX_REGS)
        regs[nregs++] = t;
}

static void begin(void)
{
    nregs = 0;
    leaf_x = fresh(6, 1, CT_SHAPE(2, 3));
    leaf_y = fresh(3, 4, CT_SHAPE(3));
    ct_set_requires_grad(leaf_x, true);
    ct_set_requires_grad(leaf_y, true);
    add_reg(ct_clone(leaf_x));
    add_reg(leaf_y);
    add_reg(ct_zeros(CT_SHAPE(2, 3), .dtype = CT_FLOAT64));
    add_reg(ct_clone(leaf_y));
}

static void step(const char *text)
{
    char name[32];
    int a[4] = {0};
    if (sscanf(text, "%31s %d %d %d %d", name, &a[0], &a[1], &a[2], &a[3]) < 2)
        return;
    if (!strncmp(name, "ng_", 3)) {
        ct_no_grad step(text + strspn(text, " ") + 3);
        return;
    }
    ct_tensor *t = regs[a[0]], *u = a[1] < nregs ? regs[a[1]] : NULL;
    int64_t sizes[8] = {2};
    for (int i = 0; i < ct_ndim(t); i++)
        sizes[i + 1] = ct_size(t, i);
#define STEP(op, code)       \
    if (!strcmp(name, op)) { \
        code;                \
        return;              \
    }
    STEP("select", add_reg(ct_select(t, a[1], a[2])))
    STEP("slice", add_reg(ct_narrow(t, a[1], a[2], a[3])))
    STEP("step", add_reg(ct_at(t, "::2")))
    STEP("transpose", add_reg(ct_transpose(t, 0, 1)))
    STEP("view", add_reg(ct_view(t, CT_INTS(-1))))
    STEP("unsqueeze", add_reg(ct_unsqueeze(t, 0)))
    STEP("expand", add_reg(ct_expand(t, ((ct_ints){ct_ndim(t) + 1, sizes}))))
    STEP("detach", add_reg(ct_detach(t)))
    STEP("strided",
         add_reg(ct_as_strided(t, CT_INTS(2, 2), CT_INTS(1, 1), .storage_offset = ct_storage_offset(t))))
    STEP("mul", add_reg(ct_mul(t, u)))
    STEP("sin", add_reg(ct_sin(t)))
    STEP("clone", add_reg(ct_clone(t)))
    STEP("mul_", ct_mul_(t, u))
    STEP("add_", ct_add_(t, u))
    STEP("copy_", ct_copy_(t, u))
    STEP("scale_", ct_mul_(t, 3))
    STEP("sin_", ct_sin_(t))
    STEP("tanh_", ct_tanh_(t))
    STEP("zero_", ct_zero_(t))
    STEP("fill_", ct_fill_(t, 2))
    STEP("detach_", ct_detach_(t))
    STEP("requires_", ct_set_requires_grad(t, true))
    STEP("setdata", ct_set_data(t, u))
    ct_fail(CT_ERR_VALUE, "unknown step %s", name);
}

static void run(char *program)
{
    for (char *s = strtok(program, ";\n"); s && ct_ok(); s = strtok(NULL, ";\n"))
        step(s);
}

/* A graph may hold itself: after c = f(b); b.add_(c) the node of f saved b, whose history now leads to that node. PyTorch does not
 * free such a graph either; here every node drops what it saved, so that whatever else is left over is a leak. */
static void forget_from(ct_node *n)
{
    static ct_node *seen[4096];
    int count = 0;
    if (n)
        seen[count++] = n;
    for (int at = 0; at < count; at++) {
        n = seen[at];
        for (int i = 0; i < n->ninputs; i++) {
            ct_node *next = n->edges[i].node;
            bool known = !next || count == 4096;
            for (int k = 0; k < count && !known; k++)
                known = seen[k] == next;
            if (!known)
                seen[count++] = next;
        }
    }
    for (int k = 0; k < count; k++)
        ct_retain(seen[k]);
    for (int k = 0; k < count; k++)
        ct__node_forget(seen[k]);
    for (int k = 0; k < count; k++)
        ct_release(seen[k]);
}

static void forget(void)
{
    ct_error_clear();
    for (int k = 0; k < nregs; k++)
        forget_from(regs[k]->autograd ? regs[k]->autograd->grad_fn : NULL);
    nregs = 0;
}

/* Equal messages; which op's output a changed tensor was may differ where it changed several times since. */
static bool same_error(const char *mine, const char *want)
{
    const char *of = strstr(mine, ", which is output "), *of_want = strstr(want, ", which is output ");
    if (!of || !of_want)
        return !strcmp(mine, want);
    return of - mine == of_want - want && !strncmp(mine, want, (size_t)(of - mine)) &&
           strstr(of, ", is at version ") &&
           !strcmp(strstr(of, ", is at version "), strstr(of_want, ", is at version "));
}

static bool close_to(ct_tensor *t, const char *text)
{
    char *end;
    for (int64_t i = 0; i < ct_numel(t); i++, text = end) {
        double want = strtod(text, &end), got = ct_float_at(t, i);
        if (end == text || !(fabs(want - got) <= 1e-6 * (1 + fabs(want))))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    FILE *f = fopen(argc > 1 ? argv[1] : CT_TESTS_FOLDER "/golden/autograd_views.txt", "r");
    if (!f) {
        printf("no golden file\n");
        return 1;
    }
    static char line[16384], program[16384];
    int programs = 0, bad = 0, index = 0, gradients = 0;
    bool differs = false, any = false;
    ct_scope scope = ct_scope_begin();
    char report[4096] = "";
#define DIFFER(...) \
    (differs = true, snprintf(report + strlen(report), sizeof report - strlen(report), __VA_ARGS__))
    for (;;) {
        bool more = fgets(line, sizeof line, f) != NULL;
        line[strcspn(line, "\n")] = 0;
        if (!more || !strncmp(line, "program ", 8)) {
            if (differs && bad++ < 40)
                printf("%s\n%s", program, report);
            CHECK(!differs);
            differs = false;
            report[0] = 0;
            forget();
            ct_scope_end(&scope);
            if (!more)
                break;
            scope = ct_scope_begin();
            programs++;
            snprintf(program, sizeof program, "%s", line + 8);
            char copy[16384];
            strcpy(copy, program);
            begin();
            run(copy);
            index = gradients = 0;
            any = false;
        } else if (!strncmp(line, "flags ", 6)) {
            int at = 6;
            for (int k = 0; k < nregs; k++, at += 3)
                if (line[at] - '0' != ct_requires_grad(regs[k]) || line[at + 1] - '0' != ct_is_leaf(regs[k]))
                    DIFFER("  register %d: requires_grad %d, leaf %d, not %.2s\n", k,
                           ct_requires_grad(regs[k]), ct_is_leaf(regs[k]), line + at);
        } else if (!strncmp(line, "names ", 6)) {
            char *name = strtok(line + 6, " ");
            for (int k = 0; k < nregs && name; k++, name = strtok(NULL, " ")) {
                const char *mine = ct_grad_fn(regs[k]) ? ct_node_name(ct_grad_fn(regs[k])) : "-";
                if (strcmp(mine, name))
                    DIFFER("  register %d: grad_fn %s, not %s\n", k, mine, name);
            }
            ct_tensor *loss = NULL;
            for (int k = 0; k < nregs; k++)
                if (ct_requires_grad(regs[k])) {
                    ct_ints shape = ct_shape_of(regs[k]);
                    ct_tensor *term = ct_sum(ct_mul(regs[k], fresh(ct_numel(regs[k]), k, shape)));
                    loss = loss ? ct_add(loss, term) : term;
                }
            if (loss)
                ct_backward(loss);
            if (!ct_ok())
                DIFFER("  error %s\n", ct_error_message());
        } else if (!strncmp(line, "value ", 6)) {
            if (index >= nregs || !close_to(regs[index], line + 6))
                DIFFER("  value of register %d\n", index);
            index++;
        } else if (!strncmp(line, "grad ", 5)) {
            ct_tensor *g = ct_grad(gradients++ ? leaf_y : leaf_x);
            if (!strcmp(line + 5, "none") ? g != NULL : !g || !close_to(g, line + 5)) {
                DIFFER("  gradient of %s: want %s, got", gradients > 1 ? "y" : "x", line + 5);
                for (int64_t i = 0; g && i < ct_numel(g); i++)
                    DIFFER(" %g", ct_float_at(g, i));
                DIFFER("\n");
            }
        } else if (!strncmp(line, "error ", 6)) {
            ct_tensor *loss = NULL;
            for (int k = 0; k < nregs && ct_ok(); k++)
                (void)ct_grad_fn(regs[k]);
            for (int k = 0; k < nregs && ct_ok(); k++)
                if (ct_requires_grad(regs[k])) {
                    ct_tensor *term =
                        ct_sum(ct_mul(regs[k], fresh(ct_numel(regs[k]), k, ct_shape_of(regs[k]))));
                    loss = loss ? ct_add(loss, term) : term;
                }
            if (ct_ok() && loss)
                ct_backward(loss);
            if (!same_error(ct_error_message(), line + 6))
                DIFFER("  error: %s\n    want: %s\n", ct_error_message(), line + 6);
            (void)any;
        }
    }
    fclose(f);
    printf("%d programs, %d differ\n", programs, bad);
    return CHECK_END();
}
