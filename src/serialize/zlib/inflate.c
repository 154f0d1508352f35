/* Deflated archive entries, through zlib. PyTorch itself stores its entries; other tools compress them. */
#include "serialize/serialize.h"
#include <zlib.h>

bool ct__inflate(const void *from, int64_t n_from, void *to, int64_t n_to, const char *file)
{
    z_stream z = {0};
    if (inflateInit2(&z, -15) != Z_OK) {
        ct__fail(CT_ERR_MEMORY, "zlib could not start on %s", file);
        return false;
    }
    const uint8_t *in = from;
    uint8_t *out = to, spare[1];
    int64_t left_in = n_from, left_out = n_to;
    int state = Z_OK;
    while (state == Z_OK) {
        uInt in_step = (uInt)(left_in < (1 << 30) ? left_in : 1 << 30),
             out_step = (uInt)(left_out < (1 << 30) ? left_out : 1 << 30);
        z.next_in = (Bytef *)in;
        z.avail_in = in_step;
        z.next_out = left_out ? out : spare;
        z.avail_out = left_out ? out_step : 1; /* one byte too many shows as such */
        state = inflate(&z, Z_NO_FLUSH);
        int64_t used = in_step - z.avail_in, made = (left_out ? out_step : 1) - z.avail_out;
        in += used;
        left_in -= used;
        if (made > left_out)
            break;
        out += made;
        left_out -= made;
        if (!used && !made)
            break;
    }
    inflateEnd(&z);
    if (state == Z_STREAM_END && left_out == 0)
        return true;
    ct__fail(CT_ERR_RUNTIME,
             "PytorchStreamReader failed reading file in %s: decompression failed or CRC32 check failed. The "
             "file "
             "is damaged: copy or save it again.",
             file);
    return false;
}
