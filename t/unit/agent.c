
/*
 * zwfw_agent.h: families of browsers and systems
 */


#include <stdio.h>
#include <string.h>

#include "tap.h"
#include "zwfw_agent.h"


typedef struct {
    const char  *header;
    const char  *browser;
    const char  *system;
} test_agent_t;


static void test_families(void);
static void test_long(void);


#define GECKO  "AppleWebKit/537.36 (KHTML, like Gecko) "


static test_agent_t  test_agents[] = {
    { "", "other", "other" },
    { "curl/8.5.0", "other", "other" },
    { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " GECKO
      "Chrome/120.0.0.0 Safari/537.36", "chrome", "windows" },
    { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " GECKO
      "Chrome/120.0.0.0 Safari/537.36 Edg/120.0", "edge", "windows" },
    { "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 "
      "Firefox/120.0", "firefox", "linux" },
    { "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) AppleWebKit/605.1.15 "
      "Version/17.1 Safari/605.1.15", "safari", "macos" },
    { "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) "
      "AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.44",
      "wechat", "ios" },
    { "Mozilla/5.0 (Linux; Android 13; HUAWEI) " GECKO
      "Chrome/99.0 HuaweiBrowser/14.0 Mobile Safari/537.36",
      "huawei", "android" },
    { "Mozilla/5.0 (Phone; OpenHarmony 5.0) " GECKO
      "Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile", "huawei", "harmony" },
    { "Mozilla/5.0 (Linux; U; Android 13) " GECKO
      "Chrome/100.0 MQQBrowser/13.0 Mobile Safari/537.36", "qq", "android" }
};


int
main(void)
{
    test_families();
    test_long();

    return tap_done();
}


static void
test_families(void)
{
    size_t         i;
    zwfw_str_t     header;
    zwfw_agent_t   agent;
    test_agent_t  *t;

    for (i = 0; i < sizeof(test_agents) / sizeof(test_agents[0]); i++) {
        t = &test_agents[i];
        header = tap_str(t->header);

        zwfw_agent(header.data, header.len, &agent);

        tap_is(agent.browser.data, agent.browser.len, t->browser, t->browser);
        tap_is(agent.system.data, agent.system.len, t->system, t->system);
    }
}


static void
test_long(void)
{
    size_t         i;
    char           text[600];
    zwfw_str_t     header;
    zwfw_agent_t   agent;

    memset(text, 'x', sizeof(text));
    memcpy(text + 505, "Android", 7);
    memcpy(text + 520, "Firefox/", 8);

    header = tap_copy(text, sizeof(text));
    zwfw_agent(header.data, header.len, &agent);

    tap_is(agent.system.data, agent.system.len, "android", "within 512 bytes");
    tap_is(agent.browser.data, agent.browser.len, "other", "behind 512 bytes");

    for (i = 0; i < 512; i++) {
        header = tap_copy(text, i);
        zwfw_agent(header.data, header.len, &agent);
    }

    tap_is(agent.system.data, agent.system.len, "other", "cut off");
}
