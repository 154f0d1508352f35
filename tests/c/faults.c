/* The main() of every test program: runs it as it is, or with allocations failing (see faults.h). The program's own main is compiled
 * under the name test_main. */
#include "faults.h"
#include "base/base.h"
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int test_main(); /* with or without arguments */

static bool faults_active, faults_met;

bool faults_on(void) { return faults_active; }

void faults_leave(void)
{
    if (faults_active && (faults_met || ct_error() == CT_ERR_MEMORY))
        exit(0);
}

static void faults_note(ct_error_kind kind, const char *op, const char *message, void *data)
{
    faults_met = faults_met || kind == CT_ERR_MEMORY;
}

/* One run with allocation k failing (none if negative); says on `to` how many allocations there were. */
static int faults_run(int64_t k, int to, int argc, char **argv)
{
    faults_active = true;
    ct_on_error(faults_note, NULL);
    int64_t before = ct__alloc_fail_after(k);
    int status = test_main(argc, argv);
    int64_t count = ct__alloc_fail_after(-1) - before;
    return to < 0 || write(to, &count, sizeof count) == sizeof count ? status : 1;
}

static int faults_remove(const char *path, const struct stat *state, int kind, struct FTW *at) { return remove(path); }

/* The run in a process and an empty folder of its own. Gives its wait status; *count where it came to its end. */
static int faults_child(int64_t k, int64_t *count, int argc, char **argv)
{
    char folder[] = "/tmp/ctorch-faults-XXXXXX";
    int fds[2], status = 1;
    if (!mkdtemp(folder) || pipe(fds))
        return 1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 1);
        if (k >= 0)
            dup2(nowhere, 2);
        alarm(120);
        exit(chdir(folder) ? 1 : faults_run(k, fds[1], argc, argv));
    }
    close(fds[1]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        status = 1;
    if (count && read(fds[0], count, sizeof *count) != sizeof *count && !status)
        status = 1;
    close(fds[0]);
    nftw(folder, faults_remove, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

static int faults_all(int64_t runs, int argc, char **argv)
{
    int64_t count = 0, failed = 0;
    int status = faults_child(-1, &count, argc, argv);
    if (status) {
        fprintf(stderr, "without a failing allocation: status %#x\n", (unsigned)status);
        return 1;
    }
    if (runs > count)
        runs = count;
    for (int64_t i = 0; i < runs; i++) {
        int64_t width = (i + 1) * count / runs - i * count / runs; /* one of each stretch, not always its first */
        int64_t k = i * count / runs + i * 7919 % width;
        if (!(status = faults_child(k, NULL, argc, argv)))
            continue;
        failed++;
        if (WIFSIGNALED(status))
            fprintf(stderr, "--fault %lld: signal %d%s\n", (long long)k, WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (hangs)" : "");
        else
            fprintf(stderr, "--fault %lld: exit status %d\n", (long long)k, WEXITSTATUS(status));
    }
    printf("%lld allocations, %lld runs with one failing, %lld of them bad\n", (long long)count, (long long)runs, (long long)failed);
    return failed != 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--faults"))
        return faults_all(atoll(argv[2]), 1, argv);
    if (argc == 3 && !strcmp(argv[1], "--fault"))
        return faults_run(atoll(argv[2]), -1, 1, argv);
    return test_main(argc, argv);
}
