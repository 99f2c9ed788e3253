
/*
 * Class of a user agent
 */


#include <string.h>

#include "zwfw_agent.h"


#define ZWFW_AGENT_LEN  512


typedef struct {
    zwfw_str_t   mark;
    zwfw_str_t   family;
} zwfw_agent_mark_t;


static const zwfw_str_t *zwfw_agent_family(const unsigned char *header,
    size_t len, const zwfw_agent_mark_t *marks);


/* browsers name others as well: the first mark found is the right one */

static const zwfw_agent_mark_t  zwfw_agent_browsers[] = {
    { zwfw_string("MicroMessenger"), zwfw_string("wechat") },
    { zwfw_string("AlipayClient"), zwfw_string("alipay") },
    { zwfw_string("QQBrowser"), zwfw_string("qq") },
    { zwfw_string("UCBrowser"), zwfw_string("uc") },
    { zwfw_string("HuaweiBrowser"), zwfw_string("huawei") },
    { zwfw_string("ArkWeb"), zwfw_string("huawei") },
    { zwfw_string("MiuiBrowser"), zwfw_string("xiaomi") },
    { zwfw_string("Edg"), zwfw_string("edge") },
    { zwfw_string("OPR/"), zwfw_string("opera") },
    { zwfw_string("Firefox/"), zwfw_string("firefox") },
    { zwfw_string("FxiOS/"), zwfw_string("firefox") },
    { zwfw_string("CriOS/"), zwfw_string("chrome") },
    { zwfw_string("Chrome/"), zwfw_string("chrome") },
    { zwfw_string("Safari/"), zwfw_string("safari") },
    { zwfw_null_string, zwfw_string("other") }
};


static const zwfw_agent_mark_t  zwfw_agent_systems[] = {
    { zwfw_string("OpenHarmony"), zwfw_string("harmony") },
    { zwfw_string("HarmonyOS"), zwfw_string("harmony") },
    { zwfw_string("Android"), zwfw_string("android") },
    { zwfw_string("iPhone"), zwfw_string("ios") },
    { zwfw_string("iPad"), zwfw_string("ios") },
    { zwfw_string("Windows"), zwfw_string("windows") },
    { zwfw_string("Macintosh"), zwfw_string("macos") },
    { zwfw_string("Linux"), zwfw_string("linux") },
    { zwfw_null_string, zwfw_string("other") }
};


void
zwfw_agent(const unsigned char *header, size_t len, zwfw_agent_t *agent)
{
    if (len > ZWFW_AGENT_LEN) {
        len = ZWFW_AGENT_LEN;
    }

    agent->browser = *zwfw_agent_family(header, len, zwfw_agent_browsers);
    agent->system = *zwfw_agent_family(header, len, zwfw_agent_systems);
}


static const zwfw_str_t *
zwfw_agent_family(const unsigned char *header, size_t len,
    const zwfw_agent_mark_t *marks)
{
    size_t                    i;
    const zwfw_agent_mark_t  *m;

    for (m = marks; m->mark.len; m++) {

        for (i = 0; i + m->mark.len <= len; i++) {

            if (memcmp(header + i, m->mark.data, m->mark.len) == 0) {
                return &m->family;
            }
        }
    }

    return &m->family;
}
