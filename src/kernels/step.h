/* The optimizers' steps over n elements, f32 and f64. All arrays have n elements and do not overlap; what a step does to an
 * element is written in <ctorch/steps.h>. Numbers are rounded to the element's type first. */
#ifndef CT_KERNELS_STEP_H
#define CT_KERNELS_STEP_H

typedef struct ct__step_numbers {
    double lr;             /* what p moves by, with its sign: -lr, or Adam's and Adagrad's corrected one */
    double weight_decay;   /* 0: none */
    double shrink;         /* p *= shrink first; 1: no */
    double beta1, beta2;   /* SGD: momentum, 1 - dampening. RMSprop: momentum, alpha */
    double correction;     /* Adam: sqrt(1 - beta2^step) */
    double eps;
    bool maximize, nesterov;
} ct__step_numbers;

typedef struct ct__step_kernels {
    /* buf NULL: no momentum; fresh: buf is written without being read. */
    void (*sgd_f32)(int64_t n, float *p, const float *g, float *buf, bool fresh, const ct__step_numbers *k);
    void (*sgd_f64)(int64_t n, double *p, const double *g, double *buf, bool fresh, const ct__step_numbers *k);
    /* top NULL: no amsgrad. */
    void (*adam_f32)(int64_t n, float *p, const float *g, float *m, float *v, float *top, const ct__step_numbers *k);
    void (*adam_f64)(int64_t n, double *p, const double *g, double *m, double *v, double *top, const ct__step_numbers *k);
    /* a NULL: not centered; buf NULL: no momentum. */
    void (*rmsprop_f32)(int64_t n, float *p, const float *g, float *v, float *a, float *buf, const ct__step_numbers *k);
    void (*rmsprop_f64)(int64_t n, double *p, const double *g, double *v, double *a, double *buf, const ct__step_numbers *k);
    void (*adagrad_f32)(int64_t n, float *p, const float *g, float *s, const ct__step_numbers *k);
    void (*adagrad_f64)(int64_t n, double *p, const double *g, double *s, const ct__step_numbers *k);
} ct__step_kernels;
#endif
