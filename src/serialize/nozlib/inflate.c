/* Built where there is no zlib: refuses deflated archive entries and says what to do. */
#include "serialize/serialize.h"

bool ct__inflate(const void *from, int64_t n_from, void *to, int64_t n_to, const char *file)
{
    ct__fail(CT_ERR_RUNTIME,
             "%s has compressed entries, and this build of ctorch has no zlib. Build with zlib installed, or "
             "write the file again without compression (torch.save does so).",
             file);
    return false;
}
