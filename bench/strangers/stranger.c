/* A C node made with ei in the benchmarks: the exchange of bench_beam.erl, in C. Args: own name before the @, cookie.
 * Reads one order a line and answers each with a line: microseconds, `ok`, or `failed: why`, and then ends.
 *
 *   one_way NODE COUNT   COUNT small messages to the name `sink` there
 *   calls NODE COUNT     COUNT calls of the name `adder` there, one after the other
 *   sink                 `listening` at once, `ok` when the messages of whoever connects to us have come
 *   close                ends that connection
 *
 * Nobody answers ticks while no order is carried out, so connections last for one order. */
#include <arpa/inet.h>
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ei_cnode ec;
static ei_x_buff in, out;

static void die(const char *what) {
  printf("failed: %s (%d)\n", what, erl_errno);
  fflush(stdout);
  exit(1);
}

static void say(const char *text) {
  printf("%s\n", text);
  fflush(stdout);
}

static long long now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static int connected(char *node) {
  int fd = ei_connect(&ec, node);
  if (fd < 0) die("connect");
  return fd;
}

static void begin(int arity) {
  out.index = 0;
  if (ei_x_encode_version(&out) < 0 || ei_x_encode_tuple_header(&out, arity) < 0) die("encode");
}

/* The next message, which is a tuple whose first element is at *index. */
static int receive(int fd, int *index) {
  erlang_msg msg;
  int got, version, arity;
  do {
    in.index = 0;
    got = ei_xreceive_msg(fd, &msg, &in);
  } while (got == ERL_TICK || (got == ERL_MSG && msg.msgtype != ERL_SEND && msg.msgtype != ERL_REG_SEND));
  if (got != ERL_MSG) die("receive");
  *index = 0;
  if (ei_decode_version(in.buff, index, &version) < 0 || ei_decode_tuple_header(in.buff, index, &arity) < 0)
    die("not a tuple");
  return arity;
}

static int is_atom(int *index, const char *name) {
  char atom[MAXATOMLEN];
  return ei_decode_atom(in.buff, index, atom) == 0 && strcmp(atom, name) == 0;
}

static void one_way(char *node, long count) {
  int fd = connected(node), index;
  erlang_pid sink;
  long long start;
  begin(3);
  ei_x_encode_atom(&out, "start");
  ei_x_encode_pid(&out, ei_self(&ec));
  ei_x_encode_long(&out, count);
  if (ei_reg_send(&ec, fd, "sink", out.buff, out.index) < 0) die("reg_send");
  receive(fd, &index);
  if (!is_atom(&index, "ready") || ei_decode_pid(in.buff, &index, &sink) < 0) die("no sink");
  start = now_us();
  for (long i = 1; i <= count; i++) {
    begin(2);
    ei_x_encode_atom(&out, "msg");
    ei_x_encode_long(&out, i);
    if (ei_send(fd, &sink, out.buff, out.index) < 0) die("send");
  }
  receive(fd, &index);
  if (!is_atom(&index, "done")) die("the sink complains");
  printf("%lld\n", now_us() - start);
  fflush(stdout);
  close(fd);
}

/* ei has no gen_server:call: a request and its answer, without the monitor that one has. The tag is any term. */
static void calls(char *node, long count) {
  int fd = connected(node), index;
  long long start = now_us();
  for (long i = 1; i <= count; i++) {
    long tag, sum;
    begin(3);
    ei_x_encode_atom(&out, "$gen_call");
    ei_x_encode_tuple_header(&out, 2);
    ei_x_encode_pid(&out, ei_self(&ec));
    ei_x_encode_long(&out, i);
    ei_x_encode_tuple_header(&out, 2);
    ei_x_encode_atom(&out, "add");
    ei_x_encode_long(&out, i);
    if (ei_reg_send(&ec, fd, "adder", out.buff, out.index) < 0) die("reg_send");
    receive(fd, &index);
    if (ei_decode_long(in.buff, &index, &tag) < 0 || tag != i) die("an answer to something else");
    if (ei_decode_long(in.buff, &index, &sum) < 0 || sum != i + 1) die("a wrong sum");
  }
  printf("%lld\n", now_us() - start);
  fflush(stdout);
  close(fd);
}

static int sink(int listening) {
  ErlConnect peer;
  erlang_pid from;
  long count, value;
  int fd, index;
  say("listening");
  if ((fd = ei_accept(&ec, listening, &peer)) < 0) die("accept");
  receive(fd, &index);
  if (!is_atom(&index, "start") || ei_decode_pid(in.buff, &index, &from) < 0 ||
      ei_decode_long(in.buff, &index, &count) < 0)
    die("no start");
  begin(2);
  ei_x_encode_atom(&out, "ready");
  ei_x_encode_pid(&out, ei_self(&ec));
  if (ei_send(fd, &from, out.buff, out.index) < 0) die("send");
  for (long i = 1; i <= count; i++) {
    receive(fd, &index);
    if (!is_atom(&index, "msg") || ei_decode_long(in.buff, &index, &value) < 0 || value != i)
      die("a message is missing");
  }
  begin(2);
  ei_x_encode_atom(&out, "done");
  ei_x_encode_long(&out, count);
  if (ei_send(fd, &from, out.buff, out.index) < 0) die("send");
  say("ok");
  return fd;
}

int main(int argc, char **argv) {
  char full[512], line[1024], node[512];
  struct in_addr here;
  int listening, accepted = -1, port = 0;
  long count;

  if (argc != 3) die("two arguments: name, cookie");
  ei_init();
  here.s_addr = htonl(INADDR_LOOPBACK);
  snprintf(full, sizeof full, "%s@127.0.0.1", argv[1]);
  if (ei_connect_xinit(&ec, "127.0.0.1", argv[1], full, &here, argv[2], 0) < 0) die("init");
  if ((listening = ei_xlisten(&ec, &here, &port, 5)) < 0) die("listen");
  if (ei_publish(&ec, port) < 0) die("publish");
  ei_x_new(&in);
  ei_x_new(&out);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "one_way %511s %ld", node, &count) == 2) one_way(node, count);
    else if (sscanf(line, "calls %511s %ld", node, &count) == 2) calls(node, count);
    else if (strncmp(line, "sink", 4) == 0) accepted = sink(listening);
    else if (strncmp(line, "close", 5) == 0) {
      if (accepted >= 0) close(accepted);
      accepted = -1;
      say("ok");
    } else die("unknown order");
  }
  return 0;
}
