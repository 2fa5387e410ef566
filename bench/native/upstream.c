/* A fake vendor with OpenAI's endpoints: one thread, epoll, loopback only, constant answers.
 *
 *     cc -O2 -o upstream upstream.c && ./upstream [delay in ms]      prints its address; the port is any free one
 *
 * A path counts by its tail, a request by words of its body:
 *     POST .../images/generations    a link; 2 or 4 MB of base64 where the body says `2mb"` or `4mb"`
 *     POST .../videos                a queued job, or one that never ends where the body says "stay open"
 *     GET  .../videos/{id}           completed with a link to its film, or in progress for ever
 *     GET  .../videos/{id}/content, .../results/...    a few bytes of a film or picture
 * An answer to a body with `slow"` is held back for the delay.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_SIZE 65536 /* the longest request that is understood */
#define EVENTS 256
#define JSON "application/json"

typedef struct connection {
    int fd, writing, waiting, gone;
    size_t received; /* bytes in `in` */
    char in[IN_SIZE];
    char head[1400];
    size_t head_size, head_sent;
    const char *bulk; /* what follows the head, shared by all connections */
    size_t bulk_size, bulk_sent;
    long long due; /* microseconds, of an answer that is held back */
    struct connection *next;
} connection;

typedef struct {
    char *text;
    size_t size;
} block;

static const char PICTURE[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9c"
                              "c\0\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xae" "B`\x82";
static const char FILM[] = "\0\0\0\x18" "ftypisom\0\0\2\0isomiso2\0\0\0\x10mdat\0\0\0\0\0\0\0";

static int poller, port;
static long long delay;
static long made;
static block two_mb, four_mb;
static connection *first_held, *last_held; /* all are held equally long: a queue */

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static block pictured(size_t size) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char before[] = "{\"created\":1790000000,\"data\":[{\"b64_json\":\"";
    static const char after[] = "\"}],\"usage\":{\"input_tokens\":12,\"output_tokens\":1024,\"total_tokens\":1036}}";
    block made_of = {malloc(size + sizeof before + sizeof after), 0};
    made_of.size = (size_t)sprintf(made_of.text, "%siVBORw0KGgoA", before); /* the signature of a PNG */
    for (size_t i = 12; i < size; i++) made_of.text[made_of.size++] = alphabet[(i * 2654435761u >> 20) & 63];
    return (block){made_of.text, made_of.size + (size_t)sprintf(made_of.text + made_of.size, "%s", after)};
}

static void begin(connection *c, const char *status, const char *type, size_t size) {
    c->head_size = (size_t)snprintf(c->head, sizeof c->head,
        "HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\nx-request-id: req_%ld\r\n\r\n", status, type, size, made);
}

static void answer(connection *c, const char *status, const char *body) {
    begin(c, status, JSON, strlen(body));
    c->head_size += (size_t)snprintf(c->head + c->head_size, sizeof c->head - c->head_size, "%s", body);
}

static void answer_bulk(connection *c, const char *type, const char *bulk, size_t size) {
    begin(c, "200 OK", type, size);
    c->bulk = bulk;
    c->bulk_size = size;
}

static void make_image(connection *c, const char *wanted) {
    char body[600];
    if (strstr(wanted, "2mb\"")) { answer_bulk(c, JSON, two_mb.text, two_mb.size); return; }
    if (strstr(wanted, "4mb\"")) { answer_bulk(c, JSON, four_mb.text, four_mb.size); return; }
    snprintf(body, sizeof body,
        "{\"created\":1790000000,\"data\":[{\"url\":\"http://127.0.0.1:%d/results/%012ld/image.png?expires=86400\","
        "\"revised_prompt\":\"a small red kite above a quiet harbour, wide shot\"}],\"size\":\"1024x1024\",\"quality\":\"high\","
        "\"usage\":{\"input_tokens\":12,\"output_tokens\":1024,\"total_tokens\":1036}}", port, ++made);
    answer(c, "200 OK", body);
}

static void make_video(connection *c, const char *wanted) {
    int open = strstr(wanted, "stay open") != NULL;
    char body[400];
    snprintf(body, sizeof body,
        "{\"id\":\"video_%s%ld\",\"object\":\"video\",\"model\":\"bench-video\",\"status\":\"%s\",\"progress\":%d,"
        "\"created_at\":1790000000,\"size\":\"1280x720\",\"seconds\":\"5\"}",
        open ? "open_" : "", ++made, open ? "in_progress" : "queued", open ? 50 : 0);
    answer(c, "200 OK", body);
}

static void show_video(connection *c, const char *id) {
    int open = !strncmp(id, "video_open_", 11);
    char body[600], result[160] = "";
    if (!open)
        snprintf(result, sizeof result,
            ",\"completed_at\":1790000060,\"url\":\"http://127.0.0.1:%d/results/%.40s/video.mp4\"", port, id);
    snprintf(body, sizeof body,
        "{\"id\":\"%.80s\",\"object\":\"video\",\"model\":\"bench-video\",\"status\":\"%s\",\"progress\":%d,"
        "\"created_at\":1790000000,\"size\":\"1280x720\",\"seconds\":\"5\"%s}",
        id, open ? "in_progress" : "completed", open ? 50 : 100, result);
    answer(c, "200 OK", body);
}

