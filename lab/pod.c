// SPDX-License-Identifier: Apache-2.0
// The one program in the lab's container image, static.
//
//   pod pause              what holds a Pod's namespaces: reaps children, ends on SIGTERM
//   pod http PORT NAME     answers every request with "NAME CLIENT-ADDRESS", over IPv4 and IPv6. After SIGTERM it goes on for
//                          GRACE seconds, as a well-behaved server does while the word spreads
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE = 5, PATIENCE = 5 };

static void quit(int number) { _exit(number == SIGALRM ? 0 : 128 + number); }
static void linger(int number) { (void)number, alarm(GRACE); }
static void reap(int number) {
  (void)number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

static void answer(int connection, const char* name, const struct sockaddr_in6* client) {
  char request[4096], from[INET6_ADDRSTRLEN], body[512], response[1024];
  struct timeval patience = {PATIENCE, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (read(connection, request, sizeof request) <= 0) return;
  inet_ntop(AF_INET6, &client->sin6_addr, from, sizeof from);
  int length = snprintf(body, sizeof body, "%s %s\n", name, strncmp(from, "::ffff:", 7) ? from : from + 7);
  int size = snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", length, body);
  if (write(connection, response, size) != size) perror("pod: write");
}

static int http(int port, const char* name) {
  int on = 1, off = 0, listener = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(listener, (void*)&address, sizeof address) || listen(listener, 512)) return perror("pod"), 1;
  signal(SIGTERM, linger);
  signal(SIGALRM, quit);
  signal(SIGCHLD, SIG_IGN);  // a child for each connection, reaped by the kernel
  for (;;) {
    struct sockaddr_in6 client;
    socklen_t length = sizeof client;
    int connection = accept(listener, (void*)&client, &length);
    if (connection < 0) continue;
    if (fork() == 0) {
      signal(SIGTERM, SIG_IGN);
      answer(connection, name, &client);
      _exit(0);
    }
    close(connection);
  }
}

int main(int count, char** words) {
  signal(SIGTERM, quit);
  signal(SIGINT, quit);
  if (count == 4 && !strcmp(words[1], "http")) return http(atoi(words[2]), words[3]);
  if (count == 2 && !strcmp(words[1], "pause")) {
    signal(SIGCHLD, reap);
    for (;;) pause();
  }
  fprintf(stderr, "pod: pause | http PORT NAME\n");
  return 2;
}
