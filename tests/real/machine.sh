#!/bin/sh
# A machine of a test's own, for real superservers and mail programs: its files, its processes, its name and its
# /dev/log are nobody else's. It lives until this script's standard input ends.
#
#   machine.sh DIR INIT [PEER ...]
#
# DIR       an empty directory below which the machine's files come to lie; DIR/log is its syslogd, DIR/usr is laid
#           over /usr, DIR/pid gets a process id for nsenter(1), DIR/ready shows that it is up
# INIT      its first process: cat, or systemd with the unit files in DIR/units
# PEER ...  unpacked packages, laid over /usr and /etc as if they were installed
set -eu

# The second half: inside, as process 1.
if [ "$1" = inside ]; then
    dir=$2
    init=$3
    shift 3
    # sendmail sleeps for a minute when its host has no fully qualified name.
    hostname mailer.example.test
    mkdir -p "$dir/etc" "$dir/dev" "$dir/var/spool/mqueue" "$dir/var/lib/sendmail/host_status" "$dir/var/tmp"
    cp -a /etc/. "$dir/etc/"
    # No package of ours was ever here.
    sed -i '/^smtps-bridge:/d' "$dir/etc/passwd" "$dir/etc/group"
    usr=$dir/usr
    for peer; do
        usr=$usr:$peer/usr
        if [ -d "$peer/etc" ]; then cp -a "$peer/etc/." "$dir/etc/"; fi
    done
    mount -t overlay -o "lowerdir=$usr:/usr" overlay /usr
    mount --bind "$dir/etc" /etc
    mount --bind "$dir/var" /var
    mount -t tmpfs -o mode=755 tmpfs /run
    ln -s /run /var/run
    printf '127.0.0.1 localhost smtp.example.com\n127.0.1.1 mailer.example.test mailer\n' > /etc/hosts
    # Nobody answers there, and says so at once.
    echo 'nameserver 127.0.0.1' > /etc/resolv.conf
    for node in null zero full random urandom tty; do
        : > "$dir/dev/$node"
        mount --bind "/dev/$node" "$dir/dev/$node"
    done
    ln -s /proc/self/fd "$dir/dev/fd"
    ln -s "$dir/log" "$dir/dev/log"
    mount --rbind "$dir/dev" /dev
    if [ "$init" != systemd ]; then
        : > "$dir/ready"
        # Reads a pipe that nobody writes to: it has nothing to do but to be there.
        exec cat "$dir/idle"
    fi
    # systemd mounts a credential in a namespace of its own, on /dev/shm, and moves it to where the service sees it.
    mkdir /dev/shm
    mount --make-rshared /
    umount -R -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH="$dir/units:/etc/systemd/system" /lib/systemd/systemd \
        --log-target=console --show-status=no --unit=test.target systemd.unified_cgroup_hierarchy=1
fi

# The first half: outside.
dir=$1
init=$2
mkfifo "$dir/idle"
enter=
group=
if [ "$init" = systemd ]; then
    # systemd wants a control group of its own, which it takes for the root.
    mkdir "$dir/cgroup"
    mount -t cgroup2 cgroup2 "$dir/cgroup"
    group=$dir/cgroup/$(basename "$dir")
    mkdir "$group"
    enter=-C
fi
sh -c 'if [ -n "$0" ]; then echo $$ > "$0/cgroup.procs"; fi; exec "$@"' "$group" \
    unshare -m -u -i -p $enter -f --mount-proc --kill-child sh "$(dirname "$0")/machine.sh" inside "$@" &
machine=$!
echo "$machine" > "$dir/pid"
cat > /dev/null
kill -KILL "$machine" || :
wait "$machine" || :
if [ -n "$group" ]; then
    # Process 1 dies with its parent, but not before it.
    tries=100
    until find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || [ "$tries" = 0 ]; do
        sleep 0.05
        tries=$((tries - 1))
    done
    umount "$dir/cgroup"
fi