static int ends_with(const char *text, const char *tail) {
    size_t length = strlen(text), tail_length = strlen(tail);
    return length >= tail_length && !strcmp(text + length - tail_length, tail);
}

static void answer_to(connection *c, const char *method, const char *path, const char *body) {
    int post = !strcmp(method, "POST");
    const char *video = strstr(path, "/videos/");
    if (post && ends_with(path, "/images/generations")) make_image(c, body);
    else if (post && ends_with(path, "/videos")) make_video(c, body);
    else if (!post && ends_with(path, ".png")) answer_bulk(c, "image/png", PICTURE, sizeof PICTURE - 1);
    else if (!post && (ends_with(path, ".mp4") || ends_with(path, "/content"))) answer_bulk(c, "video/mp4", FILM, sizeof FILM - 1);
    else if (!post && video) show_video(c, video + strlen("/videos/"));
    else answer(c, "404 Not Found", "{\"error\":{\"message\":\"There is nothing at this path.\",\"code\":\"not_found\"}}");
}

static void watch(connection *c, int writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (c->writing == writing) return;
    c->writing = writing;
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

/* Sends on until everything has left (1), the socket is full (0) or broken (-1). */
static int send_part(connection *c, const char *from, size_t size, size_t *sent, int more) {
    while (*sent < size) {
        ssize_t n = send(c->fd, from + *sent, size - *sent, MSG_NOSIGNAL | more);
        if (n < 0 && errno != EAGAIN) return -1;
        if (n < 0) { watch(c, 1); return 0; }
        *sent += (size_t)n;
    }
    return 1;
}

static int send_answer(connection *c) {
    int done = send_part(c, c->head, c->head_size, &c->head_sent, c->bulk_size ? MSG_MORE : 0);
    if (done == 1) done = send_part(c, c->bulk, c->bulk_size, &c->bulk_sent, 0);
    if (done != 1) return done;
    c->head_size = c->head_sent = c->bulk_size = c->bulk_sent = 0;
    watch(c, 0);
    return 1;
}

static void hold(connection *c) {
    c->waiting = 1;
    c->due = now() + delay;
    c->next = NULL;
    if (last_held) last_held->next = c; else first_held = c;
    last_held = c;
}

/* The length of the first request in `in`, 0 while it is not whole. */
static size_t whole_request(connection *c, char **body) {
    char *end = memmem(c->in, c->received, "\r\n\r\n", 4), *length, *last;
    if (!end) return 0;
    *body = end + 4;
    *end = 0;
    length = strcasestr(c->in, "\r\ncontent-length:");
    int chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
    *end = '\r';
    size_t size = (size_t)(*body - c->in);
    if (!chunked) {
        size += length ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
        return size <= c->received ? size : 0;
    }
    last = memmem(*body, c->received - size, "0\r\n\r\n", 5);
    return last ? (size_t)(last + 5 - c->in) : 0;
}

/* Answers what has come, one after another; -1 for a connection that is of no use any more. */
static int proceed(connection *c) {
    while (!c->waiting && !c->head_size) {
        char *body, method[8], path[600];
        size_t size = whole_request(c, &body);
        if (!size) return c->received < IN_SIZE - 1 ? 0 : -1;
        char behind = c->in[size];
        c->in[size] = 0;
        if (sscanf(c->in, "%7s %599[^ ?]", method, path) != 2) return -1;
        answer_to(c, method, path, body);
        if (delay && strstr(body, "slow\"")) hold(c);
        c->in[size] = behind;
        memmove(c->in, c->in + size, c->received - size);
        c->received -= size;
        if (!c->waiting && send_answer(c) < 0) return -1;
    }
    return 0;
}

static void drop(connection *c) {
    epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
    c->gone = 1;
    if (c->waiting) return; /* the queue still knows it */
    close(c->fd);
    free(c);
}

static void receive(connection *c, unsigned events) {
    if (events & EPOLLOUT && (send_answer(c) < 0 || proceed(c) < 0)) { drop(c); return; }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t n = recv(c->fd, c->in + c->received, IN_SIZE - 1 - c->received, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0) c->received += (size_t)n;
    if (n <= 0 || proceed(c) < 0) drop(c);
}

static void release_held(void) {
    for (long long t = now(); first_held && first_held->due <= t;) {
        connection *c = first_held;
        first_held = c->next;
        if (!first_held) last_held = NULL;
        c->waiting = 0;
        if (c->gone || send_answer(c) < 0 || proceed(c) < 0) drop(c);
    }
}

static void accept_all(int listener) {
    for (int fd, on = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listening(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) { perror("listen"); exit(1); }
    getsockname(listener, (struct sockaddr *)&address, &size);
    port = ntohs(address.sin_port);
    return listener;
}

int main(int count, char **given) {
    struct rlimit files = {65536, 65536};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int listener = listening();
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    delay = count > 1 ? atoll(given[1]) * 1000 : 0;
    two_mb = pictured(2000000);
    four_mb = pictured(4000000);
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    printf("http://127.0.0.1:%d\n", port);
    fflush(stdout);
    for (;;) {
        long long left = first_held ? (first_held->due - now() + 999) / 1000 : -1;
        int n = epoll_wait(poller, events, EVENTS, first_held && left < 0 ? 0 : (int)left);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) receive(events[i].data.ptr, events[i].events);
            else accept_all(listener);
        }
        release_held();
    }
}
