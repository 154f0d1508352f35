/* Checks for the C tests: each failure is printed, the test's exit status says whether there were any. */
#ifndef CT_TESTS_CHECK_H
#define CT_TESTS_CHECK_H

#include "faults.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int check_failures, check_count;

#define CHECK(x)                                                       \
    do {                                                               \
        check_count++;                                                 \
        if (!(x)) {                                                    \
            faults_leave();                                            \
            check_failures++;                                          \
            printf("%s:%d: %s is false%s%s\n", __FILE__, __LINE__, #x, \
                   ct_ok() ? "" : "; error: ", ct_error_message());    \
        }                                                              \
    } while (0)

/* The pending error begins with `text`; it is cleared. */
#define CHECK_ERROR(text)                                                                               \
    do {                                                                                                \
        check_count++;                                                                                  \
        if (ct_ok() || strncmp(ct_error_message(), text, strlen(text))) {                               \
            faults_leave();                                                                             \
            check_failures++;                                                                           \
            printf("%s:%d: error is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, ct_error_message(), \
                   text);                                                                               \
        }                                                                                               \
        ct_error_clear();                                                                               \
    } while (0)

/* A tensor's elements, within tolerance, in row-major order: CHECK_VALUES(t, 1, 2, 3). */
#define CHECK_VALUES(t, ...)                                                                               \
    check_values(t, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double), \
                 __FILE__, __LINE__)
__attribute__((unused)) static void check_values(ct_tensor *t, const double *want, size_t n, const char *file,
                                                 int line)
{
    check_count++;
    bool good = t && ct_numel(t) == (int64_t)n;
    for (size_t i = 0; good && i < n; i++) {
        double v = ct_float_at(t, (int64_t)i);
        good = fabs(v - want[i]) <= 1e-5 * (1 + fabs(want[i]));
    }
    if (good)
        return;
    faults_leave();
    check_failures++;
    printf("%s:%d: got", file, line);
    for (int64_t i = 0; t && i < ct_numel(t); i++)
        printf(" %g", ct_float_at(t, i));
    printf("%s, expected", t ? "" : " NULL");
    for (size_t i = 0; i < n; i++)
        printf(" %g", want[i]);
    printf("%s%s\n", ct_ok() ? "" : "; error: ", ct_error_message());
}

#define CHECK_END() (printf("%d checks, %d failures\n", check_count, check_failures), check_failures != 0)
#endif
