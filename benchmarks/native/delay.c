/* A long way: takes connections, and passes what comes on to another port after so many milliseconds, each way.
 *   delay [-d milliseconds] ADDRESS PORT TO-ADDRESS TO-PORT
 * The greeting takes one way there and one back, as on a real one, but the connection itself stands at once: a real
 * one is a round trip later.  Runs until SIGTERM.
 * cc -O2 -o delay delay.c */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* One end; `other` is where that which is read goes.  `ended`: nothing more is read, `told`: the peer has been told so. */
struct end { int fd, ended, told; struct end *other; };
struct piece { double due; struct end *to; long size; struct piece *next; char data[]; };
enum { OPEN = -1, END = 0 };

static struct piece *first, **last = &first; static int ep; static double way; static struct sockaddr_in here, there;
static struct end **dead; static size_t ndead, room;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void later(struct end *to, long size, const char *data) {
  struct piece *p = malloc(sizeof *p + (size > 0 ? size : 0)); p->due = now() + way; p->to = to; p->size = size; p->next = 0;
  if (size > 0) memcpy(p->data, data, size);
  *last = p; last = &p->next;
}
static void watch(struct end *e) { struct epoll_event v = { .events = EPOLLIN, .data.ptr = e }; epoll_ctl(ep, EPOLL_CTL_ADD, e->fd, &v); }
static void end(struct end *e) {          /* nothing more comes from it */
  if (e->ended) return;
  e->ended = 1; if (e->fd >= 0) epoll_ctl(ep, EPOLL_CTL_DEL, e->fd, 0); later(e->other, END, 0);
}
static void readable(struct end *e) {
  char in[65536]; ssize_t n = e->ended ? -1 : recv(e->fd, in, sizeof in, MSG_DONTWAIT);
  if (n > 0) later(e->other, n, in); else if (n == 0 || errno != EAGAIN) end(e);
}
static void act(struct piece *p) {
  struct end *e = p->to; int one = 1;
  if (p->size == OPEN) {
    e->fd = socket(AF_INET, SOCK_STREAM, 0); setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(e->fd, (void *)&there, sizeof there)) end(e); else watch(e);
  } else if (p->size == END) {
    e->told = 1; if (e->fd >= 0) shutdown(e->fd, SHUT_WR);
    if (e->other->told) {                  /* both have been told; freed when no event can speak of them any more */
      close(e->fd); close(e->other->fd); if (ndead == room) dead = realloc(dead, (room = room * 2 + 64) * sizeof *dead);
      dead[ndead++] = e;
    }
  } else for (long k = 0; k < p->size;) {
    ssize_t n = send(e->fd, p->data + k, p->size - k, MSG_NOSIGNAL); if (n <= 0) { end(e); break; }
    k += n;
  }
}
int main(int c, char **v) {
  int o, one = 1; signal(SIGPIPE, SIG_IGN);
  while ((o = getopt(c, v, "d:")) > 0) if (o == 'd') way = atof(optarg) / 1e3; else return 2;
  if (c - optind < 4) return 2;
  here.sin_family = there.sin_family = AF_INET;
  inet_pton(AF_INET, v[optind], &here.sin_addr); here.sin_port = htons(atoi(v[optind + 1]));
  inet_pton(AF_INET, v[optind + 2], &there.sin_addr); there.sin_port = htons(atoi(v[optind + 3]));
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listening, (void *)&here, sizeof here) || listen(listening, 1024)) { perror("bind"); return 1; }
  ep = epoll_create1(0); struct epoll_event v1 = { .events = EPOLLIN }, ev[256]; epoll_ctl(ep, EPOLL_CTL_ADD, listening, &v1);
  for (;;) {
    double wait = first ? (first->due - now()) * 1e3 : 1000;
    int n = epoll_wait(ep, ev, 256, wait < 0 ? 0 : (int)wait + (first != 0));
    for (int i = 0; i < n; i++) {
      if (ev[i].data.ptr) { readable(ev[i].data.ptr); continue; }
      int fd; while ((fd = accept4(listening, 0, 0, 0)) >= 0) {
        struct end *pair = calloc(2, sizeof *pair); pair[0].fd = fd; pair[1].fd = -1; pair[0].other = pair + 1; pair[1].other = pair;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); later(pair + 1, OPEN, 0); watch(pair);
      }
    }
    while (ndead) { struct end *e = dead[--ndead]; free(e < e->other ? e : e->other); }
    while (first && first->due <= now()) { struct piece *p = first; if (!(first = p->next)) last = &first; act(p); free(p); }
  }
}
