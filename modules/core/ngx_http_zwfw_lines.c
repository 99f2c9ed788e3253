
/*
 * Lines of the audit trail on their way to PostgreSQL.
 *
 * A worker tells those of one person at a time, many in one call, one person
 * after the other: whoever makes many lines is not in the way of others.  What
 * cannot be stored waits, however long that takes.  A person with too many
 * lines is refused until they are stored, so that no line is lost silently
 */


#include "ngx_http_zwfw_core.h"


#define NGX_HTTP_ZWFW_LINES         4096    /* of a worker, */
#define NGX_HTTP_ZWFW_LINES_OF_ONE  256     /* and of a person; those whose
                                               request has begun may exceed
                                               it, up to twice as many */
#define NGX_HTTP_ZWFW_LINES_CALL    64      /* told in one call */
#define NGX_HTTP_ZWFW_LINES_PACE    100     /* ms between calls of a person */
#define NGX_HTTP_ZWFW_LINES_PAUSE   1000    /* ms after a failure */
#define NGX_HTTP_ZWFW_LINES_LAST    60      /* failures while quitting */

#define NGX_HTTP_ZWFW_LINE_TAIL                                              \
    (sizeof("{,\"count\":,\"late\":,\"again\":true},") + 2 * NGX_INT_T_LEN)


typedef struct {
    ngx_queue_t                queue;       /* of its person, oldest first */
    ngx_msec_t                 at;
    ngx_uint_t                 count;       /* equal ones */
    ngx_str_t                  text;        /* members of a JSON object */
    size_t                     same;        /* bytes that equal ones share */
    unsigned                   told:1;      /* the answer was not heard */
} ngx_http_zwfw_line_t;


typedef struct {
    ngx_str_node_t             sn;          /* uid */
    ngx_queue_t                queue;       /* whose turn was longest ago */
    ngx_queue_t                lines;
    ngx_uint_t                 n;
    ngx_msec_t                 turn;        /* not before */
    unsigned                   single:1;    /* SQL refuses one of them */
} ngx_http_zwfw_person_t;


/* of a worker and platform */

typedef struct {
    ngx_http_zwfw_platform_t  *platform;
    ngx_rbtree_t               tree;        /* persons by uid */
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                persons;
    ngx_uint_t                 n;           /* lines */
    ngx_http_zwfw_person_t    *asking;      /* whose lines are being told; */
    ngx_uint_t                 told;        /* so many, the oldest */
    ngx_uint_t                 failures;    /* while quitting */
    ngx_event_t                timer;
    ngx_connection_t           ident;       /* of the event, in debug lines */
} ngx_http_zwfw_lines_t;


static ngx_http_zwfw_person_t *ngx_http_zwfw_lines_person(
    ngx_http_zwfw_lines_t *lines, ngx_str_t *uid);
static ngx_http_zwfw_line_t *ngx_http_zwfw_lines_equal(
    ngx_http_zwfw_lines_t *lines, ngx_http_zwfw_person_t *person,
    ngx_str_t *text);
static ngx_http_zwfw_line_t *ngx_http_zwfw_line_create(ngx_str_t *text,
    ngx_str_t *request_id);
static void ngx_http_zwfw_lines_timer(ngx_event_t *ev);
static void ngx_http_zwfw_lines_next(ngx_http_zwfw_lines_t *lines);
static ngx_http_zwfw_person_t *ngx_http_zwfw_lines_turn(
    ngx_http_zwfw_lines_t *lines);
static ngx_int_t ngx_http_zwfw_lines_tell(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person);
static u_char *ngx_http_zwfw_line_write(u_char *p,
    ngx_http_zwfw_line_t *line);
static void ngx_http_zwfw_lines_told(void *data, ngx_int_t rc,
    ngx_str_t *answer);
static void ngx_http_zwfw_lines_failed(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person, ngx_str_t *state);
static void ngx_http_zwfw_lines_drop(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person, ngx_uint_t n,
    ngx_http_zwfw_counter_e counter);
static void ngx_http_zwfw_lines_lose(ngx_http_zwfw_lines_t *lines);
static void ngx_http_zwfw_lines_forget(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person);


ngx_int_t
ngx_http_zwfw_lines_init(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_http_zwfw_lines_t       *lines;
    ngx_http_zwfw_platform_t   **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {

        lines = ngx_pcalloc(cycle->pool, sizeof(ngx_http_zwfw_lines_t));
        if (lines == NULL) {
            return NGX_ERROR;
        }

        ngx_rbtree_init(&lines->tree, &lines->sentinel,
                        ngx_str_rbtree_insert_value);
        ngx_queue_init(&lines->persons);

        lines->platform = pf[i];

        lines->ident.fd = (ngx_socket_t) -1;
        lines->ident.data = lines;

        lines->timer.handler = ngx_http_zwfw_lines_timer;
        lines->timer.data = &lines->ident;
        lines->timer.log = cycle->log;

        pf[i]->lines = lines;
    }

    return NGX_OK;
}


