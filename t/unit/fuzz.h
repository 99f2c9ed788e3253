
/*
 * What the fuzz targets share.  A target reads one input, compares what the
 * parser says with a second opinion, and aborts where they differ.  Memory is
 * tap_mem's, each block alone, so that the sanitizer sees its end
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include "tap.h"
#include "zwfw_json.h"


/* called by libFuzzer for each input */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* says what is wrong, and aborts, unless it is so */
void fuzz_must(int so, const char *what);

/* a number below sides, the same for the same input */
unsigned fuzz_dice(zwfw_str_t *input, unsigned sides);

/* the input up to the first such byte, a copy; input is what is behind it */
zwfw_str_t fuzz_take(zwfw_str_t *input, unsigned char end);

/* is it one of the words of a text, with spaces around each? */
int fuzz_among(const char *code, const char *codes);

/* the same bytes */
int fuzz_equal(zwfw_str_t *a, zwfw_str_t *b);

/* UTF-8 as RFC 3629 writes it down; no NUL */
int fuzz_text(zwfw_str_t *s);

/* the same trees; members of objects in any order */
int fuzz_same(zwfw_json_t *a, zwfw_json_t *b);

/* values below, each a text; keys of an object are all different */
void fuzz_tree(zwfw_json_t *json, unsigned depth);

/* what zwfw_json_write() writes, in a block of just that size */
zwfw_str_t fuzz_write(zwfw_json_t *json);

/* reads with wide limits; NULL: refused */
zwfw_json_t *fuzz_read(zwfw_str_t *text);


#endif /* _FUZZ_H_INCLUDED_ */
