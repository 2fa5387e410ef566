/* A load generator for HTTP/1.1 with keep-alive: one thread, epoll, loopback only, one JSON object on stdout.
 *
 *     cc -O2 -o load load.c
 *     ./load -p PORT -u PATH [-H 'name: value']... [-b BODY] [-c CONNECTIONS] [-w WARM_UP] [-d SECONDS] [-r RATE] [-n COUNT] [-x PATIENCE]
 *
 * All connections are opened first. Closed loop: each sends its next request when the last one is answered. With a rate: so many
 * requests a second on a fixed schedule, and latency counts from the scheduled instant, so that a server that stands still is
 * not spared the requests that it kept waiting. `answered` counts everything, the other figures what ended inside the window;
 * with a count there is no window: that many requests are sent and all answers count. What is not answered PATIENCE seconds
 * after the last request could be sent is `unfinished`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_SIZE 8192
#define CHUNK_SIZE (1 << 18)
#define EVENTS 256
#define LAST_CHUNK "\r\n0\r\n\r\n"
#define LAST_CHUNK_SIZE 7

typedef struct {
    int fd, busy, in_head, chunked, status;
    long left; /* bytes of the body still to come */
    size_t head_size, tail_size;
    char head[HEAD_SIZE], tail[LAST_CHUNK_SIZE];
    long long sent; /* microseconds: when the request left, or should have left */
} connection;

static struct {
    int port, connections;
    long count;
    double rate, warm_up, seconds, patience;
    const char *path, *body;
    char headers[4096];
} given = {.connections = 1, .warm_up = 0.2, .seconds = 2, .patience = 15, .path = "/"};

static char *request;
static size_t request_size;
static connection *all, **idle;
static int poller, idle_count, busy_count;
static long sent_count, answered, good, errors;
static long long opens, closes, bytes; /* the window; bytes of all answers */
static unsigned *latencies; /* microseconds */
static long latency_space;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void end(const char *what) {
    perror(what);
    exit(1);
}

static void dial(connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)given.port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c->fd > 0) close(c->fd);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address)) end("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
}

static int may_send(long long at) {
    return at < closes && (!given.count || sent_count < given.count);
}

static void fire(connection *c, long long counts_from) {
    sent_count++;
    busy_count++;
    c->busy = c->in_head = 1;
    c->head_size = c->tail_size = 0;
    c->sent = counts_from;
    /* a request that cannot leave is found out by the receiving end */
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) shutdown(c->fd, SHUT_RDWR);
}

static void free_or_again(connection *c, long long at) {
    c->busy = 0;
    busy_count--;
    if (given.rate || !may_send(at)) idle[idle_count++] = c;
    else fire(c, at);
}

static void note(connection *c, long long at) {
    answered++;
    if (c->status / 100 != 2) {
        if (!errors++) fprintf(stderr, "%.*s\n", (int)c->head_size, c->head);
    } else if (given.count || (at >= opens && at < closes)) {
        if (good == latency_space) latencies = realloc(latencies, (size_t)(latency_space = latency_space * 2 + 65536) * sizeof *latencies);
        latencies[good++] = (unsigned)(at - c->sent);
    }
}

static void lose(connection *c) {
    int was_busy = c->busy;
    if (was_busy && !errors++) fprintf(stderr, "a connection broke\n");
    dial(c);
    if (was_busy) free_or_again(c, now());
}

/* Takes what belongs to the head; how much that was, or -1 while the head is not whole. */
static long read_head(connection *c, const char *from, size_t size) {
    size_t before = c->head_size, room = HEAD_SIZE - 1 - before, part = size < room ? size : room;
    char *close_of_head, *length;
    memcpy(c->head + before, from, part);
    c->head[c->head_size += part] = 0;
    if (!(close_of_head = strstr(c->head, "\r\n\r\n"))) return -1;
    close_of_head[2] = 0;
    length = strcasestr(c->head, "\r\ncontent-length:");
    c->status = atoi(c->head + strlen("HTTP/1.1 "));
    c->chunked = !length && strcasestr(c->head, "\r\ntransfer-encoding: chunked");
    c->left = length ? atol(length + strlen("\r\ncontent-length:")) : 0;
    close_of_head[2] = '\r';
    c->in_head = 0;
    return close_of_head + 4 - c->head - (long)before;
}

