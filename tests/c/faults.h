/* Whole test programs with the k-th allocation failing: `test_x --faults N` runs the program N times, each time in a process of its
 * own with another allocation failing (all of them where there are no more than N), `test_x --fault K` runs it once. Such a run
 * may go on to a good end, or meet MemoryError, be told so by its next check that fails, and leave; it must not crash, hang, or fail
 * a check without MemoryError. What it leaves behind is the sanitizers' business. */
#ifndef CT_TESTS_FAULTS_H
#define CT_TESTS_FAULTS_H

#include <stdbool.h>

/* Whether an allocation fails in this run: for tests that inject failures of their own, and for sizes that matter to a timing. */
bool faults_on(void);
/* How often to repeat something: n times, a few in a run with a failing allocation. */
#define FAULTS_FEW(n, few) (faults_on() ? (few) : (n))
/* A check failed. Where memory ran out before, the run ends here, and well; else this returns. */
void faults_leave(void);
#endif
