
/*
 * zwfw_visit.h: classes, masked words, pseudonyms
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "../../modules/monitor/zwfw_visit.h"


typedef struct {
    const char       *header;
    zwfw_referrer_e   class;
} test_referrer_t;


typedef struct {
    const char       *header;
    zwfw_device_e     class;
} test_device_t;


typedef struct {
    const char       *words;
    const char       *kept;
} test_words_t;


static void test_referrers(void);
static void test_devices(void);
static void test_words(void);
static void test_bounds(void);
static void test_hash(void);


static test_referrer_t  test_referrer_list[] = {
    { "", ZWFW_REFERRER_DIRECT },
    { "http://shandong.localhost/item/1", ZWFW_REFERRER_INTERNAL },
    { "https://Shandong.localhost:8443", ZWFW_REFERRER_INTERNAL },
    { "https://shandong.localhost.example/", ZWFW_REFERRER_EXTERNAL },
    { "https://www.baidu.com/link?url=1", ZWFW_REFERRER_SEARCH },
    { "https://m.so.com/s", ZWFW_REFERRER_SEARCH },
    { "https://www.google.com.hk/", ZWFW_REFERRER_SEARCH },
    { "https://notbaidu.example/baidu.com", ZWFW_REFERRER_EXTERNAL },
    { "https://www.gov.example/", ZWFW_REFERRER_EXTERNAL },
    { "about:blank", ZWFW_REFERRER_EXTERNAL },
    { "://", ZWFW_REFERRER_EXTERNAL }
};


static test_device_t  test_device_list[] = {
    { "", ZWFW_DEVICE_PC },
    { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0",
      ZWFW_DEVICE_PC },
    { "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1) Mobile/15E148",
      ZWFW_DEVICE_MOBILE },
    { "Mozilla/5.0 (Linux; Android 13) Chrome/100.0 Mobile Safari",
      ZWFW_DEVICE_MOBILE },
    { "Mozilla/5.0 (iPad; CPU OS 17_1) Mobile/15E148", ZWFW_DEVICE_TABLET },
    { "Mozilla/5.0 (compatible; Baiduspider/2.0; Mobile)", ZWFW_DEVICE_BOT },
    { "curl/8.5.0", ZWFW_DEVICE_BOT }
};


static test_words_t  test_words_list[] = {
    { "", "" },
    { "食品经营许可", "食品经营许可" },
    { "12345 热线", "12345 热线" },
    { "张三 99010219900101123X", "张三 ***X" },
    { "9901 0219 9001 01 1234", "***" },
    { "138-0000-0000电话", "***电话" },
    { "990102　证", "***　证" },
    { "９９０１０２１９", "***" },
    { "99010２", "***" },
    { "a 1 2 3 4 5", "a 1 2 3 4 5" },
    { "a 1 2 3 4 5 6 b", "a *** b" },
    { "2026-11-23", "***" },
    { "信箱 me@a.example 查询", "信箱 *** 查询" },
    { "我的me@a.example", "***" },
    { "10000000001@a.example 查询", "*** 查询" },
    { "9901 0219me@a.example b@", "****** ***" },
    { "a\"b\\c", "a\"b\\c" },
    { "a\tb", "" },
    { "a\xff", "" },
    { "a\xe9\xa3", "" },
    { "\xed\xa0\x80", "" },
    { "\xc0\xaf", "" },
    { "\xf4\x90\x80\x80", "" },
    { "\xf0\x9f\x8f\xa0 a", "\xf0\x9f\x8f\xa0 a" }
};


int
main(void)
{
    test_referrers();
    test_devices();
    test_words();
    test_bounds();
    test_hash();

    return tap_done();
}


static void
test_referrers(void)
{
    size_t            i;
    zwfw_str_t        header, host;
    zwfw_referrer_e   class;
    test_referrer_t  *t;

    host = tap_str("shandong.localhost");

    for (i = 0;
         i < sizeof(test_referrer_list) / sizeof(test_referrer_list[0]);
         i++)
    {
        t = &test_referrer_list[i];
        header = tap_str(t->header);
        class = zwfw_visit_referrer(header.data, header.len, host.data,
                                    host.len);

        tap_ok(class == t->class, "referrer \"%s\": %d", t->header, class);
    }

    tap_ok(zwfw_visit_referrer(NULL, 0, NULL, 0) == ZWFW_REFERRER_DIRECT,
           "no header, no host");
}


static void
test_devices(void)
{
    size_t          i;
    zwfw_str_t      header;
    test_device_t  *t;

    for (i = 0; i < sizeof(test_device_list) / sizeof(test_device_list[0]);
         i++)
    {
        t = &test_device_list[i];
        header = tap_str(t->header);

        tap_ok(zwfw_visit_device(header.data, header.len) == t->class,
               "device \"%s\"", t->header);
    }
}


static void
test_words(void)
{
    size_t          i;
    zwfw_str_t      words;
    test_words_t   *t;
    unsigned char  *out;

    for (i = 0; i < sizeof(test_words_list) / sizeof(test_words_list[0]);
         i++)
    {
        t = &test_words_list[i];
        words = tap_str(t->words);
        out = malloc(181);

        zwfw_visit_words(words.data, words.len, 60, out, 181);
        tap_is(out, strlen((char *) out), t->kept, t->words);
        free(out);
    }
}


static void
test_bounds(void)
{
    size_t         i;
    zwfw_str_t     words;
    unsigned char  out[181];

    words = tap_str("食品经营食品经营");

    zwfw_visit_words(words.data, words.len, 4, out, sizeof(out));
    tap_is(out, strlen((char *) out), "食品经营", "characters");

    zwfw_visit_words(words.data, words.len, 60, out, 8);
    tap_is(out, strlen((char *) out), "食品", "bytes, no half character");

    words = tap_str("ab123456");

    zwfw_visit_words(words.data, words.len, 4, out, sizeof(out));
    tap_is(out, strlen((char *) out), "ab", "no half mask");

    for (i = 1; i < sizeof(out); i++) {
        words = tap_copy("990102 食 a@b", 13);
        zwfw_visit_words(words.data, words.len, 60, out, i);
    }

    tap_ok(1, "every size");
}


/* of the SipHash paper's authors: key and message are 0, 1, 2, ... */

static void
test_hash(void)
{
    char           hex[33];
    size_t         i, n;
    zwfw_str_t     text;
    unsigned char  key[16], bytes[64], hash[16];

    static struct {
        size_t       len;
        const char  *hash;
    }  known[] = {
        { 0, "a3817f04ba25a8e66df67214c7550293" },
        { 1, "da87c1d86b99af44347659119b22fc45" },
        { 8, "3b62a9ba6258f5610f83e264f31497b4" },
        { 63, "5150d1772f50834a503e069a973fbd7c" }
    };

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char) i;
    }

    memcpy(key, bytes, sizeof(key));

    for (n = 0; n < sizeof(known) / sizeof(known[0]); n++) {
        text = tap_copy(bytes, known[n].len);
        zwfw_visit_hash(key, text.data, text.len, hash);

        for (i = 0; i < sizeof(hash); i++) {
            snprintf(hex + 2 * i, 3, "%02x", hash[i]);
        }

        tap_is(hex, 32, known[n].hash, "a known hash");
    }
}
