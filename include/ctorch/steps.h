/* The optimizers' steps over lists of tensors: what ctorch/optim.h's optimizers and torch.optim's compute with.
 *
 * Lists have one entry a parameter. Parameters and state change in place, outside of the graph, and their version counters
 * move; gradients never change. A parameter, its gradient and its state have one shape; the dtypes are the parameter's
 * (steps[i] is float32 and 0-dim). An element's arithmetic is in its dtype (float for float16 and bfloat16), every
 * operation rounded by itself in the order written below, numbers being rounded to the dtype first. With maximize,
 * g = -g comes first; then, unless weight_decay is 0 (or is decoupled), g = g + weight_decay * p.
 * False with an error recorded where shapes or dtypes do not match; parameters before the culprit have then moved. */
#ifndef CTORCH_STEPS_H
#define CTORCH_STEPS_H

#include <ctorch/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_sgd_step_opts {
    double lr, momentum, dampening, weight_decay;
    bool nesterov, maximize;
} ct_sgd_step_opts;
/* if momentum: buf = buf * momentum + (1 - dampening) * g; g = nesterov ? g + momentum * buf : buf. Then p = p + (-lr) * g.
 * bufs[i] NULL: a new tensor, which starts as g, is put there and belongs to the scope. bufs may be NULL without momentum. */
CT_API bool ct_sgd_step(ct_tensors params, ct_tensors grads, ct_tensor **bufs, const ct_sgd_step_opts *options);

typedef struct ct_adam_step_opts {
    double lr, beta1, beta2, eps, weight_decay;
    bool amsgrad, maximize, decoupled_weight_decay; /* decoupled: p = p * (1 - lr * weight_decay) instead */
} ct_adam_step_opts;
/* step += 1; m = lerp(m, g, 1 - beta1); v = v * beta2 + ((1 - beta2) * g) * g; if amsgrad: vmax = max(vmax, v), used for v;
 * p = p + (-(lr / (1 - beta1^step)) * m) / (sqrt(v) / sqrt(1 - beta2^step) + eps).
 * max_exp_avg_sqs.n is 0 unless amsgrad. */
CT_API bool ct_adam_step(ct_tensors params, ct_tensors grads, ct_tensors exp_avgs, ct_tensors exp_avg_sqs,
                         ct_tensors max_exp_avg_sqs, ct_tensors steps, const ct_adam_step_opts *options);

typedef struct ct_rmsprop_step_opts {
    double lr, alpha, eps, weight_decay, momentum;
    bool centered, maximize;
} ct_rmsprop_step_opts;
/* step += 1; v = v * alpha + ((1 - alpha) * g) * g; if centered: a = lerp(a, g, 1 - alpha), avg = sqrt(v + (-a) * a) + eps,
 * else avg = sqrt(v) + eps; if momentum > 0: buf = buf * momentum + g / avg; p = p + (-lr) * buf, else
 * p = p + ((-lr) * g) / avg. grad_avgs.n is 0 unless centered, bufs.n is 0 unless momentum > 0. */
CT_API bool ct_rmsprop_step(ct_tensors params, ct_tensors grads, ct_tensors square_avgs, ct_tensors grad_avgs, ct_tensors bufs,
                            ct_tensors steps, const ct_rmsprop_step_opts *options);

typedef struct ct_adagrad_step_opts {
    double lr, lr_decay, weight_decay, eps;
    bool maximize;
} ct_adagrad_step_opts;
/* step += 1; s = s + g * g; p = p + (-(lr / (1 + (step - 1) * lr_decay)) * g) / (sqrt(s) + eps). */
CT_API bool ct_adagrad_step(ct_tensors params, ct_tensors grads, ct_tensors sums, ct_tensors steps,
                            const ct_adagrad_step_opts *options);

#ifdef __cplusplus
}
#endif
#endif
