/* zstd's own worker compresses while this thread reads and sums; when unpacking, a thread of ours
 * decompresses while this one sums and writes. Memory is a few buffers, whatever the file's
 * size. */
#include "bindings/modules/vault/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define CHUNK ((size_t)1 << 17) /* small enough to stay in a core's cache */
#define QUEUE 8                 /* buffers between the two threads */
#define CHUNKS_BETWEEN_CALLS 16 /* of `progress` */
#define BYTES_AHEAD (2 << 20)   /* the disk is told to begin after so many */

/* ---- sums ------------------------------------------------------------------------------------ */

static EVP_MD_CTX *sum_begin(void) {
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    if (sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(sum);
        return NULL;
    }
    return sum;
}

static void sum_end(EVP_MD_CTX *sum, char text[SHA256_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(sum, bytes, &size);
    for (unsigned i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

int sum_text(const char *text, size_t size, char sha256[SHA256_TEXT]) {
    EVP_MD_CTX *sum = sum_begin();
    if (!sum) {
        return ENOMEM;
    }
    EVP_DigestUpdate(sum, text, size);
    sum_end(sum, sha256);
    EVP_MD_CTX_free(sum);
    return 0;
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* Fills the buffer as far as the file goes; *size 0 at its end. */
static int read_chunk(int from, char *buffer, size_t capacity, size_t *size) {
    *size = 0;
    while (*size < capacity) {
        ssize_t got = read(from, buffer + *size, capacity - *size);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int write_all(int to, const char *data, size_t size) {
    while (size > 0) {
        ssize_t put = write(to, data, size);
        if (put < 0 && errno != EINTR) {
            return errno;
        }
        if (put > 0) {
            data += put;
            size -= (size_t)put;
        }
    }
    return 0;
}

/* The disk begins to write what was written to the file, so that a sync at the end is short, and is
 * not one large burst for other writers either. Not where it is no file. */
static void write_behind(int to, int64_t *begun, int64_t written) {
    if (written - *begun >= BYTES_AHEAD) {
        sync_file_range(to, *begun, written - *begun, SYNC_FILE_RANGE_WRITE);
        *begun = written;
    }
}

int sum_file(int from, PackProgress *progress, void *context, int64_t *size,
             char sha256[SHA256_TEXT]) {
    EVP_MD_CTX *sum = sum_begin();
    char *buffer = malloc(CHUNK);
    int problem = sum && buffer ? 0 : ENOMEM;
    *size = 0;
    posix_fadvise(from, 0, 0, POSIX_FADV_DONTNEED); /* what the disk has is asked for */
    for (size_t got = CHUNK; problem == 0 && got == CHUNK;) {
        problem = read_chunk(from, buffer, CHUNK, &got);
        if (problem == 0) {
            EVP_DigestUpdate(sum, buffer, got);
            *size += (int64_t)got;
            problem = progress(context, *size) ? 0 : ECANCELED;
        }
    }
    if (problem == 0) {
        sum_end(sum, sha256);
    }
    free(buffer);
    EVP_MD_CTX_free(sum);
    return problem;
}

/* ---- packing --------------------------------------------------------------------------------- */

typedef struct Packing {
    ZSTD_CCtx *zstd;
    EVP_MD_CTX *sum, *packed_sum;
    char *in, *out;
    PackSums *sums;
    int to;
    int64_t begun; /* of `to`: the disk was told to write so far */
} Packing;

/* Compresses what is given, and with ZSTD_e_end all that is left. */
static int pack_chunk(Packing *packing, size_t size, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in = {packing->in, size, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {packing->out, CHUNK, 0};
        left = ZSTD_compressStream2(packing->zstd, &out, &in, directive);
        if (ZSTD_isError(left)) {
            return ENOMEM;
        }
        EVP_DigestUpdate(packing->packed_sum, packing->out, out.pos);
        packing->sums->packed_size += (int64_t)out.pos;
        int problem = write_all(packing->to, packing->out, out.pos);
        if (problem != 0) {
            return problem;
        }
        write_behind(packing->to, &packing->begun, packing->sums->packed_size);
    } while (directive == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return 0;
}

static int pack_all(Packing *packing, int from, PackProgress *progress, void *context) {
    size_t size = CHUNK;
    for (int chunk = 0; size == CHUNK; chunk++) {
        int problem = read_chunk(from, packing->in, CHUNK, &size);
        if (problem == 0) {
            EVP_DigestUpdate(packing->sum, packing->in, size);
            packing->sums->size += (int64_t)size;
            problem = pack_chunk(packing, size, size == CHUNK ? ZSTD_e_continue : ZSTD_e_end);
        }
        if (problem == 0 && (chunk % CHUNKS_BETWEEN_CALLS == 0 || size < CHUNK) &&
            !progress(context, packing->sums->size)) {
            problem = ECANCELED;
        }
        if (problem != 0) {
            return problem;
        }
    }
    return 0;
}

int pack_file(int from, int to, int level, PackProgress *progress, void *context, PackSums *sums) {
    Packing packing = {.zstd = ZSTD_createCCtx(),
                       .sum = sum_begin(),
                       .packed_sum = sum_begin(),
                       .in = malloc(CHUNK),
                       .out = malloc(CHUNK),
                       .sums = sums,
                       .to = to};
    int problem = ENOMEM;
    memset(sums, 0, sizeof *sums);
    if (packing.zstd && packing.sum && packing.packed_sum && packing.in && packing.out) {
        ZSTD_CCtx_setParameter(packing.zstd, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(packing.zstd, ZSTD_c_checksumFlag, 1);
        ZSTD_CCtx_setParameter(packing.zstd, ZSTD_c_nbWorkers, 1);
        problem = pack_all(&packing, from, progress, context);
    }
    if (problem == 0) {
        sum_end(packing.sum, sums->sha256);
        sum_end(packing.packed_sum, sums->packed_sha256);
    }
    free(packing.in);
    free(packing.out);
    EVP_MD_CTX_free(packing.sum);
    EVP_MD_CTX_free(packing.packed_sum);
    ZSTD_freeCCtx(packing.zstd);
    return problem;
}

/* ---- unpacking ------------------------------------------------------------------------------- */

/* The decompressing thread fills buffers, the other empties them. */
typedef struct Unpacking {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *buffers[QUEUE];
    size_t sizes[QUEUE];
    unsigned filled, emptied; /* counts */
    bool ended, stopped;
    int problem; /* of the decompressing thread */
    int from;
    ZSTD_DCtx *zstd;
    EVP_MD_CTX *packed_sum;
    char *in;
    int64_t packed_size;
} Unpacking;

/* A buffer to fill; NULL where the other side has stopped. */
static char *free_buffer(Unpacking *unpacking) {
    pthread_mutex_lock(&unpacking->mutex);
    while (unpacking->filled - unpacking->emptied == QUEUE && !unpacking->stopped) {
        pthread_cond_wait(&unpacking->changed, &unpacking->mutex);
    }
    char *buffer = unpacking->stopped ? NULL : unpacking->buffers[unpacking->filled % QUEUE];
    pthread_mutex_unlock(&unpacking->mutex);
    return buffer;
}

static void hand_over(Unpacking *unpacking, size_t size, bool ended) {
    pthread_mutex_lock(&unpacking->mutex);
    if (size > 0) {
        unpacking->sizes[unpacking->filled++ % QUEUE] = size;
    }
    unpacking->ended = ended;
    pthread_cond_signal(&unpacking->changed);
    pthread_mutex_unlock(&unpacking->mutex);
}

/* Decompresses all input into buffers that are full but for the last. */
static int decompress(Unpacking *unpacking) {
    ZSTD_inBuffer in = {unpacking->in, 0, 0};
    ZSTD_outBuffer out = {NULL, CHUNK, CHUNK};
    size_t hint = 1; /* 0: at the end of a frame */
    bool end_of_file = false;
    for (;;) {
        if (in.pos == in.size && !end_of_file) {
            size_t size;
            int problem = read_chunk(unpacking->from, unpacking->in, CHUNK, &size);
            if (problem != 0) {
                return problem;
            }
            EVP_DigestUpdate(unpacking->packed_sum, unpacking->in, size);
            unpacking->packed_size += (int64_t)size;
            end_of_file = size < CHUNK;
            in = (ZSTD_inBuffer){unpacking->in, size, 0};
        }
        if (out.pos == out.size || !out.dst) {
            if (out.dst) {
                hand_over(unpacking, out.pos, false);
            }
            out = (ZSTD_outBuffer){free_buffer(unpacking), CHUNK, 0};
            if (!out.dst) {
                return ECANCELED;
            }
        }
        if (in.pos == in.size && end_of_file && (hint == 0 || unpacking->packed_size == 0)) {
            break;
        }
        size_t before = out.pos;
        size_t given = in.pos;
        hint = ZSTD_decompressStream(unpacking->zstd, &out, &in);
        if (ZSTD_isError(hint) || (end_of_file && in.pos == in.size && hint != 0 &&
                                   out.pos == before && in.pos == given)) {
            return EBADMSG;
        }
    }
    hand_over(unpacking, out.pos, false);
    return unpacking->packed_size == 0 ? EBADMSG : 0;
}

static void *decompress_thread(void *context) {
    Unpacking *unpacking = context;
    unpacking->problem = decompress(unpacking);
    hand_over(unpacking, 0, true);
    return NULL;
}

/* The next full buffer, or NULL at the end. */
static char *full_buffer(Unpacking *unpacking, size_t *size) {
    pthread_mutex_lock(&unpacking->mutex);
    while (unpacking->filled == unpacking->emptied && !unpacking->ended) {
        pthread_cond_wait(&unpacking->changed, &unpacking->mutex);
    }
    bool any = unpacking->filled != unpacking->emptied;
    unsigned at = unpacking->emptied % QUEUE;
    *size = any ? unpacking->sizes[at] : 0;
    pthread_mutex_unlock(&unpacking->mutex);
    return any ? unpacking->buffers[at] : NULL;
}

static void give_back(Unpacking *unpacking, bool stopped) {
    pthread_mutex_lock(&unpacking->mutex);
    unpacking->emptied += !stopped;
    unpacking->stopped = stopped;
    pthread_cond_signal(&unpacking->changed);
    pthread_mutex_unlock(&unpacking->mutex);
}

static int take_all(Unpacking *unpacking, int to, EVP_MD_CTX *sum, PackProgress *progress,
                    void *context, PackSums *sums) {
    int problem = 0;
    char *buffer;
    size_t size;
    int64_t begun = 0;
    for (int chunk = 0; problem == 0 && (buffer = full_buffer(unpacking, &size)); chunk++) {
        if (sum) {
            EVP_DigestUpdate(sum, buffer, size);
        }
        sums->size += (int64_t)size;
        problem = to >= 0 ? write_all(to, buffer, size) : 0;
        write_behind(to, &begun, sums->size);
        if (problem == 0 && chunk % CHUNKS_BETWEEN_CALLS == 0 && !progress(context, sums->size)) {
            problem = ECANCELED;
        }
        give_back(unpacking, problem != 0);
    }
    return problem == 0 && !progress(context, sums->size) ? ECANCELED : problem;
}

int unpack_file(int from, int to, bool summed, PackProgress *progress, void *context,
                PackSums *sums) {
    Unpacking unpacking = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                           .changed = PTHREAD_COND_INITIALIZER,
                           .from = from,
                           .zstd = ZSTD_createDCtx(),
                           .packed_sum = sum_begin(),
                           .in = malloc(CHUNK)};
    EVP_MD_CTX *sum = summed ? sum_begin() : NULL;
    bool ready = unpacking.zstd && unpacking.packed_sum && unpacking.in && (sum || !summed);
    int problem = ready ? 0 : ENOMEM;
    pthread_t thread;
    memset(sums, 0, sizeof *sums);
    for (int i = 0; i < QUEUE; i++) {
        unpacking.buffers[i] = malloc(CHUNK);
        problem = unpacking.buffers[i] ? problem : ENOMEM;
    }
    if (problem == 0) {
        problem = pthread_create(&thread, NULL, decompress_thread, &unpacking);
        if (problem == 0) {
            problem = take_all(&unpacking, to, sum, progress, context, sums);
            pthread_join(thread, NULL);
            problem = problem ? problem : unpacking.problem;
        }
    }
    if (problem == 0) {
        sums->packed_size = unpacking.packed_size;
        sum_end(unpacking.packed_sum, sums->packed_sha256);
        if (sum) {
            sum_end(sum, sums->sha256);
        }
    }
    for (int i = 0; i < QUEUE; i++) {
        free(unpacking.buffers[i]);
    }
    free(unpacking.in);
    EVP_MD_CTX_free(sum);
    EVP_MD_CTX_free(unpacking.packed_sum);
    ZSTD_freeDCtx(unpacking.zstd);
    return problem;
}
