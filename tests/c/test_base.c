/* Errors, objects and scopes, text and output. */
#include "base/base.h"
#include "faults.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures = 0;
#define CHECK(x) ((x) ? (void)0 : (faults_leave(), failures++, (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x)))

/* ---- Errors ---- */

static int handled = 0;
static char handled_text[64];
static void handler(ct_error_kind kind, const char *op, const char *message, void *data)
{
    handled++;
    snprintf(handled_text, sizeof handled_text, "%d %s %s %s", (int)kind, op, message, (const char *)data);
}

static void *fails_elsewhere(void *unused)
{
    CHECK(ct_ok());
    ct_fail(CT_ERR_INDEX, "in a thread");
    return unused;
}

static void test_errors(void)
{
    pthread_t thread;
    CHECK(ct_ok() && ct_error() == CT_OK && !*ct_error_message() && !*ct_error_op());
    ct__op_name = "add";
    CHECK(!ct_fail(CT_ERR_VALUE, "bad %d", 3));
    ct__op_name = "mul";
    CHECK(!ct_fail(CT_ERR_TYPE, "later"));
    ct__op_name = NULL;
    CHECK(!ct_ok() && ct_error() == CT_ERR_VALUE && !strcmp(ct_error_message(), "bad 3") && !strcmp(ct_error_op(), "add"));
    CHECK(!pthread_create(&thread, NULL, fails_elsewhere, NULL) && !pthread_join(thread, NULL));
    CHECK(ct_error() == CT_ERR_VALUE);
    CHECK(!ct_generator_new() && !ct_to_string(NULL));
    ct_error_clear();
    CHECK(ct_ok() && !*ct_error_message());
    ct_on_error(handler, "data");
    ct_fail(CT_ERR_KEY, "once");
    ct_fail(CT_ERR_KEY, "twice");
    CHECK(handled == 1 && !strcmp(handled_text, "10  once data"));
    ct_error_clear();
    ct_on_error(NULL, NULL);
    char *big = malloc(5000);
    memset(big, 'x', 4999);
    big[4999] = 0;
    ct_fail(CT_ERR_RUNTIME, "%s", big);
    CHECK(strlen(ct_error_message()) == 2047);
    free(big);
    ct_error_clear();
    CHECK(!ct__fail_memory(7) && ct_error() == CT_ERR_MEMORY);
    ct_error_clear();
}

static void test_die(void)
{
    int fds[2], status = 0;
    char text[100] = "";
    CHECK(!pipe(fds));
    pid_t child = fork();
    if (!child) {
        dup2(fds[1], 2);
        ct_on_error(ct_die, NULL);
        ct__op_name = "add";
        ct_fail(CT_ERR_VALUE, "no");
        _exit(7);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof text - 1);
    close(fds[0]);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1);
    CHECK(n > 0 && !strcmp(text, "ctorch: add: no\n"));
}

/* ---- Objects and scopes ---- */

typedef struct thing { ct_object base; int id; struct thing *held; } thing;
static int alive = 0;
static void thing_destroy(void *o)
{
    __atomic_fetch_sub(&alive, 1, __ATOMIC_RELAXED);
    ct_release(((thing *)o)->held);
    ct__free(o, sizeof(thing));
}
static void thing_print(const void *o, void *text) { ct__text_addf(text, "thing(%d)", ((const thing *)o)->id); }
static const ct_type thing_type = {"thing", thing_destroy, thing_print};
static const ct_type mute_type = {"mute", thing_destroy, NULL};

static thing *thing_new(int id)
{
    thing *t = ct__alloc(sizeof *t);
    if (!t) return NULL;
    ct__object_init(t, &thing_type);
    t->id = id;
    t->held = NULL;
    __atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
    return t;
}
static thing *thing_made(int id)
{
    thing *t = ct_adopt(thing_new(id));
    CHECK(t || !ct_ok());
    return t;
}

static int id_of(const thing *t) { return t ? t->id : -1; }

static thing *escaping(int depth)
{
    CT_SCOPE();
    thing_made(-1);
    thing *t = depth ? escaping(depth - 1) : thing_made(5);
    thing_made(-2);
    return ct_escape(t);
}

static int leaves_early(int n)
{
    for (int i = 0; i < n; i++) {
        CT_SCOPE();
        thing_made(i);
        if (i % 3 == 0) continue;
        if (i == 7) return alive;
        thing_made(i);
    }
    return -1;
}

static void *thread_root(void *unused)
{
    for (int i = 0; i < 1000; i++) thing_made(i);
    CHECK(alive >= 1000);
    return unused;
}

