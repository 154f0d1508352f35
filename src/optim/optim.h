/* The optimizer as its own files see it. */
#ifndef CT_OPTIM_INTERNAL_H
#define CT_OPTIM_INTERNAL_H

#include "base/base.h"
#include <ctorch/optim.h>

typedef enum ct__optim_kind { CT__SGD, CT__ADAM, CT__RMSPROP, CT__ADAGRAD } ct__optim_kind;

/* Names of a kind's state tensors as in PyTorch's state dicts; NULL where it has fewer. "step" is apart. */
#define CT__OPTIM_STATES 3
CT_HIDDEN extern const char *const ct__optim_state_names[4][CT__OPTIM_STATES];

typedef struct ct__optim_group {
    int64_t n;
    ct_tensor **params, **grads;              /* grads and the rest: scratch of a step */
    ct_tensor **steps;                        /* 0-dim float32, or NULL before the first step */
    ct_tensor **state[CT__OPTIM_STATES];      /* likewise; a list that the options do not need stays empty */
    ct_tensor **scratch[CT__OPTIM_STATES + 2];
    double lr, initial_lr, weight_decay;
} ct__optim_group;

struct ct_optim {
    ct_object object;
    ct__optim_kind kind;
    const char *name; /* "SGD" */
    union { ct_sgd_opts sgd; ct_adam_opts adam; ct_rmsprop_opts rmsprop; ct_adagrad_opts adagrad; };
    int64_t ngroups;
    ct__optim_group *groups;
};

/* Which state tensors the options ask for. */
CT_HIDDEN bool ct__optim_has_state(const ct_optim *o, int i);
#endif
