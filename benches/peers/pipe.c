/* The floor: both ways between descriptor 0 and a TCP port of this machine, no TLS, no checks, nothing shared. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

/* Ends the process at the end of either side. */
static void copy(int from, int to) {
    ssize_t n = read(from, buffer, sizeof buffer), done = 0, w;
    if (n <= 0) exit(0);
    for (; done < n; done += w)
        if ((w = write(to, buffer + done, n - done)) <= 0) exit(1);
}

int main(int argc, char **argv) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = s, .events = POLLIN}};
    if (argc != 2 || (to.sin_port = htons(atoi(argv[1])), connect(s, (void *)&to, sizeof to))) return 1;
    while (poll(fds, 2, -1) > 0) {
        if (fds[0].revents) copy(0, s);
        if (fds[1].revents) copy(s, 1);
    }
    return 1;
}
