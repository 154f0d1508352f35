/* Factorisations of a dense matrix in double. Inner loops run along rows, which are dense.
 *
 * Sources: G. Golub and C. Van Loan, Matrix Computations, 4th edition: LU with partial pivoting (3.4), Cholesky (4.2), Householder
 * QR (5.2), tridiagonal form and implicit symmetric QR (8.3), one-sided Jacobi (8.6.3). The reflections' signs are LAPACK's (dlarfg),
 * so that R has PyTorch's signs. Jacobi's stopping rule, which keeps small singular values accurate, is J. Demmel and
 * K. Veselic's (Jacobi's method is more accurate than QR, 1992). */
#include "kernels/kernels.h"

#define FACTOR_EPS 2.220446049250313e-16

CT_KINLINE void factor_swap(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

CT_KINLINE void factor_axpy(double s, const double *x, double *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

/* In eight fixed lanes. */
CT_KINLINE double factor_dot(const double *x, const double *y, int64_t n)
{
    double lane[8] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            lane[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sum += x[i] * y[i];
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7])) + sum;
}

/* The rows x and y become c x + s y and c y - s x. */
CT_KINLINE void factor_rotate(double *x, double *y, double c, double s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double a = x[i], b = y[i];
        x[i] = c * a + s * b;
        y[i] = c * b - s * a;
    }
}

static int64_t factor_lu(double *a, int64_t m, int64_t n, int32_t *pivots)
{
    int64_t zero = 0;
    for (int64_t k = 0; k < m && k < n; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < m; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        pivots[k] = (int32_t)(best + 1);
        if (best != k) factor_swap(a + k * n, a + best * n, n);
        double pivot = a[k * n + k];
        if (pivot == 0) {
            if (!zero) zero = k + 1;
            continue;
        }
        for (int64_t i = k + 1; i < m; i++) {
            double l = a[i * n + k] /= pivot;
            if (l != 0) factor_axpy(-l, a + k * n + k + 1, a + i * n + k + 1, n - k - 1);
        }
    }
    return zero;
}

static int64_t factor_cholesky(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double *row = a + i * n;
        for (int64_t j = 0; j < i; j++)
            row[j] = (row[j] - factor_dot(row, a + j * n, j)) / a[j * n + j];
        row[i] -= factor_dot(row, row, i);
        if (!(row[i] > 0)) return i + 1;
        row[i] = sqrt(row[i]);
    }
    return 0;
}

static void factor_triangular(const double *a, double *b, int64_t n, int64_t k, bool upper, bool unit)
{
    for (int64_t s = 0; s < n; s++) {
        int64_t i = upper ? n - 1 - s : s, from = upper ? i + 1 : 0, to = upper ? n : i;
        if (k == 1)
            b[i] -= factor_dot(a + i * n + from, b + from, to - from);
        else
            for (int64_t j = from; j < to; j++)
                factor_axpy(-a[i * n + j], b + j * k, b + i * k, k);
        if (!unit)
            for (int64_t c = 0; c < k; c++)
                b[i * k + c] /= a[i * n + i];
    }
}

/* The length of n numbers `step` apart; their squares may overflow. */
static double factor_length(const double *x, int64_t n, int64_t step)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = fabs(x[i * step]);
        if (v != v) return v;
        if (v > most) most = v;
    }
    if (most == 0 || most == HUGE_VAL) return most;
    for (int64_t i = 0; i < n; i++) {
        double v = x[i * step] / most;
        sum += v * v;
    }
    return most * sqrt(sum);
}

/* dlarfg: x[0] becomes beta, the rest the vector; the return value is tau, 0 where the rest is 0. */
static double factor_reflector(double *x, int64_t n, int64_t step)
{
    double rest = n > 1 ? factor_length(x + step, n - 1, step) : 0, alpha = x[0];
    if (rest == 0) return 0;
    double beta = -copysign(hypot(alpha, rest), alpha);
    for (int64_t i = 1; i < n; i++)
        x[i * step] /= alpha - beta;
    x[0] = beta;
    return (beta - alpha) / beta;
}

/* Rows [k, m) of b, cols [c0, cols): (I - tau v v^T) B, v the vector in a's column k below the diagonal. */
static void factor_reflect(const double *a, int64_t n, int64_t k, int64_t m, double tau, double *b, int64_t cols, int64_t c0, double *work)
{
    int64_t width = cols - c0;
    if (tau == 0 || width <= 0) return;
    memcpy(work, b + k * cols + c0, (size_t)width * sizeof *work);
    for (int64_t i = k + 1; i < m; i++)
        factor_axpy(a[i * n + k], b + i * cols + c0, work, width);
    factor_axpy(-tau, work, b + k * cols + c0, width);
    for (int64_t i = k + 1; i < m; i++)
        factor_axpy(-tau * a[i * n + k], work, b + i * cols + c0, width);
}

