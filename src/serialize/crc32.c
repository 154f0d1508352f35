/* CRC-32 as zip files have it: polynomial 0xEDB88320, eight bytes a step where the data is long. */
#include "serialize/serialize.h"

uint32_t ct__crc32(uint32_t crc, const void *bytes, int64_t n)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    const uint8_t *p = bytes;
    crc = ~crc;
    if (n >= 16384) {
        uint32_t table[8][256];
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = nibble[i & 15] ^ i >> 4;
            table[0][i] = nibble[c & 15] ^ c >> 4;
        }
        for (int k = 1; k < 8; k++)
            for (int i = 0; i < 256; i++)
                table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
        for (; n >= 8; n -= 8, p += 8) {
            uint32_t a =
                crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
            crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
                  table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
        }
    }
    for (; n > 0; n--, p++) {
        crc ^= *p;
        crc = nibble[crc & 15] ^ crc >> 4;
        crc = nibble[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}
