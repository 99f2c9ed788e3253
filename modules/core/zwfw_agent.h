
/*
 * Class of a user agent: families only, nothing that marks a person.  No
 * nginx types
 */


#ifndef _ZWFW_AGENT_H_INCLUDED_
#define _ZWFW_AGENT_H_INCLUDED_


#include "zwfw_mem.h"


typedef struct {
    zwfw_str_t   browser;       /* "edge", "firefox", ..., "other"; static */
    zwfw_str_t   system;        /* "windows", "android", ..., "other" */
} zwfw_agent_t;


/* reads at most the first 512 bytes of a User-Agent header */
void zwfw_agent(const unsigned char *header, size_t len, zwfw_agent_t *agent);


#endif /* _ZWFW_AGENT_H_INCLUDED_ */