/* what a worker could not store until its end is lost */

void
ngx_http_zwfw_lines_exit(ngx_cycle_t *cycle, ngx_http_zwfw_main_conf_t *mcf)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *q;
    ngx_http_zwfw_lines_t       *lines;
    ngx_http_zwfw_platform_t   **pf;

    pf = mcf->platforms.elts;

    for (i = 0; i < mcf->platforms.nelts; i++) {
        lines = pf[i]->lines;

        if (lines == NULL) {
            continue;
        }

        ngx_http_zwfw_lines_lose(lines);

        while (!ngx_queue_empty(&lines->persons)) {
            q = ngx_queue_head(&lines->persons);
            ngx_http_zwfw_lines_forget(lines,
                ngx_queue_data(q, ngx_http_zwfw_person_t, queue));
        }
    }
}


ngx_uint_t
ngx_http_zwfw_lines_waiting(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_lines_t  *lines = pf->lines;

    return lines->n;
}


ngx_int_t
ngx_http_zwfw_lines_room(ngx_http_zwfw_platform_t *pf, ngx_str_t *uid)
{
    ngx_http_zwfw_lines_t   *lines = pf->lines;

    ngx_http_zwfw_person_t  *person;

    person = (ngx_http_zwfw_person_t *)
                 ngx_str_rbtree_lookup(&lines->tree, uid,
                                       ngx_crc32_short(uid->data, uid->len));

    if (person && person->n >= NGX_HTTP_ZWFW_LINES_OF_ONE) {
        return NGX_BUSY;
    }

    return (lines->n >= NGX_HTTP_ZWFW_LINES) ? NGX_DECLINED : NGX_OK;
}


void
ngx_http_zwfw_lines_add(ngx_http_zwfw_platform_t *pf, ngx_str_t *uid,
    ngx_str_t *text, ngx_str_t *request_id, ngx_uint_t merges)
{
    ngx_http_zwfw_lines_t   *lines = pf->lines;

    ngx_http_zwfw_line_t    *line;
    ngx_http_zwfw_person_t  *person;

    person = ngx_http_zwfw_lines_person(lines, uid);
    if (person == NULL) {
        ngx_http_zwfw_lines_lost(lines->platform);
        return;
    }

    line = merges ? ngx_http_zwfw_lines_equal(lines, person, text) : NULL;

    if (line) {
        line->count++;
        ngx_http_zwfw_count(pf, NGX_HTTP_ZWFW_COUNT_LINE_MERGED);
        return;
    }

    if (person->n < 2 * NGX_HTTP_ZWFW_LINES_OF_ONE
        && lines->n < 2 * NGX_HTTP_ZWFW_LINES)
    {
        line = ngx_http_zwfw_line_create(text, request_id);
    }

    if (line == NULL) {
        ngx_http_zwfw_lines_lost(lines->platform);
        return;
    }

    ngx_queue_insert_tail(&person->lines, &line->queue);
    person->n++;
    lines->n++;

    ngx_http_zwfw_lines_next(lines);
}


static ngx_http_zwfw_person_t *
ngx_http_zwfw_lines_person(ngx_http_zwfw_lines_t *lines, ngx_str_t *uid)
{
    uint32_t                 hash;
    ngx_http_zwfw_person_t  *person;

    hash = ngx_crc32_short(uid->data, uid->len);

    person = (ngx_http_zwfw_person_t *)
                 ngx_str_rbtree_lookup(&lines->tree, uid, hash);
    if (person) {
        return person;
    }

    person = ngx_calloc(sizeof(ngx_http_zwfw_person_t) + uid->len,
                        ngx_cycle->log);
    if (person == NULL) {
        return NULL;
    }

    person->sn.node.key = hash;
    person->sn.str.len = uid->len;
    person->sn.str.data = (u_char *) (person + 1);
    ngx_memcpy(person->sn.str.data, uid->data, uid->len);

    person->turn = ngx_current_msec;
    ngx_queue_init(&person->lines);

    ngx_rbtree_insert(&lines->tree, &person->sn.node);
    ngx_queue_insert_tail(&lines->persons, &person->queue);

    return person;
}


/* one that was not told yet, and says the same of another request */

