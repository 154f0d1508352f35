/* The command line of the training programs. */
#ifndef OPTIONS_H
#define OPTIONS_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *data, *out;
    int epochs, steps, workers, batch_size, test_steps;
    unsigned long seed;
    bool exact; /* print every batch's loss with all its digits */
} options;

static inline options read_options(int argc, char **argv)
{
    options o = {.data = getenv("CTORCH_DATA"), .out = "cifar_net.pth", .epochs = 2, .workers = 2, .batch_size = 4};
    if (!o.data)
        o.data = "./data";
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--exact")) {
            o.exact = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
        if (value && !strcmp(name, "--data"))
            o.data = value;
        else if (value && !strcmp(name, "--out"))
            o.out = value;
        else if (value && !strcmp(name, "--epochs"))
            o.epochs = atoi(value);
        else if (value && !strcmp(name, "--steps"))
            o.steps = atoi(value);
        else if (value && !strcmp(name, "--test-steps"))
            o.test_steps = atoi(value);
        else if (value && !strcmp(name, "--workers"))
            o.workers = atoi(value);
        else if (value && !strcmp(name, "--batch-size"))
            o.batch_size = atoi(value);
        else if (value && !strcmp(name, "--seed"))
            o.seed = strtoul(value, NULL, 10);
        else {
            fprintf(stderr, "usage: %s [--data DIR] [--epochs N] [--steps N] [--test-steps N] [--workers N]\n"
                    "       [--batch-size N] [--seed N] [--out FILE] [--exact]\n"
                    "DIR holds cifar-10-batches-py; --steps ends an epoch, --test-steps the test, after N batches.\n", argv[0]);
            exit(2);
        }
    }
    return o;
}
#endif
