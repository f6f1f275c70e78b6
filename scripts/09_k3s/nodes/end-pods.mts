// POSIX shell that ends the processes of pods. Not for `sh -c`, whose words would be found as a shim.

/**
 * Functions: `shims` and `strays` print the processes of pods, `tree PID...` those and whatever they started.
 */
export const podFunctions = `# Pods outlive the service: their shims, and whatever those started; a shim may have died before its pod.
shims() {
  for process in /proc/[0-9]*; do
    if tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q 'containerd-shim.* -address /run/k3s/'; then echo "\${process#/proc/}"; fi
  done
}
tree() {
  for pid in "$@"; do
    echo "$pid"
    tree $(cat /proc/"$pid"/task/*/children 2>/dev/null)
  done
}
# 0 is a process of another namespace, and for kill this script.
strays() { find /sys/fs/cgroup/kubepods* /sys/fs/cgroup/*/kubepods* -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 | sort -u; }`

/** Kills every process of pods; exits with 1 when one does not end. K3s must have ended: it would start them again. */
export const endPods = `for again in 1 2 3 4 5 6 7 8 9 10; do
  pids=$(tree $(shims) $(strays))
  [ -n "$pids" ] || break
  kill -KILL $pids 2>/dev/null || :
  sleep 0.5
done
[ -z "$pids" ] || { echo "processes of pods do not end: $pids" >&2; exit 1; }`