static ngx_http_zwfw_line_t *
ngx_http_zwfw_lines_equal(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person, ngx_str_t *text)
{
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ngx_http_zwfw_line_t  *line;

    n = person->n - ((lines->asking == person) ? lines->told : 0);

    for (q = ngx_queue_last(&person->lines); n; q = ngx_queue_prev(q), n--) {

        line = ngx_queue_data(q, ngx_http_zwfw_line_t, queue);

        if (!line->told && line->same == text->len
            && ngx_memcmp(line->text.data, text->data, text->len) == 0)
        {
            return line;
        }
    }

    return NULL;
}


static ngx_http_zwfw_line_t *
ngx_http_zwfw_line_create(ngx_str_t *text, ngx_str_t *request_id)
{
    u_char                *p;
    ngx_http_zwfw_line_t  *line;

    line = ngx_alloc(sizeof(ngx_http_zwfw_line_t) + text->len
                     + sizeof(",\"request_id\":\"\"") + request_id->len,
                     ngx_cycle->log);
    if (line == NULL) {
        return NULL;
    }

    p = (u_char *) (line + 1);

    line->at = ngx_current_msec;
    line->count = 1;
    line->told = 0;
    line->same = text->len;
    line->text.data = p;
    line->text.len = ngx_sprintf(p, "%V,\"request_id\":\"%V\"", text,
                                 request_id) - p;

    return line;
}


static void
ngx_http_zwfw_lines_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c = ev->data;

    ngx_http_zwfw_lines_next(c->data);
}


/* tells the lines of the next person, or sets the timer for its turn */

static void
ngx_http_zwfw_lines_next(ngx_http_zwfw_lines_t *lines)
{
    ngx_http_zwfw_person_t  *person;

    if (lines->asking) {
        return;
    }

    person = ngx_http_zwfw_lines_turn(lines);
    if (person == NULL) {
        return;
    }

    ngx_queue_remove(&person->queue);
    ngx_queue_insert_tail(&lines->persons, &person->queue);

    lines->asking = person;
    lines->told = person->single
                  ? 1 : ngx_min(person->n, NGX_HTTP_ZWFW_LINES_CALL);

    if (ngx_http_zwfw_lines_tell(lines, person) == NGX_OK) {
        return;
    }

    /* nobody's lines could be told now */

    lines->asking = NULL;

    if (ngx_exiting && ++lines->failures >= NGX_HTTP_ZWFW_LINES_LAST) {
        ngx_http_zwfw_lines_lose(lines);
        return;
    }

    lines->timer.cancelable = 0;
    ngx_add_timer(&lines->timer, NGX_HTTP_ZWFW_LINES_PAUSE);
}


/* whose turn it is; who has no lines any more is forgotten */

static ngx_http_zwfw_person_t *
ngx_http_zwfw_lines_turn(ngx_http_zwfw_lines_t *lines)
{
    ngx_queue_t             *q, *next;
    ngx_msec_int_t           wait, least;
    ngx_http_zwfw_person_t  *person;

    least = NGX_HTTP_ZWFW_LINES_PAUSE;

    for (q = ngx_queue_head(&lines->persons);
         q != ngx_queue_sentinel(&lines->persons);
         q = next)
    {
        next = ngx_queue_next(q);

        person = ngx_queue_data(q, ngx_http_zwfw_person_t, queue);
        wait = person->turn - ngx_current_msec;

        if (wait > 0) {
            least = ngx_min(least, wait);
            continue;
        }

        if (person->n) {
            return person;
        }

        ngx_http_zwfw_lines_forget(lines, person);
    }

    if (!ngx_queue_empty(&lines->persons)) {
        lines->timer.cancelable = (lines->n == 0);
        ngx_add_timer(&lines->timer, least);
    }

    return NULL;
}


