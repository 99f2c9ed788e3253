
/*
 * What the files of types share; others use zwfw_field.h
 */


#ifndef _ZWFW_TYPE_H_INCLUDED_
#define _ZWFW_TYPE_H_INCLUDED_


#include "zwfw_field.h"


/* trims a string; 0: it is none */
int zwfw_type_string(zwfw_json_t *value);

/* in place, ASCII only */
void zwfw_type_lower(zwfw_str_t *s);

/* an ASCII letter or digit */
int zwfw_type_alnum(unsigned char c);

/* ASCII digits only, at least one */
int zwfw_type_digits(const unsigned char *p, size_t len);

/* the day YYYYMMDD, of eight digits, as a number; 0: there is no such day */
unsigned zwfw_type_day(const unsigned char *p);


#endif /* _ZWFW_TYPE_H_INCLUDED_ */
