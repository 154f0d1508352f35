/* What a thread keeps that is too large for its static block (see CT_THREAD_WORD): the pending error's text and the short texts that
 * messages are made of. Made on a thread's first use and freed at its end; where there is no memory for it, threads share one. */
#include "base/base.h"

static CT_THREAD_WORD ct__room *thread_room;
static ct__room thread_shared;
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static bool thread_has_key = false;

static void thread_end(void *room)
{
    thread_room = NULL;
    free(room);
}

static void thread_make_key(void) { thread_has_key = pthread_key_create(&thread_key, thread_end) == 0; }

ct__room *ct__room_here(void)
{
    if (CT_LIKELY(thread_room != NULL))
        return thread_room;
    pthread_once(&thread_once, thread_make_key);
    ct__room *room = thread_has_key ? calloc(1, sizeof *room) : NULL;
    if (room && pthread_setspecific(thread_key, room)) {
        free(room);
        room = NULL;
    }
    return thread_room = room ? room : &thread_shared;
}

char *ct__short_text(void)
{
    ct__room *room = ct__room_here();
    room->turn = (room->turn + 1) % CT__SHORT_TEXTS;
    return room->texts[room->turn];
}