static ngx_int_t
ngx_http_zwfw_lines_tell(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person)
{
    u_char                *p;
    size_t                 size;
    ngx_int_t              rc;
    ngx_str_t              body;
    ngx_uint_t             i;
    ngx_queue_t           *q;
    ngx_http_zwfw_line_t  *line;

    static ngx_str_t  call = ngx_string("audit_tell");
    static ngx_str_t  args = ngx_string("{}");

    size = sizeof("{\"lines\":[]}");
    q = ngx_queue_head(&person->lines);

    for (i = 0; i < lines->told; i++) {
        line = ngx_queue_data(q, ngx_http_zwfw_line_t, queue);
        size += line->text.len + NGX_HTTP_ZWFW_LINE_TAIL;
        q = ngx_queue_next(q);
    }

    body.data = ngx_alloc(size, ngx_cycle->log);
    if (body.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(body.data, "{\"lines\":[", sizeof("{\"lines\":[") - 1);
    q = ngx_queue_head(&person->lines);

    for (i = 0; i < lines->told; i++) {
        line = ngx_queue_data(q, ngx_http_zwfw_line_t, queue);
        p = ngx_http_zwfw_line_write(p, line);
        q = ngx_queue_next(q);
    }

    p[-1] = ']';
    *p++ = '}';
    body.len = p - body.data;

    rc = ngx_http_zwfw_tell(lines->platform, NGX_HTTP_ZWFW_WRITE, &call,
                            &args, &body, ngx_http_zwfw_lines_told, lines);
    ngx_free(body.data);

    return rc;
}


static u_char *
ngx_http_zwfw_line_write(u_char *p, ngx_http_zwfw_line_t *line)
{
    ngx_msec_t  late;

    late = (ngx_current_msec - line->at) / 1000;

    p = ngx_sprintf(p, "{%V", &line->text);

    if (line->count > 1) {
        p = ngx_sprintf(p, ",\"count\":%ui", line->count);
    }

    if (late) {
        p = ngx_sprintf(p, ",\"late\":%M", late);
    }

    return ngx_sprintf(p, "%s},", line->told ? ",\"again\":true" : "");
}


static void
ngx_http_zwfw_lines_told(void *data, ngx_int_t rc, ngx_str_t *answer)
{
    ngx_http_zwfw_lines_t   *lines = data;

    ngx_http_zwfw_person_t  *person;

    person = lines->asking;
    lines->asking = NULL;

    if (rc == NGX_OK) {
        ngx_http_zwfw_lines_drop(lines, person, lines->told,
                                 NGX_HTTP_ZWFW_COUNT_LINE_STORED);

        person->turn = ngx_current_msec + NGX_HTTP_ZWFW_LINES_PACE;
        person->single &= (person->n > 0);
        lines->failures = 0;

    } else {
        ngx_http_zwfw_lines_failed(lines, person, answer);
    }

    ngx_http_zwfw_lines_next(lines);
}


/* a line that SQL cannot store in any case is found and lost alone; all else
   passes */

static void
ngx_http_zwfw_lines_failed(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person, ngx_str_t *state)
{
    ngx_uint_t             i;
    ngx_queue_t           *q;
    ngx_http_zwfw_line_t  *line;

    person->turn = ngx_current_msec + NGX_HTTP_ZWFW_LINES_PAUSE;

    if (state->len && state->data[0] == '2'
        && (state->data[1] == '2' || state->data[1] == '3'))
    {
        person->turn = ngx_current_msec;

        if (person->single) {
            ngx_http_zwfw_lines_drop(lines, person, 1,
                                     NGX_HTTP_ZWFW_COUNT_LINE_LOST);
        }

        person->single = (person->n > 0);
        return;
    }

    q = ngx_queue_head(&person->lines);

    for (i = 0; i < lines->told; i++) {
        line = ngx_queue_data(q, ngx_http_zwfw_line_t, queue);
        line->told = 1;
        q = ngx_queue_next(q);
    }

    if (ngx_exiting && ++lines->failures >= NGX_HTTP_ZWFW_LINES_LAST) {
        ngx_http_zwfw_lines_lose(lines);
    }
}


/* the oldest n lines of a person */

static void
ngx_http_zwfw_lines_drop(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person, ngx_uint_t n,
    ngx_http_zwfw_counter_e counter)
{
    ngx_queue_t  *q;

    while (n--) {
        q = ngx_queue_head(&person->lines);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_zwfw_line_t, queue));

        person->n--;
        lines->n--;

        if (counter == NGX_HTTP_ZWFW_COUNT_LINE_LOST) {
            ngx_http_zwfw_lines_lost(lines->platform);

        } else {
            ngx_http_zwfw_count(lines->platform, counter);
        }
    }
}


void
ngx_http_zwfw_lines_lost(ngx_http_zwfw_platform_t *pf)
{
    ngx_http_zwfw_count(pf, NGX_HTTP_ZWFW_COUNT_LINE_LOST);

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "zwfw: a line of the audit trail of platform \"%V\" is lost",
                  &pf->name);
}


/* all of them: the worker ends */

static void
ngx_http_zwfw_lines_lose(ngx_http_zwfw_lines_t *lines)
{
    ngx_queue_t             *q;
    ngx_http_zwfw_person_t  *person;

    for (q = ngx_queue_head(&lines->persons);
         q != ngx_queue_sentinel(&lines->persons);
         q = ngx_queue_next(q))
    {
        person = ngx_queue_data(q, ngx_http_zwfw_person_t, queue);

        ngx_http_zwfw_lines_drop(lines, person, person->n,
                                 NGX_HTTP_ZWFW_COUNT_LINE_LOST);
    }
}


static void
ngx_http_zwfw_lines_forget(ngx_http_zwfw_lines_t *lines,
    ngx_http_zwfw_person_t *person)
{
    ngx_queue_remove(&person->queue);
    ngx_rbtree_delete(&lines->tree, &person->sn.node);
    ngx_free(person);
}
