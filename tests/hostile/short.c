/* Preloaded by tests/hostile/short.rs: every read and write moves 1 to 7 octets, and every second one is interrupted
 * first. A kernel may do both at any time (read(2), write(2), signal(7)). */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_uint calls;

/* How many octets this call may move; 0: it is interrupted. */
static size_t turn(size_t n)
{
	unsigned call = atomic_fetch_add(&calls, 1);
	size_t most = call % 13 % 7 + 1;

	if (call % 2 == 0) {
		errno = EINTR;
		return 0;
	}
	return n < most ? n : most;
}

#define SHORTLY(n, call) \
	size_t some = turn(n); \
	return some == 0 && (n) > 0 ? -1 : (call)

ssize_t read(int fd, void *to, size_t n) { SHORTLY(n, syscall(SYS_read, fd, to, some)); }
ssize_t write(int fd, const void *from, size_t n) { SHORTLY(n, syscall(SYS_write, fd, from, some)); }
ssize_t recv(int fd, void *to, size_t n, int flags) { SHORTLY(n, syscall(SYS_recvfrom, fd, to, some, flags, 0, 0)); }

/* A datagram to syslogd goes whole or not at all. */
ssize_t send(int fd, const void *from, size_t n, int flags)
{
	int type = 0;
	socklen_t size = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM)
		return syscall(SYS_sendto, fd, from, n, flags, 0, 0);
	SHORTLY(n, syscall(SYS_sendto, fd, from, some, flags, 0, 0));
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	static atomic_uint polls;

	if (atomic_fetch_add(&polls, 1) % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_poll, fds, n, timeout);
}
