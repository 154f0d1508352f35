/* Optimizers and learning rate schedules: torch.optim's, with its formulas. What a constructor returns belongs to the caller:
 * ct_release, or ct_free_all. Parameters are retained. */
#ifndef CTORCH_OPTIM_H
#define CTORCH_OPTIM_H

#include <ctorch/autograd.h>
#include <ctorch/steps.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_optim ct_optim;

/* ---- Optimizers. A list without parameters, a parameter that is no leaf and an option out of its range are errors. ---- */

typedef struct ct_sgd_opts { double lr, momentum, dampening, weight_decay; bool nesterov, maximize; } ct_sgd_opts;
CT_API ct_optim *ct_sgd(ct_tensors params, const ct_sgd_opts *options);
typedef struct ct_adam_opts { double lr, beta1, beta2, eps, weight_decay; bool amsgrad, maximize, decoupled_weight_decay; } ct_adam_opts;
CT_API ct_optim *ct_adam(ct_tensors params, const ct_adam_opts *options);
CT_API ct_optim *ct_adamw(ct_tensors params, const ct_adam_opts *options);
typedef struct ct_rmsprop_opts { double lr, alpha, eps, weight_decay, momentum; bool centered, maximize; } ct_rmsprop_opts;
CT_API ct_optim *ct_rmsprop(ct_tensors params, const ct_rmsprop_opts *options);
typedef struct ct_adagrad_opts { double lr, lr_decay, weight_decay, initial_accumulator_value, eps; bool maximize; } ct_adagrad_opts;
CT_API ct_optim *ct_adagrad(ct_tensors params, const ct_adagrad_opts *options);
#ifndef __cplusplus
#define CT__ADAM_DEFAULTS(decay) (.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = decay,)
#define ct_sgd(params, ...) CT_WITH(ct_sgd_opts, (.lr = 1e-3,), ct_sgd(params, ct__options), __VA_ARGS__)
#define ct_adam(params, ...) CT_WITH(ct_adam_opts, CT__ADAM_DEFAULTS(0), ct_adam(params, ct__options), __VA_ARGS__)
#define ct_adamw(params, ...) CT_WITH(ct_adam_opts, CT__ADAM_DEFAULTS(1e-2), ct_adamw(params, ct__options), __VA_ARGS__)
#define ct_rmsprop(params, ...) \
    CT_WITH(ct_rmsprop_opts, (.lr = 1e-2, .alpha = 0.99, .eps = 1e-8,), ct_rmsprop(params, ct__options), __VA_ARGS__)
#define ct_adagrad(params, ...) CT_WITH(ct_adagrad_opts, (.lr = 1e-2, .eps = 1e-10,), ct_adagrad(params, ct__options), __VA_ARGS__)
#endif

/* ---- Use ---- */

/* Changes the parameters that have a gradient. False with the error set. */
CT_API bool ct_step(ct_optim *o);
/* Forgets all gradients. */
CT_API bool ct_zero_grad(ct_optim *o);
/* Another group of parameters with its own learning rate and weight decay, the other options as in the first group.
 * Returns the group's number, or -1. */
CT_API int64_t ct_add_param_group(ct_optim *o, ct_tensors params, double lr, double weight_decay);
CT_API int64_t ct_param_groups(const ct_optim *o);
CT_API double ct_learning_rate(const ct_optim *o, int64_t group);
CT_API bool ct_set_learning_rate(ct_optim *o, int64_t group, double lr);
/* The 2-norm of all gradients as one vector; where it exceeds max_norm they are scaled down to it. -1 with an error. */
CT_API double ct_clip_grad_norm_(ct_tensors params, double max_norm);
/* Writes and reads {'state': ..., 'param_groups': ...} as PyTorch does: torch.load and load_state_dict read it. */
CT_API bool ct_save_optim(const ct_optim *o, const char *path);
CT_API bool ct_load_optim(ct_optim *o, const char *path);

/* ---- Learning rate schedules. They retain the optimizer; ct_schedule_step moves on by one epoch. ---- */

typedef struct ct_schedule ct_schedule;
CT_API ct_schedule *ct_step_lr(ct_optim *o, int64_t step_size, double gamma);
CT_API ct_schedule *ct_multi_step_lr(ct_optim *o, ct_ints milestones, double gamma);
CT_API ct_schedule *ct_exponential_lr(ct_optim *o, double gamma);
CT_API ct_schedule *ct_cosine_annealing_lr(ct_optim *o, int64_t t_max, double eta_min);
/* initial rate * fn(epoch, data). */
typedef double ct_lr_fn(int64_t epoch, void *data);
CT_API ct_schedule *ct_lambda_lr(ct_optim *o, ct_lr_fn *fn, void *data);
CT_API bool ct_schedule_step(ct_schedule *s);

#ifdef __cplusplus
}
#endif
#endif