static void factor_qr(double *a, double *tau, double *work, int64_t m, int64_t n)
{
    for (int64_t k = 0; k < m && k < n; k++) {
        tau[k] = factor_reflector(a + k * n + k, m - k, n);
        factor_reflect(a, n, k, m, tau[k], a, n, k + 1, work);
    }
}

static void factor_qr_q(const double *a, const double *tau, double *q, double *work, int64_t m, int64_t n, int64_t k)
{
    memset(q, 0, (size_t)(m * k) * sizeof *q);
    for (int64_t i = 0; i < k && i < m; i++)
        q[i * k + i] = 1;
    for (int64_t j = (m < n ? m : n) - 1; j >= 0; j--)
        factor_reflect(a, n, j, m, tau[j], q, k, j, work);
}

/* To tridiagonal form, Q^T A Q: d the diagonal, e[i] what couples i and i + 1. From the last row up, so that the reflections can be
 * multiplied in place: row i keeps the vector of step i in [0, i). With `vectors` a becomes Q^T, one row of it a basis vector. */
static void factor_tridiagonal(double *a, double *d, double *e, double *tau, int64_t n, bool vectors)
{
    for (int64_t i = n - 1; i > 0; i--) {
        double *v = a + i * n, t = 0;
        /* the vector's first element is the last of the row: it takes the length */
        double rest = i > 1 ? factor_length(v, i - 1, 1) : 0, alpha = v[i - 1];
        e[i - 1] = alpha;
        if (rest != 0) {
            double beta = -copysign(hypot(alpha, rest), alpha);
            for (int64_t j = 0; j < i - 1; j++)
                v[j] /= alpha - beta;
            e[i - 1] = beta;
            t = (beta - alpha) / beta;
            v[i - 1] = 1;
            /* p = t A v over the lower triangle of A[0..i), then p - (t/2 p.v) v, then A -= v p^T + p v^T; p lies in d. */
            double *p = d;
            for (int64_t r = 0; r < i; r++) {
                const double *row = a + r * n;
                p[r] = factor_dot(row, v, r + 1);
                factor_axpy(v[r], row, p, r);
            }
            for (int64_t r = 0; r < i; r++)
                p[r] *= t;
            factor_axpy(-0.5 * t * factor_dot(p, v, i), v, p, i);
            for (int64_t r = 0; r < i; r++) {
                factor_axpy(-v[r], p, a + r * n, r + 1);
                factor_axpy(-p[r], v, a + r * n, r + 1);
            }
        }
        tau[i] = t;
    }
    for (int64_t i = 0; i < n; i++)
        d[i] = a[i * n + i];
    if (!vectors) return;
    /* The leading i x i block becomes the product of the first reflections, transposed, which step i multiplies: Q^T H. */
    for (int64_t i = 0; i < n; i++) {
        double *v = a + i * n;
        if (i && tau[i] != 0)
            for (int64_t r = 0; r < i; r++)
                factor_axpy(-tau[i] * factor_dot(a + r * n, v, i), v, a + r * n, i);
        for (int64_t j = 0; j < i; j++)
            v[j] = a[j * n + i] = 0;
        v[i] = 1;
    }
}

/* One step of implicit QR with Wilkinson's shift on the unreduced block [l, m] of (d, e); the turns go to the rows of v as well. */
static void factor_qr_step(double *d, double *e, int64_t l, int64_t m, double *v, int64_t n)
{
    double half = (d[m - 1] - d[m]) / 2, last = e[m - 1];
    double x = d[l] - (d[m] - last * (last / (half + copysign(hypot(half, last), half)))), bulge = e[l];
    for (int64_t k = l; k < m; k++) {
        double r = hypot(x, bulge), c = r == 0 ? 1 : x / r, s = r == 0 ? 0 : bulge / r, upper = d[k], between = e[k], lower = d[k + 1];
        if (k > l) e[k - 1] = r;
        double moved = s * (s * (lower - upper) + 2 * c * between);
        d[k] = upper + moved;
        d[k + 1] = lower - moved;
        e[k] = c * s * (lower - upper) + (c - s) * (c + s) * between;
        if (k < m - 1) {
            x = e[k];
            bulge = s * e[k + 1];
            e[k + 1] *= c;
        }
        if (v) factor_rotate(v + k * n, v + (k + 1) * n, c, s, n);
    }
}

static bool factor_eigh(double *a, double *w, double *work, int64_t n, bool vectors)
{
    double *e = work, *d = w, most = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++)
            if (fabs(a[i * n + j]) > most) most = fabs(a[i * n + j]);
    int power = 0; /* the largest element near 1: no square overflows */
    if (most > 0) frexp(most, &power);
    for (int64_t i = 0; i < n * n; i++)
        a[i] = ldexp(a[i], -power);
    factor_tridiagonal(a, d, e, work + n, n, vectors);
    int tries = 0;
    for (int64_t m = n - 1; m > 0;) {
        int64_t l = m;
        for (; l > 0; l--)
            if (fabs(e[l - 1]) <= FACTOR_EPS * 0.5 * (fabs(d[l - 1]) + fabs(d[l])) || fabs(e[l - 1]) < 1e-290) break;
        if (l == m) {
            m--;
            tries = 0;
            continue;
        }
        if (++tries > 100) return false;
        factor_qr_step(d, e, l, m, vectors ? a : NULL, n);
    }
    for (int64_t i = 0; i < n; i++) { /* ascending */
        int64_t least = i;
        for (int64_t j = i + 1; j < n; j++)
            if (d[j] < d[least]) least = j;
        if (least == i) continue;
        double t = d[i];
        d[i] = d[least];
        d[least] = t;
        if (vectors) factor_swap(a + i * n, a + least * n, n);
    }
    for (int64_t i = 0; i < n; i++)
        d[i] = ldexp(d[i], power);
    return true;
}

