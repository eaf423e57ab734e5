/*
 * A cable that is bad in one direction: every Ethernet frame that arrives at the interface NEAR leaves at FAR after
 * DELAY_MS, unless it is lost, as LOSS_PERCENT of them are at random; frames from FAR leave at NEAR at once. What the
 * kernel's netem does, for kernels that lack it.
 *
 *   relay SEED LOSS_PERCENT DELAY_MS NEAR FAR
 *
 * Says "ready" once it hears both ends. Each line on stdin is answered with the frames lost and delayed so far.
 * Ends with its stdin.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* A whole segment of TCP that the kernel has not cut into frames yet. */
#define MAX_FRAME (sizeof(struct virtio_net_hdr) + 14 + 65536)
/* Past it frames are lost, as in any queue. */
#define MAX_QUEUED 4096

struct frame {
  struct frame *next;
  int64_t due_ms;
  size_t bytes;
  unsigned char content[];
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void set(int fd, int option, int value, const char *what) {
  if (setsockopt(fd, SOL_PACKET, option, &value, sizeof value) < 0) fail(what);
}

static int hear(const char *name) {
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  at.sll_ifindex = (int)if_nametoindex(name);
  if (at.sll_ifindex == 0) fail(name);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  /* Not what was sent here, by us or by this end's own kernel: it would go round. */
  set(fd, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  /* Frames of virtual cables have no checksums yet, and may be segments to be cut: this header says so, both ways. */
  set(fd, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0) fail("PACKET_ADD_MEMBERSHIP");
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) fail("bind");
  return fd;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t state;

/* xorshift32 */
static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "relay SEED LOSS_PERCENT DELAY_MS NEAR FAR\n");
    return 2;
  }
  state = (uint32_t)strtoul(argv[1], NULL, 10) * 2654435761u | 1;
  uint32_t loss_percent = (uint32_t)strtoul(argv[2], NULL, 10);
  int64_t delay_ms = strtol(argv[3], NULL, 10);
  int near_end = hear(argv[4]);
  int far_end = hear(argv[5]);
  struct frame *first = NULL, **last = &first;
  unsigned long queued = 0, lost = 0, delayed = 0;
  static unsigned char buffer[MAX_FRAME];
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    int64_t now = now_ms();
    while (first != NULL && first->due_ms <= now) {
      struct frame *frame = first;
      /* One that does not go out now is lost, as on a cable. */
      if (write(far_end, frame->content, frame->bytes) > 0) delayed++;
      first = frame->next;
      if (first == NULL) last = &first;
      free(frame);
      queued--;
    }
    struct pollfd ends[] = {{near_end, POLLIN, 0}, {far_end, POLLIN, 0}, {0, POLLIN, 0}};
    if (poll(ends, 3, first == NULL ? -1 : (int)(first->due_ms - now)) < 0) continue;
    if (ends[0].revents) {
      ssize_t bytes = read(near_end, buffer, sizeof buffer);
      if (bytes > 0) {
        struct frame *frame = draw() % 100 < loss_percent || queued == MAX_QUEUED
          ? NULL : malloc(sizeof *frame + (size_t)bytes);
        if (frame == NULL) lost++;
        else {
          frame->next = NULL;
          frame->due_ms = now_ms() + delay_ms;
          frame->bytes = (size_t)bytes;
          memcpy(frame->content, buffer, (size_t)bytes);
          *last = frame;
          last = &frame->next;
          queued++;
        }
      }
    }
    if (ends[1].revents) {
      ssize_t bytes = read(far_end, buffer, sizeof buffer);
      if (bytes > 0 && write(near_end, buffer, (size_t)bytes) < 0) perror("write");
    }
    if (ends[2].revents) {
      char line[64];
      if (read(0, line, sizeof line) <= 0) return 0;
      printf("%lu %lu\n", lost, delayed);
      fflush(stdout);
    }
  }
}
