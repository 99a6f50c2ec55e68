/* Messages between the program and a rule worker, on one socket.
 *
 * A frame is four bytes of length, lowest first, and as many bytes of JSON text. What comes out of
 * a worker has passed through a stranger's hands: its length is checked before anything is kept. */
#ifndef SIGNALBOX_SANDBOX_FRAME_H
#define SIGNALBOX_SANDBOX_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "text/buffer.h"

#define FRAME_HEADER 4
#define FRAME_LIMIT ((size_t)4 << 20) /* bytes of one message, in either direction */

/* The header of a frame of `size` bytes, and the length that stands in one. */
void frame_header(size_t size, char header[FRAME_HEADER]);
size_t frame_length(const char header[FRAME_HEADER]);

/* Writes one frame, with plain write(2): false where the other side has gone, or it is too long. */
bool frame_write(int fd, const char *data, size_t size);

/* Waits for a frame and puts its bytes in place of what `out` held. False at the end of the stream,
 * for a frame that is too long, and where memory ran out. */
bool frame_read(int fd, Buffer *out);

#endif