static void test_scopes(void)
{
    CHECK(ct_adopt(NULL) == NULL && ct_escape(NULL) == NULL && ct_retain(NULL) == NULL);
    ct_release(NULL);
    {
        CT_SCOPE();
        thing *a = thing_made(1);
        CHECK(a && alive == 1 && ct_retain(a) == a && a->base.refcount == 2);
        ct_release(a);
        for (int i = 0; i < 5000; i++) thing_made(i);
        CHECK(alive == 5001);
        {
            CT_SCOPE();
            thing_made(2);
            CHECK(alive == 5002);
        }
        CHECK(alive == 5001);
        ct_scope s = ct_scope_begin(), inner = ct_scope_begin();
        thing_made(3);
        (void)inner; /* a scope that was left open ends with the one around it */
        ct_scope_end(&s);
        ct_scope_end(&s); /* nothing to do */
        CHECK(alive == 5001);
    }
    CHECK(alive == 0);
    {
        CT_SCOPE();
        CHECK(id_of(escaping(0)) == 5 && alive == 1);
        CHECK(id_of(escaping(1000)) == 5 && alive == 2);
        CHECK(leaves_early(100) == 3 && alive == 2);
        thing *keep = NULL;
        ct_keep(&keep, thing_made(6));
        CHECK(keep && keep->base.refcount == 2);
        ct_keep(&keep, keep);
        CHECK(keep && keep->base.refcount == 2);
        ct_keep(&keep, NULL);
        CHECK(!keep && alive == 3);
        thing *chain = NULL; /* objects that hold others; both in the scope */
        for (int i = 0; i < 100; i++) {
            thing *t = thing_made(i);
            CHECK(t);
            t->held = ct_retain(chain);
            chain = t;
        }
    }
    CHECK(alive == 0);
    thing *outside = thing_made(1); /* the root scope takes it, and cannot be escaped */
    CHECK(ct_escape(outside) == outside && alive == 1);
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, thread_root, NULL) && !pthread_join(thread, NULL));
    CHECK(alive == 1);
    thing *x = thing_new(1), *y = thing_new(2);
    ct_free_all(x, y);
    CHECK(alive == 1);
    {
        CT_SCOPE(); /* still released while an error is pending */
        thing_made(1);
        ct_fail(CT_ERR_VALUE, "x");
    }
    ct_error_clear();
    CHECK(alive == 1);
}

/* Every allocation of a scenario fails once: nothing leaks, nothing crashes. */
static void *scope_faults(void *unused)
{
    for (int64_t k = 0; k < 2000 && !faults_on(); k++) {
        CT_SCOPE();
        int before = __atomic_load_n(&alive, __ATOMIC_RELAXED), made = 0;
        ct__alloc_fail_after(k);
        {
            CT_SCOPE();
            for (int i = 0; i < 300; i++) made += thing_made(i) != NULL;
            char *s = ct__strdup("text");
            ct__free(s, 5);
        }
        bool failed = !ct_ok();
        CHECK(!failed || ct_error() == CT_ERR_MEMORY);
        ct__alloc_fail_after(-1);
        ct_error_clear();
        CHECK(__atomic_load_n(&alive, __ATOMIC_RELAXED) == before);
        if (!failed) {
            CHECK(made == 300 && k > 300);
            break;
        }
    }
    return unused;
}

/* ---- Text ---- */

static char written[200];
static size_t written_length = 0;
static void keep_text(const char *text, size_t length, void *data)
{
    CHECK(data == &written_length && written_length + length < sizeof written);
    memcpy(written + written_length, text, length);
    written_length += length;
}

static void test_text(void)
{
    ct__text t = {0};
    for (int i = 0; i < 1000; i++) ct__text_addf(&t, "%d,", i);
    CHECK(t.length == 3890 && strlen(t.s) == t.length && !strncmp(t.s, "0,1,2,", 6));
    ct__text_free(&t);
    char *big = malloc(1001);
    memset(big, 'y', 1000);
    big[1000] = 0;
    ct__text_addf(&t, "<%s>", big);
    CHECK(t.length == 1002 && t.s[1001] == '>');
    ct__text_free(&t);
    free(big);
    ct__text_add(&t, "abc");
    if (!faults_on()) {
        ct__alloc_fail_after(0);
        ct__text_addf(&t, "%500d", 1);
        ct__text_add(&t, "d");
        CHECK(ct_error() == CT_ERR_MEMORY && t.length == 3 && t.failed);
        ct_error_clear();
    }
    ct__text_free(&t);
    CT_SCOPE();
    ct_set_output(keep_text, &written_length);
    ct_print(thing_made(4));
    ct_print(NULL);
    ct_set_output(NULL, NULL);
    CHECK(!strcmp(written, "thing(4)\nNone\n"));
    thing *mute = thing_made(1);
    CHECK(mute);
    mute->base.type = &mute_type;
    char *s = ct_to_string(mute);
    CHECK(s && !strncmp(s, "<mute object at 0x", 18));
    ct_free_string(s);
    for (int64_t k = 0; k < 3 && !faults_on(); k++) {
        ct__alloc_fail_after(k);
        s = ct_to_string(mute);
        CHECK(!s == !ct_ok());
        ct_free_string(s);
        ct_error_clear();
        ct__alloc_fail_after(-1);
    }
}

int main(void)
{
    pthread_t thread;
    test_errors();
    test_die();
    test_scopes();
    if (pthread_create(&thread, NULL, scope_faults, NULL) || pthread_join(thread, NULL)) failures++;
    scope_faults(NULL);
    test_text();
    printf("%s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
