/* The thread's pending error, and the process's handler. Needs no memory to record one. */
#include "base/base.h"
#include <stdio.h>

CT_THREAD_WORD ct_error_kind ct__error_kind = CT_OK;
CT_THREAD_WORD const char *ct__op_name = NULL;
static ct_error_handler *error_handler = NULL;
static void *error_handler_data = NULL;

bool ct_ok(void) { return ct__error_kind == CT_OK; }
ct_error_kind ct_error(void) { return ct__error_kind; }
const char *ct_error_message(void) { return ct__error_kind ? ct__room_here()->message : ""; }
const char *ct_error_op(void) { return ct__error_kind ? ct__room_here()->op : ""; }

void ct_error_clear(void) { ct__error_kind = CT_OK; }

void *ct_fail(ct_error_kind kind, const char *format, ...)
{
    if (ct__error_kind != CT_OK || kind == CT_OK)
        return NULL;
    ct__room *room = ct__room_here();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(room->message, sizeof room->message, format, arguments);
    va_end(arguments);
    snprintf(room->op, sizeof room->op, "%s", ct__op_name ? ct__op_name : "");
    ct__error_kind = kind;
    if (error_handler && !ct__in_parallel()) /* a worker's error is recorded again by the thread that asked for the work */
        error_handler(kind, room->op, room->message, error_handler_data);
    return NULL;
}

void *ct__fail_memory(size_t bytes)
{
    return ct_fail(CT_ERR_MEMORY, "not enough memory: you tried to allocate %zu bytes", bytes);
}

void ct_on_error(ct_error_handler *handler, void *data)
{
    error_handler = handler;
    error_handler_data = data;
}

void ct_die(ct_error_kind kind, const char *op, const char *message, void *data)
{
    fflush(stdout);
    fprintf(stderr, "ctorch: %s%s%s\n", op, *op ? ": " : "", message);
    exit(1);
}

_Noreturn void ct__assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "ctorch: broken invariant %s at %s:%d\n", what, file, line);
    abort();
}
