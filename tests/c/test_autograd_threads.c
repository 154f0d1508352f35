/* Several threads run backward at once: over graphs of their own that share leaves, and over one and the same
 * graph. */
#include <ctorch/autograd.h>
#include <ctorch/ops.h>
#include "base/base.h"
#include "check.h"
#include <pthread.h>

#define ROUNDS FAULTS_FEW(500, 5)
enum { THREADS = 4 };
static ct_tensor *weight, *input, *shared;

static void *own_graphs(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        CT_SCOPE();
        ct_tensor *h = ct_mul(weight, input);
        ct_tensor *view = ct_view(weight, CT_INTS(2, 2));
        ct_backward(ct_add(ct_sum(h), ct_sum(view)));
    }
    return ct_ok() ? NULL : (void *)1;
}

static void *one_graph(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        CT_SCOPE();
        ct_backward(shared, .retain_graph = true);
    }
    return ct_ok() ? NULL : (void *)1;
}

static void in_threads(void *(*fn)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, fn, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        CHECK(!failed);
    }
}

int main(void)
{
    {
        CT_SCOPE();
        weight = ct_tensor_from_doubles((double[]){1, 2, 3, 4}, CT_SHAPE(4), CT_FLOAT32);
        input = ct_tensor_from_doubles((double[]){1, 2, 3, 4}, CT_SHAPE(4), CT_FLOAT32);
        ct_set_requires_grad(weight, true);
        in_threads(own_graphs);
        CHECK_VALUES(ct_grad(weight), 2.0 * THREADS * ROUNDS, 3.0 * THREADS * ROUNDS, 4.0 * THREADS * ROUNDS,
                     5.0 * THREADS * ROUNDS);
        ct_set_grad(weight, NULL);
        ct_tensor *t = ct_mul(weight, input);
        for (int i = 0; i < 20; i++)
            t = ct_add(ct_mul(t, 0.5), ct_mul(weight, 0.5));
        shared = ct_sum(t);
        in_threads(one_graph);
        double first = ct_float_at(ct_grad(weight), 0) / (THREADS * ROUNDS);
        CHECK(fabs(first - 1) < 1e-3);
    }
    CHECK(ct_ok());
    return CHECK_END();
}