static int read_body(connection *c, const char *from, size_t size) {
    if (!c->chunked) return (c->left -= (long)size) <= 0;
    for (size_t i = size > LAST_CHUNK_SIZE ? size - LAST_CHUNK_SIZE : 0; i < size; i++) {
        if (c->tail_size == LAST_CHUNK_SIZE) memmove(c->tail, c->tail + 1, --c->tail_size);
        c->tail[c->tail_size++] = from[i];
    }
    return c->tail_size == LAST_CHUNK_SIZE && !memcmp(c->tail, LAST_CHUNK, LAST_CHUNK_SIZE);
}

static void receive(connection *c) {
    static char chunk[CHUNK_SIZE];
    ssize_t size = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);
    long of_head = 0;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) { lose(c); return; }
    bytes += size;
    if (c->in_head && (of_head = read_head(c, chunk, (size_t)size)) < 0) return;
    if (!read_body(c, chunk + of_head, (size_t)(size - of_head))) return;
    long long at = now();
    note(c, at);
    free_or_again(c, at);
}

static void open_connections(void) {
    all = calloc((size_t)given.connections, sizeof *all);
    idle = calloc((size_t)given.connections, sizeof *idle);
    for (int i = 0; i < given.connections; i++) {
        dial(&all[i]);
        idle[idle_count++] = &all[i];
    }
}

/* Sends what is due; how many milliseconds may be slept until the next. */
static int send_due(long long started) {
    while (idle_count) {
        long long at = now(), due = given.rate ? started + (long long)((double)sent_count * 1e6 / given.rate) : at;
        if (!may_send(at)) break;
        if (due > at) return (int)((due - at) / 1000);
        fire(idle[--idle_count], due);
    }
    return 100;
}

static void run(void) {
    struct epoll_event events[EVENTS];
    long long started = now(), at;
    opens = started + (long long)(given.warm_up * 1e6);
    closes = opens + (long long)(given.seconds * 1e6);
    while ((at = now()), may_send(at) || busy_count) {
        int sleep = send_due(started);
        if (at > closes + (long long)(given.patience * 1e6)) break;
        int n = epoll_wait(poller, events, EVENTS, sleep);
        for (int i = 0; i < n; i++) receive(events[i].data.ptr);
    }
    if (given.count) { opens = started; closes = now(); }
}

static int ascending(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static double part_ms(double part) {
    return good ? latencies[(long)((double)(good - 1) * part)] / 1e3 : 0;
}

static void report(void) {
    double seconds = (double)(closes - opens) / 1e6;
    qsort(latencies, (size_t)good, sizeof *latencies, ascending);
    printf("{\"answered\":%ld,\"errors\":%ld,\"unfinished\":%d,\"rps\":%.2f,\"mb\":%.3f,"
           "\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
        answered, errors, busy_count, (double)good / seconds, (double)bytes / 1e6, part_ms(0.5), part_ms(0.9), part_ms(0.99), part_ms(1));
}

static void add_header(const char *line) {
    size_t used = strlen(given.headers);
    if (used + strlen(line) + 3 > sizeof given.headers) { fprintf(stderr, "the headers are too long\n"); exit(2); }
    sprintf(given.headers + used, "%s\r\n", line);
}

static void read_arguments(int count, char **arguments) {
    for (int option; (option = getopt(count, arguments, "p:u:H:b:c:w:d:r:n:x:")) != -1;) switch (option) {
        case 'p': given.port = atoi(optarg); break;
        case 'u': given.path = optarg; break;
        case 'H': add_header(optarg); break;
        case 'b': given.body = optarg; break;
        case 'c': given.connections = atoi(optarg); break;
        case 'w': given.warm_up = atof(optarg); break;
        case 'd': given.seconds = atof(optarg); break;
        case 'r': given.rate = atof(optarg); break;
        case 'n': given.count = atol(optarg); break;
        case 'x': given.patience = atof(optarg); break;
        default: exit(2);
    }
}

int main(int count, char **arguments) {
    struct rlimit files = {65536, 65536};
    char length[96] = "";
    setrlimit(RLIMIT_NOFILE, &files);
    read_arguments(count, arguments);
    if (given.body) sprintf(length, "content-type: application/json\r\ncontent-length: %zu\r\n", strlen(given.body));
    request_size = (size_t)asprintf(&request, "%s %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n%s%s\r\n%s", given.body ? "POST" : "GET",
        given.path, given.port, given.headers, length, given.body ? given.body : "");
    poller = epoll_create1(0);
    open_connections();
    run();
    report();
}
