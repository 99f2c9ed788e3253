
/*
 * Mustache: the tags of a template, read one after the other
 */


#ifndef _ZWFW_TAG_H_INCLUDED_
#define _ZWFW_TAG_H_INCLUDED_


#include "zwfw_mem.h"


typedef struct {
    unsigned char   *start;
    unsigned char   *last;
    unsigned char   *pos;        /* what is before it is compiled */
    size_t           dedent;     /* white space to cut from each line */
    zwfw_str_t       open;
    zwfw_str_t       close;
    char            *error;
    size_t           size;
} zwfw_tags_t;


typedef struct {
    unsigned char   *start;      /* of the opening delimiter */
    unsigned char   *end;        /* behind the closing delimiter */
    unsigned char   *line;       /* the next one, if blank up to it; or NULL */
    unsigned         clean;      /* only white space before it on its line */
    size_t           blank;      /* bytes of that */
    zwfw_str_t       indent;     /* the same without what is cut from lines */
    zwfw_str_t       name;
    unsigned char    mark;       /* '#', '^', ...; 0: an escaped value */
} zwfw_tag_t;


/* finds the next tag; tag->start is NULL when there is none */
int zwfw_tag_next(zwfw_tags_t *in, zwfw_tag_t *tag);

/* sets the delimiters that the tag names */
int zwfw_tag_delimiters(zwfw_tags_t *in, zwfw_tag_t *tag);

/* the white space of the first line from p on that is not blank */
zwfw_str_t zwfw_tag_first(zwfw_tags_t *in, unsigned char *p);

/* fills the error with the line of pos and the text; ZWFW_DECLINED */
int zwfw_tag_error(zwfw_tags_t *in, unsigned char *pos, const char *fmt, ...);

/* how much of a name an error shows */
int zwfw_tag_shown(zwfw_str_t *name);

unsigned zwfw_tag_has_space(zwfw_str_t *s);
void zwfw_tag_trim(zwfw_str_t *s);


#endif /* _ZWFW_TAG_H_INCLUDED_ */