static bool factor_jacobi(double *a, double *v, double *norms, int64_t n, int64_t m)
{
    if (v) {
        memset(v, 0, (size_t)(n * n) * sizeof *v);
        for (int64_t i = 0; i < n; i++)
            v[i * n + i] = 1;
    }
    double most = 0;
    int power = 0;
    for (int64_t i = 0; i < n * m; i++)
        if (fabs(a[i]) > most) most = fabs(a[i]);
    if (most > 0) frexp(most, &power);
    for (int64_t i = 0; i < n * m; i++)
        a[i] = ldexp(a[i], -power);
    double small = FACTOR_EPS * (4 + sqrt((double)m));
    bool turned = true;
    for (int sweep = 0; turned; sweep++) {
        if (sweep == 60) return false;
        turned = false;
        for (int64_t i = 0; i < n; i++)
            norms[i] = factor_dot(a + i * m, a + i * m, m);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i + 1; j < n; j++) {
                double x = norms[i], y = norms[j];
                if (x < 1e-290 && y < 1e-290) continue;
                if (x < y) { /* the longer one comes first: de Rijk's order, in which fewer sweeps do */
                    factor_swap(a + i * m, a + j * m, m);
                    if (v) factor_swap(v + i * n, v + j * n, n);
                    norms[i] = y;
                    norms[j] = x;
                    x = norms[i];
                    y = norms[j];
                }
                if (y < 1e-290) continue;
                double z = factor_dot(a + i * m, a + j * m, m);
                if (fabs(z) <= small * sqrt(x) * sqrt(y)) continue;
                double zeta = (y - x) / (2 * z), t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta)), c = 1 / sqrt(1 + t * t), s = c * t;
                factor_rotate(a + i * m, a + j * m, c, -s, m);
                if (v) factor_rotate(v + i * n, v + j * n, c, -s, n);
                norms[i] = x - t * z;
                norms[j] = y + t * z > 0 ? y + t * z : 0;
                if (norms[j] < 1e-3 * y) norms[j] = factor_dot(a + j * m, a + j * m, m);
                turned = true;
            }
    }
    for (int64_t i = 0; i < n; i++)
        norms[i] = factor_length(a + i * m, m, 1);
    for (int64_t i = 0; i < n; i++) { /* descending */
        int64_t best = i;
        for (int64_t j = i + 1; j < n; j++)
            if (norms[j] > norms[best]) best = j;
        if (best == i) continue;
        double t = norms[i];
        norms[i] = norms[best];
        norms[best] = t;
        factor_swap(a + i * m, a + best * m, m);
        if (v) factor_swap(v + i * n, v + best * n, n);
    }
    for (int64_t i = 0; i < n; i++)
        norms[i] = ldexp(norms[i], power);
    for (int64_t i = 0; i < n * m; i++)
        a[i] = ldexp(a[i], power);
    return true;
}

/* Gram and Schmidt's method, twice for each vector, from the axis that lies farthest from the rows so far. */
static void factor_complete(double *u, double *work, int64_t r, int64_t k, int64_t m)
{
    memset(work, 0, (size_t)m * sizeof *work);
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < m; j++)
            work[j] += u[i * m + j] * u[i * m + j];
    for (; r < k; r++) {
        int64_t axis = 0;
        for (int64_t j = 1; j < m; j++)
            if (work[j] < work[axis]) axis = j;
        double *x = u + r * m;
        memset(x, 0, (size_t)m * sizeof *x);
        x[axis] = 1;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t i = 0; i < r; i++)
                factor_axpy(-factor_dot(u + i * m, x, m), u + i * m, x, m);
            double length = factor_length(x, m, 1);
            for (int64_t j = 0; j < m; j++)
                x[j] /= length;
        }
        for (int64_t j = 0; j < m; j++)
            work[j] += x[j] * x[j];
    }
}

void CT_LEVEL(ct__factor_fill)(ct__factor_kernels *t)
{
    t->lu = factor_lu;
    t->cholesky = factor_cholesky;
    t->triangular = factor_triangular;
    t->qr = factor_qr;
    t->qr_q = factor_qr_q;
    t->eigh = factor_eigh;
    t->jacobi = factor_jacobi;
    t->complete = factor_complete;
}
